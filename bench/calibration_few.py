"""How many labelled rows does a useful promise need? Head alone, and head and SLM together.

    python bench/calibration_few.py ROWS.jsonl... [--splits 100] [--keep DIR]

Of N labelled rows, drawn anew for each split, a share fits and the rest certifies; of the other
rows at most 1,000 test. `60/20` deals as `tandem calibrate` does, which tests on the other 20 %;
`50/50` lets half of N certify. With the SLM only rows count whose zero-shot answer is kept (run
calibration.py --models first), so that a promise is held against the certifying and the test rows
together. No model is asked.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from calibration import prepare_rows
from calibration_kept import KeptServices, opened
from calibration_models import asker_of
from calibration_rules import CONFIDENCE, TARGETS

from tandem.errors import ModelError
from tandem.loop import certifying
from tandem.loop.calibrate import MANY_LABELS
from tandem.loop.certifying import Measured
from tandem.loop.labelled import LabelledRows, Split
from tandem.loop.measuring import TierAnswers
from tandem.quality.calibration.calibration import Asking
from tandem.quality.calibration.head import fit_head

SIZES = (100, 200, 300, 500, 1000)
DEALS = {"60/20": (0.6, 0.2), "50/50": (0.5, 0.5)}
"""By name: the shares of N that fit and that certify."""
MOST_TESTS = 1000
MANY, FEW = 500, 20
"""From so many rows on, so many splits: a head takes seconds there."""


class Known(NamedTuple):
    rows: LabelledRows
    vectors: np.ndarray
    slm: TierAnswers | None


@dataclass
class Seen:
    """What the splits of one cell showed."""

    accepted: list[float] = field(default_factory=list)
    hits: int = 0
    count: int = 0
    broken: int = 0
    nothing: int = 0

    def told(self) -> str:
        precision = f"{self.hits / self.count:.3f}" if self.count else "  -  "
        return f"{np.mean(self.accepted):.2f} {precision} {self.broken:>2}/{self.nothing:>3}"


def draws(rows: np.ndarray, size: int, shares: tuple[float, float], splits: int) -> Iterator[Split]:
    """Parts that do not overlap: `size` rows dealt out by `shares`, and all others to test."""
    generator = np.random.default_rng(6)
    fit, certify = round(shares[0] * size), round(shares[1] * size)
    for _ in range(splits):
        drawn = generator.permutation(rows)
        yield Split(drawn[:fit], drawn[fit : fit + certify], drawn[size:][:MOST_TESTS])


def headed(known: Known, parts: Split) -> Measured:
    """What a head of the fit rows says of all that are in `parts`."""
    rows, fit = known.rows, parts.fit
    head = fit_head(
        [rows.texts[row] for row in fit], known.vectors[fit], rows.labels[fit], len(rows.names)
    )
    logs = np.zeros((len(rows.texts), len(rows.names)), dtype=np.float32)
    scores = np.zeros(len(rows.texts))
    logs[fit], scores[fit] = head.log_probabilities, head.scores
    for row in np.concatenate([parts.calibrate, parts.test]):
        guess = head.head(rows.texts[row], known.vectors[row])
        logs[row], scores[row] = guess.log_probabilities, guess.score
    slm = known.slm
    return Measured(rows.labels, parts, known.vectors, logs, scores, fit, slm, None)


def one_split(known: Known, parts: Split, seen: dict[float, Seen]) -> None:
    """Certify each target with the stages that cost least on fit rows, and look at test rows."""
    measured = headed(known, parts)
    scored = certifying.score_answers(measured)
    tested = parts.test if known.slm is None else np.concatenate([parts.calibrate, parts.test])
    for target in TARGETS:
        made = certifying.promises(measured, scored, (target,), CONFIDENCE)[0]
        cell = seen.setdefault(target, Seen())
        cell.nothing += made.threshold is None
        look = certifying.outlook(measured, scored, made)
        cell.accepted.append(look.head + look.slm)
        cell.hits += round(look.precision.mean * look.precision.n) if look.precision.n else 0
        cell.count += look.precision.n
        held = certifying.outlook(measured.resplit(parts.calibrate, tested), scored, made)
        cell.broken += made.threshold is not None and not held.kept


def kept_zero_shot(
    services: KeptServices, task: str, rows: LabelledRows, vectors: np.ndarray
) -> TierAnswers | None:
    """The SLM's kept zero-shot answers; None where the prompt depends on a head's shortlist."""
    if len(rows.names) > MANY_LABELS:
        return None
    answers = TierAnswers(len(rows.texts), len(rows.names))
    asker = asker_of(services, task, rows, vectors, np.empty(0, dtype=np.int64), None)
    for row in range(len(rows.texts)):
        try:
            asker.ask("slm", Asking(0, 0), np.array([row]), answers)
        except ModelError:
            continue
    return answers


def say(known: Known, pool: np.ndarray, sizes: Sequence[int], splits: int) -> None:
    for size in (one for one in sizes if one <= len(pool) - 100):
        for name, shares in DEALS.items():
            seen: dict[float, Seen] = {}
            count = splits if size < MANY else min(splits, FEW)
            for parts in draws(pool, size, shares, count):
                one_split(known, parts, seen)
            cells = (f"{target:.2f}: {one.told()}" for target, one in seen.items())
            print(f"{size:>6} {name}  | {' | '.join(cells)}  ({count} splits)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--keep", type=Path, default=Path(".tandem/bench"))
    args = parser.parse_args()
    warnings.filterwarnings("ignore", message="The number of unique classes")
    print("by target: accepted share, precision on test rows, splits broken / nothing certified")
    with opened(None) as services:
        for path in args.rows:
            task, rows, vectors = prepare_rows(path, services, args.keep)
            everything = np.arange(len(rows.texts))
            print(f"\n## {path.stem}: head alone, {len(rows.texts)} rows")
            say(Known(rows, vectors, None), everything, SIZES, args.splits)
            slm = kept_zero_shot(services, task, rows, vectors)
            if slm is not None and len(pool := slm.answered(everything)) >= 200:
                print(f"## {path.stem}: head and SLM zero-shot, {len(pool)} rows")
                say(Known(rows, vectors, slm), pool, SIZES, args.splits)


if __name__ == "__main__":
    main()
