"""From readings to findings: empties and duplicates dropped, the best few of each question kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from tandem.nodes.research.records import (
    UNREAD,
    Coverage,
    Documents,
    Finding,
    Passage,
    Question,
    Reading,
)

KEPT: Final = 2
"""Findings of a question that the conclusion is shown."""
CLOSE: Final = 0.8
"""A second one must come as near to the question as this share of the best."""


def survivors(
    readings: Iterable[Reading],
    passages: Sequence[Passage],
    show: Callable[[str, str], str] = lambda quote, _value: quote,
    most: int = KEPT,
) -> list[Finding]:
    """The findings, question by question, the best fit first; numbered from 1.

    Of equal values to a question only the one that fits best is kept, of sentences that several
    readings point to only one, and nothing that fits much worse than the best.

    Parameters
    ----------
    show: what a model is shown of a quotation and its value.
    """
    by_id = {passage["id"]: passage for passage in passages}
    found = [one for one in readings if one["outcome"] == "found" and one["passage"] in by_id]

    def nearness(one: Reading) -> float:
        return one["fit"] + by_id[one["passage"]]["score"]

    kept: list[Finding] = []
    for at in sorted({one["question"] for one in found}):
        ranked = sorted((one for one in found if one["question"] == at), key=nearness, reverse=True)
        same: list[Finding] = []
        for one in ranked:
            made = _finding(one, by_id[one["passage"]], len(kept) + len(same) + 1, show)
            near = nearness(one) >= CLOSE * nearness(ranked[0])
            if near and len(same) < most and not any(_repeats(made, other) for other in same):
                same.append(made)
        kept += same
    return kept


def _finding(
    one: Reading, passage: Passage, number: int, show: Callable[[str, str], str]
) -> Finding:
    start, end = one["span"]
    quote = passage["text"][start:end]
    return {
        "id": str(number),
        "question": one["question"],
        "value": one["value"],
        "passage": passage["id"],
        "source": passage["source"],
        "heading": passage["heading"],
        "span": [start, end],
        "quote": quote,
        "shown": show(quote, one["value"]),
    }


def _repeats(one: Finding, other: Finding) -> bool:
    same_sentence = (one["passage"], one["span"]) == (other["passage"], other["span"])
    return same_sentence or _key(one["value"]) == _key(other["value"])


def _key(value: str) -> str:
    return " ".join(re.findall(r"\w+", value.casefold()))


def whole_passages(passages: Iterable[Passage]) -> list[Finding]:
    """Passages as findings, for a model that reads them itself."""
    return [
        {
            "id": str(number),
            "question": -1,
            "value": "",
            "passage": passage["id"],
            "source": passage["source"],
            "heading": passage["heading"],
            "span": [0, len(passage["text"])],
            "quote": passage["text"],
            "shown": passage["text"],
        }
        for number, passage in enumerate(passages, start=1)
    ]


def coverage(
    questions: Sequence[Question],
    readings: Sequence[Reading],
    rounds: int,
    left_out: int = 0,
    documents: Documents | None = None,
) -> Coverage:
    """What was looked at, counted."""
    outcomes = [one["outcome"] for one in readings]
    answered = {one["question"] for one in readings if one["outcome"] == "found"}
    return {
        "questions": len(questions),
        "answered_questions": len(answered),
        "rounds": rounds,
        "asked": len(readings),
        "answered": outcomes.count("found"),
        "truncated": outcomes.count("truncated"),
        "failed": outcomes.count("failed"),
        "left_out": left_out,
        "passages": len({one["passage"] for one in readings if one["outcome"] not in UNREAD}),
        "documents": documents,
    }


def open_questions(questions: Sequence[Question], findings: Iterable[Mapping[str, object]]) -> bool:
    """Whether a question has no finding."""
    return {one["question"] for one in findings} != set(range(len(questions)))
