"""The cascade of head, SLM and LLM: its score, cost and quality over the threshold, its promises.
For calibration.py."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from calibration_models import best, held_out
from calibration_rules import CONFIDENCE, TARGETS
from numpy.typing import NDArray

from tandem.loop import certifying
from tandem.loop.certifying import Measured, Scored
from tandem.loop.measuring import TierAnswers
from tandem.quality.calibration import curves
from tandem.quality.calibration.threshold import Promise

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
SHARES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0)
NEVER = 2.0
"""A threshold that no score reaches."""


class Step(NamedTuple):
    """One stage's answers to the rows: its score, whether it is right, what a call takes."""

    name: str
    scores: Floats
    right: Bools
    cost: Floats
    seconds: Floats


class Done(NamedTuple):
    """What a cascade does with the rows at one threshold."""

    shares: dict[str, float]
    quality: float
    cost: float
    seconds: Floats


def cascade(
    measured: Measured,
    series: dict[str, TierAnswers],
    head_seconds: float,
    args: argparse.Namespace,
) -> None:
    """The three stages: head, SLM, LLM at its better prompt; promises over many splits."""
    held = held_out(measured, args.held_out)
    slm, llm = (best(series, tier, measured.labels, held) for tier in ("slm", "llm"))
    print(f"cascade of the head, {slm} and {llm} (the better prompts)")
    fit = measured.split.fit[: args.score_rows]
    measured = replace(measured, slm=series[slm], llm=series[llm], score_rows=fit)
    scored = certifying.score_answers(measured.resplit(held[::2], held[1::2]))
    say_score(measured.resplit(held[:0], held), scored)
    rows = series[llm].answered(certifying.asked_rows(measured, ("slm",), held))
    say_curves(steps_of(measured, scored, rows, head_seconds))
    for target in TARGETS:
        for names in (*certifying.STAGES, ("slm",)):
            say_promise(measured, scored, names, target, held, args.splits)
    for target in TARGETS:
        say_seconds(measured, scored, target, rows, head_seconds)


def steps_of(
    measured: Measured, scored: Scored, rows: Ints, head_seconds: float
) -> dict[str, Step]:
    """The stages; `raw` is the SLM by itself, its own label and probability."""
    slm, llm = measured.slm, measured.llm
    assert slm
    assert llm
    labels, zero = measured.labels[rows], np.zeros(len(rows))
    head, fused = certifying.stages_of(measured, scored, ("head", "slm"), rows)
    raw = slm.probabilities[rows].max(axis=1).astype(float)
    spent = slm.cost[rows], slm.seconds[rows]
    return {
        "head": Step("head", head.scores, head.right, zero, zero + head_seconds),
        "slm": Step("slm", fused.scores, fused.right, *spent),
        "raw": Step("slm", raw, slm.labels[rows] == labels, *spent),
        "llm": Step("llm", zero + 1, llm.labels[rows] == labels, llm.cost[rows], llm.seconds[rows]),
    }


def at(threshold: float, stages: Sequence[Step]) -> Done:
    """Each stage in turn keeps what scores enough; the last keeps the rest. Rejected calls cost."""
    left = np.ones(len(stages[0].right), dtype=bool)
    right = np.zeros_like(left)
    cost, seconds, shares = 0.0, np.zeros(len(left)), {}
    for place, stage in enumerate(stages, start=1):
        cost += float(stage.cost[left].sum())
        seconds[left] += stage.seconds[left]
        keeps = left & ((stage.scores >= threshold) | (place == len(stages)))
        right |= keeps & stage.right
        shares[stage.name] = float(keeps.mean())
        left &= ~keeps
    return Done(shares, float(right.mean()), cost / len(left), seconds)


def over(stages: Sequence[Step]) -> list[Done]:
    """At all thresholds, from what keeps everything local to what sends everything to the LLM."""
    scores = np.unique(np.concatenate([stage.scores for stage in stages[:-1]]))
    return [at(float(threshold), stages) for threshold in (*scores, NEVER)]


def say_curves(steps: dict[str, Step]) -> None:
    """Cost and quality beside each stage alone, random mixing, and who knew which to ask."""
    raw, llm = steps["raw"], steps["llm"]
    dear, weak, strong = llm.cost.mean(), raw.right.mean(), llm.right.mean()
    print(f"cost and quality on {len(llm.right)} rows; cost with rejected calls, / all-LLM")
    for name, step in steps.items():
        p50, p95 = np.quantile(step.seconds, [0.5, 0.95])
        print(
            f"  {name + ' alone':<14} quality {step.right.mean():.3f} cost "
            f"{step.cost.mean() / dear:.3f} seconds p50 {p50:.4f} p95 {p95:.4f}"
        )
    say_oracle(steps, float(dear))
    for names in (("raw",), ("slm",), ("head",), ("head", "slm")):
        done = over([*(steps[name] for name in names), llm])
        share = np.array([one.shares["llm"] for one in done])
        quality = np.array([one.quality for one in done])
        curve = curves.Curve(share, quality)
        top = done[int(quality.argmax())]
        print(
            f"  {'>'.join((*names, 'llm')):<14} APGR {curves.apgr(curve, weak, strong):.2f} "
            f"CPT(50) {curves.cpt(curve, weak, strong, 0.5):.2f} CPT(80) "
            f"{curves.cpt(curve, weak, strong, 0.8):.2f}; best {top.quality:.3f} at an LLM share "
            f"of {top.shares['llm']:.2f}, cost {top.cost / dear:.3f}"
        )
        say_points(done, float(dear), float(weak), float(strong))


def say_oracle(steps: dict[str, Step], dear: float) -> None:
    """The cheapest stage that is right, the head where none is; it pays that stage alone."""
    head, slm, llm = steps["head"], steps["raw"], steps["llm"]
    by_slm = ~head.right & slm.right
    by_llm = ~head.right & ~slm.right & llm.right
    cost = (slm.cost * by_slm + llm.cost * by_llm).mean() / dear
    quality = (head.right | slm.right | llm.right).mean()
    print(f"  {'oracle':<14} quality {quality:.3f} cost {cost:.3f} LLM share {by_llm.mean():.3f}")


def say_points(done: Sequence[Done], dear: float, weak: float, strong: float) -> None:
    """Along the curve, at the nearest LLM shares, beside a random mix of SLM and LLM."""
    share = np.array([one.shares["llm"] for one in done])
    cells = []
    for wanted in SHARES:
        one = done[int(np.abs(share - wanted).argmin())]
        by_luck = weak + one.shares["llm"] * (strong - weak)
        cells.append(
            f"{one.shares['llm']:.2f}: {one.quality:.3f} at {one.cost / dear:.2f} ({by_luck:.3f})"
        )
    print(f"    LLM share: quality at cost (random mix): {'; '.join(cells)}")


def say_score(measured: Measured, scored: Scored) -> None:
    assert scored.score
    used = scored.score.score
    way = "one regression" if used.linear else f"pool {tuple(round(w, 2) for w in used.pool or ())}"
    print(f"score of the SLM's answers: {' and '.join(used.views)}, {way}")
    for name, one in certifying.figures(measured, scored).items():
        print(f"  {name}:", ", ".join(f"{key} {value:.3f}" for key, value in one.items()))


def say_promise(
    measured: Measured,
    scored: Scored,
    names: tuple[str, ...],
    target: float,
    held: Ints,
    splits: int,
) -> None:
    generator = np.random.default_rng(6)
    found, false = [], 0
    for _ in range(splits):
        drawn = generator.permutation(held)
        one = measured.resplit(drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :])
        made = certifying.promise(one, scored, names, target, CONFIDENCE)
        found.append(certifying.outlook(one, scored, made))
        if made.threshold is not None:
            false += not certifying.outlook(one.resplit(drawn, drawn), scored, made).kept
    certified = [one for one in found if one.promise.threshold is not None]
    line = f"  {target:.2f} {'+'.join(names):<9}"
    if not certified:
        print(line, "nothing certified")
        return
    quality = [one.quality for one in certified if one.quality is not None]
    print(
        line,
        f"head {np.mean([one.head for one in found]):.2f} "
        f"SLM {np.mean([one.slm for one in found]):.2f} "
        f"LLM {np.mean([one.llm for one in found]):.2f}; precision "
        f"{np.mean([one.precision.mean for one in certified if one.precision.n]):.3f}, false "
        f"{false}, on test rows {sum(not one.kept for one in certified)}, nothing "
        f"{splits - len(certified)} of {splits}; "
        f"quality {np.mean(quality) if quality else float('nan'):.3f}; cost / all-LLM "
        f"{np.mean([one.cost for one in found if one.cost is not None]):.3f}",
    )


def say_seconds(
    measured: Measured, scored: Scored, target: float, rows: Ints, head_seconds: float
) -> None:
    """What a request takes and who answers, under the promise that is to be used for `target`
    (calibration and test rows as they were dealt)."""
    made: Promise = certifying.promises(measured, scored, (target,), CONFIDENCE)[0]
    steps = steps_of(measured, scored, rows, head_seconds)
    threshold = NEVER if made.threshold is None else made.threshold
    done = at(threshold, [*(steps[name] for name in made.stages), steps["llm"]])
    p50, p95 = np.quantile(done.seconds, [0.5, 0.95])
    shares = ", ".join(f"{name} {share:.2f}" for name, share in done.shares.items())
    print(
        f"  {target:.2f} in use {'+'.join(made.stages)}: {shares}; quality {done.quality:.3f}, "
        f"cost {done.cost / steps['llm'].cost.mean():.3f}, seconds p50 {p50:.3f} p95 {p95:.3f} "
        f"mean {done.seconds.mean():.3f} (all-LLM mean {steps['llm'].seconds.mean():.3f})"
    )
