"""How to calibrate, and on how many rows at least."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from tandem.errors import InvalidRequest
from tandem.loop.labelled import FEW_ROWS, FEW_SHARES, SHARES
from tandem.quality.calibration.threshold import HEADROOM, Promise, least_rows

TARGETS: Final = (0.8, 0.85, 0.9, 0.95)


@dataclass(frozen=True)
class Options:
    """How to calibrate.

    Parameters
    ----------
    target, confidence: what the report speaks of first; other usual targets come beside it.
    slm_rows: rows that the SLM is asked, in each of the three parts; 0: head only.
    llm_rows: test rows that the LLM is asked, for the comparison; 0: none.
    probe_rows: fit rows on which each tier is asked with and without examples.
    examples: nearest rows in the prompt; None: measured, with and without.
    most_examples: labelled rows that are kept for prompts.
    data: what the rows are, for the card: origin, licence.
    agreement: whether the rows come of feedback, which is no uniform sample: what is certified on
        them is agreement, and nothing is promised.
    """

    target: float = 0.9
    confidence: float = 0.9
    slm_rows: int = 300
    llm_rows: int = 100
    probe_rows: int = 60
    examples: int | None = None
    most_examples: int = 2000
    seed: int = 0
    data: str = ""
    agreement: bool = False

    @property
    def targets(self) -> tuple[float, ...]:
        """All targets, rising."""
        return tuple(sorted({*TARGETS, self.target}))

    def named(self, promise: Promise) -> Promise:
        """`promise`, or agreement where the rows allow no more."""
        return replace(promise, agreement=self.agreement)


def rows_for(target: float, confidence: float, share: float | None = None) -> int:
    """How many labelled rows it takes that twice the least sample that can certify `target`
    certifies. `share`: of all rows, how many do; None: as rows are dealt out by their number."""
    wanted = HEADROOM * least_rows(target, confidence)
    few = math.ceil(wanted / (share or FEW_SHARES[1]))
    return few if share or few < FEW_ROWS else max(FEW_ROWS, math.ceil(wanted / SHARES[1]))


def refuse_too_few(
    rows: int, options: Options, repeats: str = "", share: float | None = None
) -> None:
    """Raises InvalidRequest where `rows` calibration rows cannot certify the target.

    Parameters
    ----------
    repeats: what to say of rows that are the same. share: see `rows_for`.
    """
    target, confidence = options.target, options.confidence
    try:
        least = least_rows(target, confidence)
    except ValueError as error:
        raise InvalidRequest(f"{error}.", "Give shares such as 0.9.") from None
    if rows < least:
        raise InvalidRequest(
            f"{repeats and repeats + '. '}Too few labelled rows: {rows} of them are left to test a "
            f"promise, and to promise that {target:.1%} are right, with {confidence:.1%} "
            f"confidence, takes at least {least}, all answered right. Nothing was changed.",
            f"Give some {rows_for(target, confidence, share)} different texts, or a lower "
            "--target.",
        )
