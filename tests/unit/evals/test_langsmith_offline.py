"""`langsmith.evaluate` on Tandem's suites, and nothing that leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langsmith.utils import get_env_var

from tandem.errors import SettingsError
from tandem.evals.langsmith_offline import evaluate_offline
from tandem.privacy import tracing
from tandem.services import Services
from tandem.settings import Cache, Settings
from tests.langsmith_recorder import Langsmith, recorder
from tests.unit.evals.fakes import RulePool, RuleTier
from tests.unit.fakes import completion

SUITE = """
[suite]
name = "films"
task = "sentiment"
data = "films.jsonl"
primary = "label_match"
[request]
labels = ["positive", "negative"]
[evaluators.label_match]
[evaluators.cost]
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    rows = [{"id": f"f{n}", "input": f"Film {n}.", "expected": "positive"} for n in range(4)]
    (tmp_path / "films.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "films.toml").write_text(SUITE, encoding="utf-8")
    pool = RulePool(
        RuleTier("slm", lambda text: "positive" if "1" in text else "negative"),
        RuleTier("llm", lambda text: completion("positive", cost=0.5)),
    )
    monkeypatch.setattr(Services, "pool", pool)
    return str(tmp_path / "films.toml")


@pytest.fixture(params=["false", "true"])
def langsmith(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Langsmith]:
    """A service that must not hear of it, whether or not traces are switched on."""
    with recorder() as made:
        monkeypatch.setenv("LANGSMITH_API_KEY", "a-key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", made.url)
        monkeypatch.setenv("LANGSMITH_TRACING", request.param)
        tracing._masking_client.cache_clear()
        get_env_var.cache_clear()
        yield made
        tracing._masking_client.cache_clear()
        get_env_var.cache_clear()


@pytest.mark.parametrize(("policy", "right"), [("slm_only", 1), ("llm_only", 4), ("tandem", 1)])
def test_a_policy_as_an_experiment(
    tmp_path: Path, suite: str, langsmith: Langsmith, policy: str, right: int
) -> None:
    settings = Settings(home=tmp_path, cache=Cache(dir=str(tmp_path / "cache")))

    def served(outputs: dict[str, Any]) -> dict[str, Any]:
        return {"key": "served", "score": outputs["output"] is not None}

    made = evaluate_offline(settings, suite, policy, folder=tmp_path / "out", evaluators=[served])
    rows = list(made)
    assert len(rows) == 4
    scores = [{one.key: one.score for one in row["evaluation_results"]["results"]} for row in rows]
    assert sum(one["label_match"] for one in scores) >= right  # type: ignore[misc]
    assert {"cost", "served"} <= set(scores[0])
    assert {row["run"].outputs["policy"] for row in rows} == {policy}
    assert langsmith.seen == []


def test_a_row_that_fails_is_a_result(
    tmp_path: Path, suite: str, langsmith: Langsmith, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str) -> str:
        raise ZeroDivisionError(text)

    monkeypatch.setattr(
        Services, "pool", RulePool(RuleTier("slm", broken), RuleTier("llm", broken))
    )
    settings = Settings(home=tmp_path, cache=Cache(dir=str(tmp_path / "cache")))
    rows = list(evaluate_offline(settings, suite, "slm_only", folder=tmp_path / "out", n=2))
    assert [row["run"].outputs["error"]["code"] for row in rows] == ["unexpected"] * 2
    assert langsmith.seen == []


def test_an_unknown_policy_is_told(tmp_path: Path, suite: str) -> None:
    settings = Settings(home=tmp_path, cache=Cache(dir=str(tmp_path / "cache")))
    with pytest.raises(SettingsError, match="no policy"):
        evaluate_offline(settings, suite, "best", folder=tmp_path / "out")
