"""Which rows teach, which certify thresholds, and which judge.

Rows of a labelled file (drawn uniformly) or, without one, those that people judged are dealt out by
a hash of their text: the same rows always fall alike, so that no run ever learns from what a later
one is judged by. What the LLM labelled only teaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from tandem.errors import InvalidRequest
from tandem.loop.improve.collecting import By
from tandem.loop.improve.rows import Slot, SlotRows
from tandem.loop.labelled import TEACHING, LabelledRows, Split, drawn, read_labelled
from tandem.loop.seen import NOTHING, Seen, apart, told
from tandem.quality.calibration.examples import same_key
from tandem.quality.calibration.threshold import least_rows

JudgedBy = Literal["labelled rows", "feedback"]
LEAST_JUDGING: Final = 20
SHARES: Final = (TEACHING, 0.8 - TEACHING)
"""Of the judging rows, for fitting and for certifying; the rest judges. The same whatever their
number, so that rows never change sides: what is learnt here is for fitting in `tandem calibrate`
and `tandem tune` too, and what judges is fitted on in neither (tandem/loop/labelled.py)."""
HEADROOM: Final = 2
"""Twice the least sample that could pass, since not every answer will be right."""


@dataclass(frozen=True)
class Dealt:
    """A slot's rows, dealt out.

    Parameters
    ----------
    rows: all of them. by: who labelled each. parts: numbers of `rows`; those of `fit` that judge
        as well come first.
    judged_by: of labelled rows, drawn uniformly, come promises; of feedback comes agreement.
    leaked: rows that were left out of fitting, since their texts certify or judge.
    moved: which rows only teach since the adapter in force has seen them, in words; empty: none.
    """

    rows: LabelledRows
    by: tuple[By, ...]
    parts: Split
    judged_by: JudgedBy
    leaked: int
    moved: str = ""

    @property
    def agreement(self) -> bool:
        """Whether what is certified is agreement, and no promise."""
        return self.judged_by == "feedback"

    def count(self, part: Sequence[int], by: By) -> int:
        """Rows of a part that `by` labelled."""
        return sum(self.by[row] == by for row in part)


def deal(
    slot: SlotRows, labelled: LabelledRows | None, seed: int = 0, seen: Seen = NOTHING
) -> Dealt:
    """Deal out the rows of `slot`, judged by `labelled` where it is given, else by feedback.

    `seen`: what the adapter in force learnt, which then neither certifies nor judges.
    """
    at = {label: position for position, label in enumerate(slot.labels)}
    if labelled is not None:
        base = [
            (text, at[labelled.names[label]])
            for text, label in zip(labelled.texts, labelled.labels.tolist(), strict=True)
        ]
        extra = [*slot.people, *slot.llm]
    else:
        base = [(row.text, at[str(row.label)]) for row in slot.people]
        extra = list(slot.llm)
    found = apart(_split(base, seed), [text for text, _ in base], seen)
    parts = found.parts
    barred = {same_key(base[row][0]) for row in (*parts.calibrate, *parts.test)}
    teaching = [row for row in extra if same_key(row.text) not in barred]
    whole = base + [(row.text, at[str(row.label)]) for row in teaching]
    people: list[By] = ["people"] * len(base)
    more = np.arange(len(base), len(whole), dtype=np.int64)
    return Dealt(
        rows=_rows(whole, slot.labels),
        by=(*people, *(row.by for row in teaching)),
        parts=parts._replace(fit=np.concatenate([parts.fit, more])),
        judged_by="feedback" if labelled is None else "labelled rows",
        leaked=len(extra) - len(teaching),
        moved=told(seen.name, found.learnt, found.judged),
    )


def missing(dealt: Dealt, target: float, confidence: float) -> int:
    """About how many more judging rows it takes before anything can be certified; 0: none."""
    needed = HEADROOM * least_rows(target, confidence)
    calibrate = len(dealt.parts.calibrate)
    if calibrate >= least_rows(target, confidence) and len(dealt.parts.test) >= LEAST_JUDGING:
        return 0
    judging = calibrate + len(dealt.parts.test) + dealt.count(dealt.parts.fit.tolist(), "people")
    return max(1, round(needed / SHARES[1]) - judging)


def labelled_for(
    path: Path, task: str, slots: Mapping[Slot, SlotRows]
) -> tuple[Slot, LabelledRows]:
    """The slot of `task` that the rows of a file speak of, and the rows.

    Raises
    ------
    InvalidRequest: it cannot be read, or a label of it is in no label set that was asked for.
    """
    held = set(read_labelled(path).names)
    own = [slot for slot in slots if slot[0] == task]
    able = [slot for slot in own if held <= set(slot[1])]
    if not able:
        known = "; ".join(", ".join(slot[1][:6]) for slot in own) or "none"
        raise InvalidRequest(
            f"{path} has labels that are outside of every set that the ledger's requests of "
            f"{task} came with ({known}).",
            "Correct the labels; nothing was changed.",
        )
    chosen = min(able, key=lambda slot: len(slot[1]))
    return chosen, read_labelled(path, slots[chosen].labels)


def _split(base: Sequence[tuple[str, int]], seed: int) -> Split:
    at = [drawn(text, seed) for text, _ in base]
    order = sorted(range(len(at)), key=lambda row: at[row])
    ends = np.searchsorted([at[row] for row in order], np.cumsum(SHARES))
    fit, calibrate, test = np.split(np.array(order, dtype=np.int64), ends)
    return Split(fit, calibrate, test)


def _rows(rows: Sequence[tuple[str, int]], labels: tuple[str, ...]) -> LabelledRows:
    positions = np.array([label for _, label in rows], dtype=np.int64)
    return LabelledRows([text for text, _ in rows], positions, labels)
