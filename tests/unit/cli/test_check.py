"""`tandem check`: its words, its JSON and its exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.ledger.shadow import add_shadow
from tandem.ledger.store import Ledger
from tandem.loop import in_force
from tandem.loop.in_force import InForce
from tandem.quality.calibration.threshold import HEAD_ANSWERED
from tests.unit.cli.shell import INVALID, Run
from tests.unit.ledger.rows import answer, profile
from tests.unit.ledger.test_shadow import row
from tests.unit.loop.test_drift import fill
from tests.unit.nodes.calibrations import calibrate, promise, services
from tests.unit.quality.calibration.rows import LABELS


def test_without_calibrations_nothing_is_promised(run: Run) -> None:
    told = run("check")
    assert told.code == 0
    assert "nothing is promised" in told.out


def test_a_promise_out_of_force_ends_with_5(run: Run, tmp_path: Path) -> None:
    calibrate(services(tmp_path), promise("head"))  # of the embeddings "fake"
    told = run("check")
    assert told.code == 5
    assert f"sentiment ({', '.join(LABELS)}): BROKEN" in told.out
    assert "other embeddings" in told.out
    assert "tandem calibrate sentiment" in told.out
    assert run("check", "--task", "faq").code == 0


def test_json(run: Run, tmp_path: Path) -> None:
    calibrate(services(tmp_path), promise("head", threshold=None))
    ledger = Ledger(f"sqlite:///{tmp_path}/.tandem/ledger.sqlite")
    ledger.start("r1", {"text": "x"}, profile(task="extraction"))
    ledger.finish("r1", answer("r1", task="extraction", profile=profile(task="extraction")))
    add_shadow(ledger, row("r1"))
    ledger.close()
    told = run("check", "--json")
    assert told.code == 0
    figures = json.loads(told.out)
    assert [one["status"] for one in figures["calibrated"]] == ["no promise"]
    (other,) = figures["uncalibrated"]
    assert (other["task"], other["agreement"]) == ("extraction", 1.0)
    assert "extraction: nothing is promised" in run("check").out
    shown = run("report").out
    assert "Shadow" in shown
    assert "100.0%" in shown


@pytest.mark.parametrize("words", [("--since", "soon"), ("--task", "nonsense"), ("--rows", "1")])
def test_bad_input_is_told(run: Run, words: tuple[str, ...]) -> None:
    assert run("check", *words).code == INVALID


def test_what_left_outside_the_promise_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that the SLM gave by margin, beside a promise of the head alone."""
    told = InForce("sentiment", LABELS, promise=promise("head"), promised=True, who=HEAD_ANSWERED)
    monkeypatch.setattr(in_force, "in_force", lambda *_: [told])
    fill(Ledger(f"sqlite:///{tmp_path}/.tandem/ledger.sqlite"), [0.9] * 3, tier="slm")
    said = run("check").out
    assert "3 more answers left without the LLM, by margin" in said
    assert "promise: of the answers that the head gives" in said


def test_heads_that_ship_are_told_with_what_they_promise_and_of_what(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = InForce(
        "sentiment", LABELS, promise=promise("head"), shipped=True, data="Gold headlines"
    )
    stale = InForce("faq", shipped=True, data="A handbook", notes=("made with other embeddings",))
    monkeypatch.setattr(in_force, "in_force", lambda *_: [head, stale])
    told = run("check")
    assert told.code == 0
    assert "No calibration of your own is in force" in told.out
    assert "nothing was tried on yours" in told.out
    assert f"sentiment ({', '.join(LABELS)}), made of Gold headlines" in told.out
    assert promise("head").words("sentiment") in told.out
    assert "faq, made of A handbook\n  nothing is promised\n  - made with other emb" in told.out
    assert [one["task"] for one in json.loads(run("check", "--json").out)["shipped"]] == [
        "sentiment",
        "faq",
    ]
    fill(Ledger(f"sqlite:///{tmp_path}/.tandem/ledger.sqlite"), [0.9] * 3)
    said = run("check", "--task", "sentiment").out
    assert "TOO FEW ROWS\n  shipped with Tandem, made of Gold headlines: what is" in said
    assert "In force and shipped" not in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"certified": (0.8,), "file": "own.json"}, ["quality = 0.8", "delete own.json"]),
        ({"certified": (), "file": "own.json"}, ["more labelled rows", "delete own.json"]),
        ({"promise": replace(promise("head"), agreement=True)}, ["uniformly", "give a promise"]),
        ({"escalation": "never"}, ['escalation = "guarantee"']),
    ],
)
def test_where_nothing_is_promised_there_is_a_next_step(
    run: Run, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: list[str]
) -> None:
    told = replace(InForce("sentiment", LABELS), **changes)
    monkeypatch.setattr(in_force, "in_force", lambda *_: [told])
    shown = run("check").out
    assert "NO PROMISE" in shown
    (step,) = [line for line in shown.splitlines() if "What to do" in line]
    for words in said:
        assert words in step
