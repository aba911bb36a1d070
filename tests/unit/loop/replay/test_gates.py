"""Thresholds of calibrations, replayed from logged scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.graphs.tasks import calibrations
from tandem.ledger.store import Ledger
from tandem.loop.replay.replaying import replay
from tandem.models.identity import tier_identity
from tandem.nodes.extract import Extract
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.label_acceptance import SCORE
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.score import SignalScore
from tandem.quality.calibration.signal_calibration import SignalCalibration
from tandem.quality.label_sets import LABEL_SET, label_set
from tests.unit.loop.replay.ledgers import Writer, llm_try, slm_try
from tests.unit.nodes.calibrations import calibrate, promise, services
from tests.unit.quality.calibration.rows import LABELS

BOTH = ("head", "slm")
STRICT = {"calibration": {"target": 0.95}}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", texts="all")
    yield opened
    opened.close()


def line(ledger: Ledger, folder: Path, old: dict[str, Any], new: dict[str, Any], *made: Any) -> Any:
    """A replay from `old` to `new`, under the calibration that `made` promises."""
    by_id = {}
    for given in (old, new):
        found = services(folder, **given)
        by_id[id(found.settings)] = found
    before, after = (found.settings for found in by_id.values())
    if made:
        calibrate(services(folder), *made)
    told = replay(ledger, before, after, services_of=lambda own: by_id[id(own)]).figures
    (one,) = told["tasks"]
    return one


def scored(score: float, labels: Any = LABELS) -> dict[str, float]:
    return {SCORE: score, LABEL_SET: label_set(labels), "margin": 0.9}


def head_try(score: float) -> Any:
    return slm_try(tier="head", calls=0, cost=0.0, signals=scored(score), seconds=0.01,
                   usage={"input_tokens": 0, "output_tokens": 0})  # fmt: skip


def test_a_lower_target_lets_logged_scores_leave(ledger: Ledger, tmp_path: Path) -> None:
    written = Writer(ledger)
    for number, score in enumerate((0.5, 0.65, 0.7, 0.9)):
        accepted = score >= 0.8
        tries = [slm_try(signals=scored(score))] + ([] if accepted else [llm_try()])
        written.run(f"r{number}", *tries, rejected={} if accepted else {"a1": ("score",)})
    made = promise(*BOTH, threshold=0.6), promise(*BOTH, threshold=0.8, target=0.95)
    found = line(ledger, tmp_path, STRICT, {}, *made)
    assert (found["same"], found["exact"]) == (2, 2)
    assert found["cost"]["value"] == pytest.approx(4 * 0.00102 + 0.0112)


def test_a_higher_target_sends_on(ledger: Ledger, tmp_path: Path) -> None:
    written = Writer(ledger)
    for number in range(25):
        tries = slm_try(signals=scored(0.3)), llm_try()
        written.run(f"e{number}", *tries, rejected={"a1": ("score",)})
    written.run("a", slm_try(signals=scored(0.7)))
    written.run("own", slm_try(signals=scored(0.7)), quality=0.9,
                reasons=["quality 0.90 asked by the request"])  # fmt: skip
    made = promise(*BOTH, threshold=0.6), promise(*BOTH, threshold=0.8, target=0.95)
    found = line(ledger, tmp_path, {}, STRICT, *made)
    assert (found["same"], found["estimated"]) == (26, 1)
    own = {"tasks": {"sentiment": {"quality": 0.95}}}
    assert line(ledger, tmp_path, {}, own, *made)["estimated"] == 1


def test_a_head_that_no_longer_leaves_asks_the_slm_or_the_llm(
    ledger: Ledger, tmp_path: Path
) -> None:
    written = Writer(ledger)
    written.run("h", head_try(0.7))
    for number in range(25):
        written.run(f"e{number}", head_try(0.3), llm_try(), rejected={"a1": ("score",)})
    made = promise(*BOTH, threshold=0.6), promise(*BOTH, threshold=0.8, target=0.95)
    (unknown, *_) = line(ledger, tmp_path, {}, STRICT, *made)["unknown"]
    assert "never saw" in unknown["why"]
    made = promise("head", threshold=0.6), promise("head", threshold=0.8, target=0.95)
    found = line(ledger, tmp_path, {}, STRICT, *made)
    assert (found["same"], found["estimated"], found["unknown"]) == (25, 1, [])


def test_what_another_calibration_scores_is_unknown(ledger: Ledger, tmp_path: Path) -> None:
    written = Writer(ledger)
    written.run("other labels", slm_try(signals=scored(0.7, ("a", "b"))))
    (unknown,) = line(ledger, tmp_path, {}, STRICT, promise(*BOTH))["unknown"]
    assert "another calibration" in unknown["why"]
    elsewhere = {"calibration": {"dir": "elsewhere"}}
    assert line(ledger, tmp_path, {}, elsewhere)["unknown"][0]["runs"] == 1


def test_a_run_before_the_calibration_was_made_has_other_scores(
    ledger: Ledger, tmp_path: Path
) -> None:
    Writer(ledger).run("early", slm_try(signals=scored(0.7)))
    given = services(tmp_path)
    made = calibrate(given, promise(*BOTH))
    calibrations(given.settings).save(replace(made, card={"made": "2026-11-20T00:00:00+00:00"}))
    assert line(ledger, tmp_path, {}, STRICT)["unknown"][0]["runs"] == 1


@pytest.mark.parametrize(
    ("escalation", "counts"),
    [("never", (1, 1, 0)), ("always", (0, 1, 1)), ("guarantee", (2, 0, 0))],
)
def test_escalation_by_the_tasks_own_setting(
    ledger: Ledger, tmp_path: Path, escalation: str, counts: tuple[int, int, int]
) -> None:
    """What was escalated stays with the SLM, or begins on the LLM; what was not goes there too."""
    written = Writer(ledger)
    written.run("a", slm_try(signals=scored(0.7)))
    written.run("e", slm_try(signals=scored(0.3)), llm_try(), rejected={"a1": ("score",)})
    own = {"tasks": {"sentiment": {"escalation": escalation}}}
    found = line(ledger, tmp_path, {}, own, promise(*BOTH))
    unknown = sum(one["runs"] for one in found["unknown"])
    assert (found["same"], found["exact"], unknown) == counts


def test_a_score_over_signals_is_computed_again(ledger: Ledger, tmp_path: Path) -> None:
    given = services(tmp_path)
    rising = Monotone((0.0, 1.0), (0.0, 1.0))
    made = SignalCalibration(
        task="extraction",
        identity=tier_identity(given.settings, "slm", "extraction"),
        prompt=source_sum(Extract(read=str)),
        score=SignalScore(("sure",), (0.0,), (1.0,), (1.0,), 0.0, rising),
        promises=(promise("slm", threshold=0.6), promise("slm", threshold=0.8, target=0.95)),
        card={},
    )
    calibrations(given.settings).save(made)
    written = Writer(ledger)
    # The logistic of 1.0 is 0.731: it leaves at 0.6 and not at 0.8.
    decided = {"node": "extract"}
    written.run("r", slm_try(signals={"sure": 1.0}), llm_try(), rejected={"a1": ("score",)},
                task="extraction", decided=decided)  # fmt: skip
    written.run("hard", slm_try(signals={"sure": 9.0}), llm_try(), rejected={"a1": ("grounded",)},
                task="extraction", decided=decided)  # fmt: skip
    found = line(ledger, tmp_path, STRICT, {})
    assert (found["same"], found["exact"], found["unknown"]) == (1, 1, [])
