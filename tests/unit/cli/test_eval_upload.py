"""`tandem eval --upload` from end to end, to a LangSmith on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.errors import UploadError
from tests.langsmith_recorder import Fault, Langsmith, recorder
from tests.unit.cli.test_eval import pool, run
from tests.unit.evals.fakes import RulePool

__all__ = ["pool"]


@pytest.fixture
def langsmith(monkeypatch: pytest.MonkeyPatch) -> Iterator[Langsmith]:
    with recorder() as made:
        monkeypatch.setenv("LANGSMITH_API_KEY", "a-key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", made.url)
        yield made


def test_results_that_are_there_are_uploaded_once(
    tmp_path: Path, pool: RulePool, langsmith: Langsmith
) -> None:
    run(tmp_path)
    asked = pool.slm.asked + pool.llm.asked
    assert langsmith.seen == []
    made = run(tmp_path, "--upload")
    assert made.exit_code == 0, made.output
    assert "LangSmith dataset tandem-films-" in made.output
    assert made.output.count("8 rows sent") == 3
    assert pool.slm.asked + pool.llm.asked == asked
    assert (len(langsmith.examples), len(langsmith.runs)) == (8, 24)
    again = run(tmp_path, "--upload")
    assert again.output.count("0 rows sent, 8 were there") == 3
    assert (len(langsmith.examples), len(langsmith.runs), langsmith.twice) == (8, 24, [])


def test_after_a_failure_the_same_command_goes_on(
    tmp_path: Path, pool: RulePool, langsmith: Langsmith
) -> None:
    langsmith.faults.append(Fault("POST /runs", 401, times=1, skip=1))
    failed = run(tmp_path, "--upload")
    assert isinstance(failed.exception, UploadError)
    asked = pool.slm.asked + pool.llm.asked
    made = run(tmp_path, "--upload")
    assert made.exit_code == 0, made.output
    assert pool.slm.asked + pool.llm.asked == asked
    assert (len(langsmith.runs), langsmith.twice) == (24, [])


def test_without_a_key_nothing_is_run(
    tmp_path: Path, pool: RulePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LANGSMITH_API_KEY", raising=False)
    made = run(tmp_path, "--upload")
    assert isinstance(made.exception, UploadError)
    assert pool.slm.asked == 0


def test_without_upload_nothing_is_sent(
    tmp_path: Path, pool: RulePool, langsmith: Langsmith
) -> None:
    assert run(tmp_path).exit_code == 0
    assert langsmith.seen == []


def test_a_judge_is_told_with_its_agreement(tmp_path: Path, pool: RulePool) -> None:
    pool.llm.rule = lambda text: (
        '{"reasoning": "", "score": true}' if "Is it good?" in text else "positive"
    )
    run(tmp_path, "--n", 1)
    suite = tmp_path / "films.toml"
    text = suite.read_text(encoding="utf-8")
    suite.write_text(text + "[evaluators.judge]\n", encoding="utf-8")
    made = run(tmp_path, "--policy", "slm_only", "--n", 1)
    assert made.exit_code == 0, made.output
    assert "agrees with 12 of 24 labels" in made.output
    assert "kappa 0.00, bar 0.6: its scores are NOT to be believed" in made.output
