"""A suite as pytest tests: LangSmith's plugin logs them where there is a key (see conftest.py)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tandem.evals.pytest_suite import SuiteUnderTest, rows
from tests.live.house import Home


@pytest.fixture
def headlines(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteUnderTest]:
    folder = tmp_path_factory.mktemp("headlines")
    with SuiteUnderTest(home.settings(), "headlines", "tandem", folder) as suite:
        yield suite


@pytest.mark.langsmith
@pytest.mark.parametrize("row", rows("headlines", n=3))
def test_headline(row: str, headlines: SuiteUnderTest) -> None:
    result = headlines.run(row)
    assert result["status"] in ("accepted", "unverified", "needs_review")
    assert result["scores"]["label_match"] in (0.0, 1.0)
    assert result["routed_task"] == "sentiment"
    assert result["seconds"] > 0
