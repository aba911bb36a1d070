"""`tandem feedback` on a ledger that a run left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.ledger.store import Ledger
from tests.unit.cli.shell import Run
from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, run: Run) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/.tandem/ledger.sqlite")
    ledger.start("r1", {"text": "x"}, profile(), decision())
    ledger.add_attempt("r1", attempt("a1"))
    ledger.add_verdict("r1", verdict("a1"))
    ledger.finish("r1", answer("r1"))
    ledger.close()


def test_a_word_is_noted(run: Run) -> None:
    told = run("feedback", "r1", "--correct")
    assert (told.code, told.out) == (0, "r1: noted as correct.\n")


def test_a_value_that_is_not_kept_is_told(run: Run) -> None:
    told = run("feedback", "r1", "--wrong", "--value", "billing")
    assert (told.code, told.out) == (0, "r1: noted as wrong.\n")
    assert "ledger.texts" in told.err
    assert "billing" not in told.err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("r2", "--wrong"), "no run of that id"),
        (("r1",), "Nothing was said"),
        (("r1", "--value", "billing"), "could not be compared"),
        (("r1", "--value", " "), "empty"),
        (("r1", "--value", "[" * 100_000), "nested too deeply"),
    ],
)
def test_bad_input_is_told(run: Run, words: tuple[str, ...], error: str) -> None:
    told = run("feedback", *words)
    assert told.code == 2
    assert error in told.err
