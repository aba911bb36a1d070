"""What a calibration came to, in plain lines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tandem.loop import certifying
from tandem.loop.against_llm import exchange
from tandem.loop.calibrate import Outcome
from tandem.loop.certifying import Outlook
from tandem.loop.figures import area, share, shown
from tandem.loop.pictures import in_text
from tandem.quality.calibration.calibration import TierFit
from tandem.quality.calibration.curves import Curve, risk_coverage
from tandem.quality.calibration.threshold import Promise, best_score, sentence
from tandem.records import TierName


def curves_of(outcome: Outcome) -> dict[str, Curve]:
    """Risk-coverage on test rows: of each stage, and of the best of both."""
    measured, scored = outcome.measured, outcome.scored
    names = list(scored.labels)
    rows = certifying.asked_rows(measured, names, measured.split.test)
    stages = dict(zip(names, certifying.stages_of(measured, scored, names, rows), strict=True))
    told = {name: risk_coverage(stage.scores, stage.right) for name, stage in stages.items()}
    if len(stages) > 1:
        head, slm = stages["head"], stages["slm"]
        right = np.where(head.scores >= slm.scores, head.right, slm.right)
        told["both"] = risk_coverage(best_score([head, slm]), right)
    return told


def lines(outcome: Outcome, target: float) -> Iterator[str]:
    """The report on `outcome`, `target` first."""
    rows, calibration = outcome.measured.split, outcome.calibration
    yield (
        f"{calibration.task}, {len(calibration.labels)} labels: {len(rows.fit)} rows for fitting, "
        f"{len(rows.calibrate)} for calibration, {len(rows.test)} for test"
    )
    if outcome.moved:
        yield outcome.moved
    for name, told in outcome.figures.items():
        yield (
            f"{name}: right {told['accuracy']:.3f} (raw {told['raw_accuracy']:.3f}) of "
            f"{told['rows']} test rows; AUROC {area(told['auroc'])}, of the raw confidence "
            f"{area(told['raw_auroc'])}; "
            f"AURC {told['aurc']:.3f}; calibration error {told['ece_before']:.3f} before, "
            f"{told['ece_after']:.3f} after"
        )
    yield from _tier("slm", calibration.slm)
    yield from _tier("llm", calibration.llm)
    yield ""
    yield from in_text(curves_of(outcome))
    yield ""
    yield from _table(outcome.outlooks)
    yield ""
    yield from _verdict(outcome, target)
    yield from _exchange(outcome)


def written(
    task: str, asked: float, made: Promise | None, earlier: str, *, shipped: bool
) -> Iterator[str]:
    """What a calibration that was written means for requests.

    Parameters
    ----------
    asked: the target that requests of `task` ask for. made: the promise for it, if any.
    earlier: what the calibration that it replaces promised for it; empty: it replaces none.
    shipped: whether one that comes with Tandem stands behind the file.
    """
    if made is not None:
        yield f"Requests ask for {asked:.1%}, and this file certifies it: {made.words(task)}."
    else:
        yield (
            f"Requests ask for {asked:.1%}, and this file certifies nothing for it: requests go to "
            f"the LLM. Set [calibration] target, or [tasks.{task}] quality, to what it certifies."
        )
    if earlier:
        yield f"It replaces a calibration for the same requests: {earlier}."
    after = f"{'the one that comes with Tandem' if shipped else 'none'} is then in force"
    yield f"To undo it, delete the file: {after}."


def promised(task: str, made: Promise | None, asked: float) -> str:
    """`made` as a sentence; for None, that nothing is certified for `asked`."""
    return made.words(task) if made else f"it certified nothing for {asked:.1%}"


def _exchange(outcome: Outcome) -> Iterator[str]:
    told = exchange(outcome.measured, outcome.scored)
    if told is not None:
        yield (
            f"Of {told.rows} test rows the LLM is right where the answer without it is wrong in "
            f"{told.mends:.3f}, and wrong where that is right in {told.spoils:.3f}: asked of every "
            f"row it would gain {told.mends - told.spoils:+.3f}."
        )


def _tier(name: TierName, fit: TierFit | None) -> Iterator[str]:
    if fit is not None:
        right = f"right {fit.right:.3f} of {fit.rows} test rows" if fit.right is not None else ""
        yield f"{name.upper()} is asked with {fit.asking.examples} examples; {right}"


def _table(outlooks: tuple[Outlook, ...]) -> Iterator[str]:
    yield (
        "promised  stages     threshold  head   SLM   LLM  observed precision       quality   "
        "cost/all-LLM"
    )
    for one in outlooks:
        made = one.promise
        stages = "+".join(made.stages)
        if made.threshold is None:
            yield f"{made.target:7.1%}   {stages:<10} nothing certified"
            continue
        seen = one.precision
        head, slm, llm = (shown(part, 2) for part in (one.head, one.slm, one.llm))
        yield (
            f"{made.target:7.1%}   {stages:<10} {made.threshold:8.3f}  {head:>4}  {slm:>4}  "
            f"{llm:>4}  {share(seen):<20}{_broken(one)}  {shown(one.quality):>7}  "
            f"{shown(one.cost, 2):>6}"
        )


def _broken(one: Outlook) -> str:
    if one.kept:
        return ""
    return " broken" if one.precision.high < one.promise.target else " below"


def _verdict(outcome: Outcome, target: float) -> Iterator[str]:
    calibration = outcome.calibration
    made = calibration.promise(target, ("head", "slm"))
    if made is None:
        yield (
            f"Nothing can be promised at {target:.1%} with these rows and models: under "
            'escalation = "guarantee" all of it goes to the LLM.'
        )
        return
    yield f"{sentence(made, calibration.task)[:-1]}; it accepts {made.share:.0%}."
    found = next(one for one in outcome.outlooks if one.promise == made)
    if found.cost is not None and found.cost >= 1:
        yield "It does not pay: with the calls that are rejected it costs more than the LLM alone."
    llm = calibration.llm.right if calibration.llm else None
    if llm is not None and found.quality is not None:
        yield f"Overall {found.quality:.3f} are right; the LLM alone at its best prompt: {llm:.3f}."
    known = [one for one in outcome.outlooks if one.promise.threshold is not None and one.quality]
    best = max(known, key=lambda one: one.quality or 0.0, default=None)
    if best and found.quality is not None and (best.quality or 0.0) > found.quality:
        yield (
            f"The promise of {best.promise.target:.1%} has the best overall quality "
            f"({best.quality:.3f}): with a weak LLM a stricter gate does harm."
        )
