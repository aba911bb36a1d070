"""Suites as pytest tests, which LangSmith's pytest plugin logs where there is a key.

In a conftest.py:

    from tandem.evals.pytest_suite import configure

    def pytest_configure() -> None:
        configure()

and in a test file:

    @pytest.fixture(scope="module")
    def headlines(tmp_path_factory):
        with SuiteUnderTest(load(), "headlines", "tandem", tmp_path_factory.mktemp("run")) as suite:
            yield suite

    @pytest.mark.langsmith
    @pytest.mark.parametrize("row", rows("headlines", n=5))
    def test_headline(row, headlines):
        result = headlines.run(row)
        assert result["scores"]["label_match"] == 1.0

Assert on scores, status, cost: the plugin sends a failed assertion's text, and with it the values
that stand in it (masked as traces are).
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tandem.evals.evaluation import graders_of, open_cache
from tandem.evals.langsmith_client import KEY
from tandem.evals.loading import load_cases
from tandem.evals.masked import RowMasker, Withheld
from tandem.evals.result import Result
from tandem.evals.runner import tried
from tandem.evals.targets import Bench, make_target
from tandem.privacy.detectors import Detector
from tandem.privacy.tracing import anonymizer
from tandem.settings import Settings, load

TRACING = "LANGSMITH_TRACING"
TRACKING = "LANGSMITH_TEST_TRACKING"


def configure(
    environment: MutableMapping[str, str] | None = None, settings: Settings | None = None
) -> bool:
    """Make `@pytest.mark.langsmith` work with and without a key; whether tests are logged.

    Without a key (or with LANGSMITH_TRACING=false) the same tests run offline; the plugin alone
    would fail them. With one, the process's LangSmith client masks what it sends, by the detector
    of `settings` (else of ./tandem.toml). Call it before any other use of LangSmith.
    """
    environment = os.environ if environment is None else environment
    if not environment.get(KEY) or environment.get(TRACING, "true") == "false":
        environment[TRACKING] = "false"
        return False
    environment.setdefault(TRACING, "true")
    from langsmith.run_trees import get_cached_client

    detector = Detector.from_settings((settings or load()).privacy)
    get_cached_client(anonymizer=anonymizer(detector))
    return True


def rows(suite: str, n: int | None = None, data: Path | None = None) -> list[str]:
    """Ids of the first rows of a suite, for `pytest.mark.parametrize`. Ids, and not cases: the
    plugin sends a test's arguments. Raises as `load_cases`."""
    return [case["id"] for case in load_cases(suite, data, n).cases]


class SuiteUnderTest:
    """A suite under one policy, row by row.

    No dataclass, whose fields the plugin would send with a test's arguments.

    Parameters
    ----------
    settings: the settings.
    suite, data: see `load_cases`; no mixture.
    policy: see `tandem.evals.policies.FORMS`.
    folder: where the ledger goes.
    """

    def __init__(
        self, settings: Settings, suite: str, policy: str, folder: Path, data: Path | None = None
    ) -> None:
        loaded = load_cases(suite, data)
        self._cases = {case["id"]: case for case in loaded.cases}
        self._policy = policy
        self._bench = Bench(settings, open_cache(settings), folder)
        (own,) = loaded.suites.values()
        self._graders = graders_of(own, self._bench)
        self._target = make_target(policy, self._bench, lambda _: own.public)
        self._masker = RowMasker(self._bench.services.guard, own.public)

    def run(self, row: str) -> Result:
        """The row's result with its scores; logged, masked, where tests are logged.

        Raises
        ------
        KeyError: the suite has no such row.
        """
        case = self._cases[row]
        result = self._graders.grade(case, tried(self._policy, self._target, case))
        from langsmith import testing

        try:
            testing.log_inputs(self._masker.inputs(case, [result]))
            testing.log_reference_outputs(self._masker.reference(case))
            testing.log_outputs(self._masker.outputs(case, result))
        except Withheld:
            pass  # the scores tell enough
        for key, score in result["scores"].items():
            if score is not None:
                testing.log_feedback(key=key, score=score)
        return result

    def close(self) -> None:
        """Close what was opened."""
        self._bench.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self._policy}>"
