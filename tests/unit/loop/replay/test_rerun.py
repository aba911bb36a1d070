"""Asking again: a sample of what the ledger alone tells nothing of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import AnswerRejected, InvalidRequest, ModelUnavailable
from tandem.ledger.store import Ledger
from tandem.loop.replay.replaying import replay
from tandem.loop.replay.rerun import Rerunning
from tandem.nodes.sentiment import Sentiment
from tandem.settings import Policy
from tests.unit.ledger.rows import answer
from tests.unit.loop.replay.ledgers import Writer, llm_try, settings


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", texts="all")
    yield opened
    opened.close()


def followed(ledger: Ledger, folder: Path) -> Any:
    """Runs that began on the LLM, and would not."""
    old = settings(folder, policy=Policy(llm_above=0.5))
    return replay(ledger, old, settings(folder, policy=Policy(llm_above=0.9))).followed


def direct(written: Writer, name: str, label: str = "up", **fields: Any) -> None:
    written.run(name, llm_try("a1", label), decided={"tier": "llm"}, complexity=0.8, **fields)


def asked(ledger: Ledger, found: Any, most: int, ask: Any) -> Any:
    (told,) = Rerunning(ledger, ask, {"sentiment": Sentiment()}.get)(found, most)
    return told


def says(label: str, cost: float = 0.001) -> Any:
    output = {"label": label, "probabilities": {}}
    return lambda _request: answer(output=output, cost=cost, seconds=0.5)


def test_all_of_them_are_exact(ledger: Ledger, tmp_path: Path) -> None:
    written = Writer(ledger)
    for number in range(6):
        direct(written, f"r{number}", "up" if number < 4 else "down")
    told = asked(ledger, followed(ledger, tmp_path), 10, says("up"))
    assert (told["unknown"], told["kept"], told["asked"], told["compared"]) == (6, 6, 6, 6)
    assert told["cost"] == {"value": 0.006, "low": 0.006, "high": 0.006}
    assert told["others"] == {"value": 2.0, "low": 2.0, "high": 2.0}
    assert told["cost_then"] == pytest.approx(6 * 0.0112)


def test_a_sample_speaks_of_the_rest_with_an_interval(ledger: Ledger, tmp_path: Path) -> None:
    written = Writer(ledger)
    for number in range(60):
        direct(written, f"r{number}", "up" if number % 3 else "down")
    told = asked(ledger, followed(ledger, tmp_path), 30, says("up"))
    assert (told["asked"], told["kept"]) == (30, 60)
    assert told["cost"]["value"] == pytest.approx(0.06)
    assert told["others"]["low"] <= 20 <= told["others"]["high"]
    assert told["others"]["low"] < told["others"]["high"]


def test_the_request_comes_from_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    direct(Writer(ledger), "r1")
    seen = []

    def ask(request: Any) -> Any:
        seen.append(request)
        return says("up")(request)

    asked(ledger, followed(ledger, tmp_path), 1, ask)
    assert seen == [{"text": "planted request", "labels": ["up", "down"]}]


def test_failures_are_counted_and_paid(ledger: Ledger, tmp_path: Path) -> None:
    written = Writer(ledger)
    direct(written, "r1")
    direct(written, "r2")
    errors = [AnswerRejected("No.", ""), ModelUnavailable("Down.", "")]
    errors[0].answer = answer(output=None, cost=0.5)

    def ask(_request: Any) -> Any:
        raise errors.pop(0)

    told = asked(ledger, followed(ledger, tmp_path), 2, ask)
    assert (told["failed"], told["cost"]["value"], told["compared"]) == (2, 0.5, 1)


def test_what_is_not_kept_cannot_be_asked(tmp_path: Path) -> None:
    bare = Ledger(f"sqlite:///{tmp_path / 'bare.sqlite'}")
    direct(Writer(bare), "r1")
    with pytest.raises(InvalidRequest, match="holds the request of none"):
        asked(bare, followed(bare, tmp_path), 1, says("up"))
    bare.close()


def test_an_agents_work_is_not_done_again(ledger: Ledger, tmp_path: Path) -> None:
    written = Writer(ledger)
    written.run("r1", llm_try("a1"), decided={"tier": "llm", "node": "agent"}, complexity=0.8)
    with pytest.raises(InvalidRequest, match="none that may be asked"):
        asked(ledger, followed(ledger, tmp_path), 1, says("up"))
