from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tandem.ledger.report import report
from tandem.ledger.store import Ledger
from tandem.loop.audit.acceptance import UNKNOWN, acceptances, of_task
from tandem.loop.in_force import InForce
from tandem.quality.calibration.threshold import Promise
from tandem.stats import wilson
from tests.unit.ledger.rows import answer, attempt

PROMISE = Promise(("head", "slm"), 0.9, 0.9, 0.8, rows=200, accepted=150, errors=5)


def test_a_calibration_of_ones_own_tells_and_a_shipped_one_does_not() -> None:
    own = InForce("sentiment", promise=PROMISE)
    known = acceptances(None, [own, InForce("faq", promise=PROMISE, shipped=True)])
    told = of_task(known, "sentiment")
    assert (told["low"], told["high"], told["known"]) == (*wilson(150, 200)[1:3], True)
    assert of_task(known, "faq") == UNKNOWN


def test_several_calibrations_of_a_task_span_an_interval() -> None:
    other = InForce("sentiment", promise=replace(PROMISE, accepted=50))
    told = acceptances(None, [InForce("sentiment", promise=PROMISE), other])["sentiment"]
    assert (told["low"], told["high"]) == (wilson(50, 200).low, wilson(150, 200).high)


def test_the_ledgers_own_runs_go_first(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    for at in range(30):
        run_id, tiers = f"r{at}", ["slm", "llm"] if at < 6 else ["slm"]
        ledger.start(run_id, {"text": "", "task": "faq"})
        for place, tier in enumerate(tiers):
            ledger.add_attempt(run_id, attempt(f"a{place}", tier=tier))
        failed = "needs_review" if at == 29 else "accepted"
        ledger.finish(run_id, answer(run_id, tier=tiers[-1], status=failed))
    told = acceptances(report(ledger), [InForce("faq", promise=PROMISE)])["faq"]
    ledger.close()
    assert (told["low"], told["high"]) == wilson(23, 30)[1:3]
    assert told["source"] == "30 runs of the task in the ledger"
