"""`tandem eval` on a suite of one's own, with models that answer by a rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tandem.cli.eval import EXIT_FELL
from tandem.cli.main import app
from tandem.errors import InvalidRequest, SettingsError, TandemError
from tandem.evals import pictures
from tandem.models.tier import Prompt
from tandem.nodes.labels import LabelTask
from tandem.services import Services
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
"""


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RulePool:
    rows = [
        {"id": f"film-{number}", "input": f"Film {number}.", "expected": "positive"}
        for number in range(8)
    ]
    (tmp_path / "films.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "films.toml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "tandem.toml").write_text('[cache]\ndir = "cache"\n', encoding="utf-8")
    made = RulePool(
        RuleTier("slm", lambda text: "positive" if "1" in text else "negative"),
        RuleTier("llm", lambda text: completion("positive", cost=0.5)),
    )
    monkeypatch.setattr(Services, "pool", made)
    monkeypatch.setattr(pictures, "available", lambda: False)
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path / "cache"))
    return made


def run(folder: Path, *words: Any) -> Result:
    command = ["--settings", str(folder / "tandem.toml"), "eval", str(folder / "films.toml")]
    return CliRunner().invoke(app, [*command, *map(str, words)])


def test_policies_side_by_side(tmp_path: Path, pool: RulePool) -> None:
    made = run(tmp_path)
    assert made.exit_code == 0, made.output
    for name in ("slm_only", "llm_only", "tandem", "oracle"):
        assert name in made.output
    assert "tandem against llm_only on 8 rows" in made.output
    folder = tmp_path / ".tandem" / "evals" / "films"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    figures = {one["policy"]: one for one in summary["groups"][0]["policies"]}
    assert figures["slm_only"]["quality"]["mean"] == 0.125
    assert figures["llm_only"]["quality"]["mean"] == 1.0
    assert figures["llm_only"]["cost"] == 4.0
    assert summary["settings"]["models"]["llm-embedded"]["price"]["priced_as"]
    assert len((folder / "results.jsonl").read_text(encoding="utf-8").splitlines()) == 24


def test_a_repeat_runs_nothing_and_fresh_asks_no_model(tmp_path: Path, pool: RulePool) -> None:
    out = tmp_path / "out"
    run(tmp_path, "--policy", "slm_only", "--out", out)
    before = (out / "results.jsonl").read_bytes()
    run(tmp_path, "--policy", "slm_only", "--out", out)
    assert (out / "results.jsonl").read_bytes() == before
    run(tmp_path, "--policy", "slm_only", "--out", out, "--fresh")
    assert (out / "results.jsonl").read_bytes() != before
    assert pool.slm.asked == 8


def test_more_rows_and_policies_join_what_is_there(tmp_path: Path, pool: RulePool) -> None:
    out = tmp_path / "out"
    run(tmp_path, "--policy", "slm_only", "--n", 3, "--out", out)
    made = run(tmp_path, "--policy", "slm_only", "--policy", "llm_only", "--out", out)
    assert made.exit_code == 0, made.output
    assert len((out / "results.jsonl").read_text(encoding="utf-8").splitlines()) == 16


def test_other_settings_start_anew(tmp_path: Path, pool: RulePool) -> None:
    out = tmp_path / "out"
    run(tmp_path, "--policy", "slm_only", "--out", out)
    before = (out / "results.jsonl").read_bytes()
    settings = tmp_path / "tandem.toml"
    settings.write_text("[tasks.sentiment]\nmin_margin = 0.9\n", encoding="utf-8")
    run(tmp_path, "--policy", "slm_only", "--out", out)
    assert (out / "results.jsonl").read_bytes() != before


def test_the_gate_fails_where_quality_fell(tmp_path: Path, pool: RulePool) -> None:
    baseline = tmp_path / "baseline.json"
    words = ["--policy", "slm_only", "--out", tmp_path / "out"]
    assert run(tmp_path, *words, "--save-baseline", baseline).exit_code == 0
    held = run(tmp_path, *words, "--against", baseline)
    assert (held.exit_code, "holds" in held.output) == (0, True)
    high = {"films": {"films": {"slm_only": {"mean": 0.9, "low": 0.8, "high": 1.0, "n": 8}}}}
    baseline.write_text(json.dumps(high), encoding="utf-8")
    fell = run(tmp_path, *words, "--against", baseline)
    assert (fell.exit_code, "FELL" in fell.output) == (EXIT_FELL, True)


def test_the_gate_sees_a_broken_instruction_past_kept_answers(
    tmp_path: Path, pool: RulePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.slm.rule = lambda text: "negative" if "the opposite" in text else "positive"
    baseline = tmp_path / "baseline.json"
    words = ["--policy", "slm_only", "--out", tmp_path / "out"]
    run(tmp_path, *words, "--save-baseline", baseline)
    made = LabelTask._prompt

    def broken(*given: Any) -> Prompt:
        prompt = made(*given)
        *before, last = prompt.messages
        ask = {**last, "content": f"Say the opposite. {last['content']}"}
        return replace(prompt, messages=[*before, ask])

    monkeypatch.setattr(LabelTask, "_prompt", broken)
    fell = run(tmp_path, *words, "--fresh", "--against", baseline)
    assert (fell.exit_code, "FELL" in fell.output) == (EXIT_FELL, True)


def test_policies_that_were_run_apart_join_one_report(tmp_path: Path, pool: RulePool) -> None:
    slm, llm = tmp_path / "slm", tmp_path / "llm"
    assert run(tmp_path, "--policy", "slm_only", "--out", slm).exit_code == 0
    assert run(tmp_path, "--policy", "llm_only", "--out", llm).exit_code == 0
    asked = pool.slm.asked, pool.llm.asked
    made = run(tmp_path, "--with", slm, "--with", llm, "--report", tmp_path / "told")
    assert made.exit_code == 0, made.output
    assert "slm_only against llm_only on 8 rows" in made.output
    assert (pool.slm.asked, pool.llm.asked) == asked
    assert not (tmp_path / ".tandem" / "evals").exists(), "nothing was run"
    (text,) = (path.read_text(encoding="utf-8") for path in (tmp_path / "told").glob("*.md"))
    assert "| oracle | 8 | 1.000" in text


def test_what_is_joined_is_told_but_not_held_to_the_baseline(
    tmp_path: Path, pool: RulePool
) -> None:
    slm, baseline = tmp_path / "slm", tmp_path / "baseline.json"
    run(tmp_path, "--policy", "slm_only", "--out", slm)
    words = ("--policy", "llm_only", "--with", slm, "--save-baseline", baseline)
    made = run(tmp_path, *words)
    assert made.exit_code == 0, made.output
    assert "llm_only against slm_only" in made.output
    assert list(json.loads(baseline.read_text(encoding="utf-8"))["films"]["films"]) == ["llm_only"]
    refused = run(tmp_path, "--with", slm, "--against", baseline)
    assert isinstance(refused.exception, InvalidRequest)


def test_a_suite_without_rows_says_so(tmp_path: Path, pool: RulePool) -> None:
    made = CliRunner().invoke(app, ["eval", "sroie"])
    assert made.exit_code == 0
    assert "skipped" in made.output
    assert "nothing to run" in made.output


def test_an_unknown_suite_is_told(tmp_path: Path, pool: RulePool) -> None:
    made = CliRunner().invoke(app, ["eval", "nothing"])
    assert isinstance(made.exception, SettingsError)


def test_where_every_row_ends_in_an_error_the_first_is_told(tmp_path: Path, pool: RulePool) -> None:
    suite = (tmp_path / "films.toml").read_text(encoding="utf-8")
    (tmp_path / "films.toml").write_text(
        suite.replace('["positive", "negative"]', '["positive", "positive"]'), encoding="utf-8"
    )
    made = run(tmp_path, "--policy", "tandem")
    assert isinstance(made.exception, TandemError)
    assert "A label is given more than once" in made.exception.what
