"""Who gave an answer, and whether he was in force then."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

Chances = Mapping[str, float]
PLAIN = "as it is"
NOISE = 0.15
"""How far a probability may lie from its reference: other requests share the batch, and a prompt's
beginning is read anew or not."""
APART = 2 * NOISE
"""So far apart must the references of a text be: an answer is then near to one of them at most."""
EXPECTED, EITHER = "as expected", "one of two that are alike"
WRONG_TIME, MIXTURE = "of one that was not in force", "of none of them"


class Change(NamedTuple):
    """From some moment between `began` and `done` on, `state` is in force."""

    state: str
    began: float = -math.inf
    done: float = -math.inf


class Answer(NamedTuple):
    """What came of a request. `plain`: it asked for the model without an adapter."""

    asked: float
    answered: float
    text: str
    chances: Chances
    plain: bool = False


def apart(one: Chances, other: Chances) -> float:
    """How far the probabilities lie apart, at most."""
    return max((abs(one[key] - other.get(key, 0.0)) for key in one), default=1.0)


def possible(changes: Sequence[Change], asked: float, answered: float) -> set[str]:
    """What was in force at some moment of a request."""
    ends = [change.done for change in changes[1:]] + [math.inf]
    lived = zip(changes, ends, strict=True)
    return {one.state for one, end in lived if one.began <= answered and asked <= end}


def judged(
    answer: Answer, changes: Sequence[Change], references: Mapping[str, Mapping[str, Chances]]
) -> str:
    """Whether the answer is that of a model that was in force."""
    near = {
        state
        for state, known in references.items()
        if apart(answer.chances, known[answer.text]) < NOISE
    }
    allowed = {PLAIN} if answer.plain else possible(changes, answer.asked, answer.answered)
    if not near:
        return MIXTURE
    if near <= allowed:
        return EXPECTED
    return EITHER if near & allowed else WRONG_TIME


def by_state(
    answers: Iterable[Answer],
    changes: Sequence[Change],
    references: Mapping[str, Mapping[str, Chances]],
) -> dict[str, dict[str, int]]:
    """Answers counted by what was in force, or was coming into force, while they were asked."""
    counts: dict[str, Counter[str]] = {}
    for answer in answers:
        states = possible(changes, answer.asked, answer.answered)
        order = dict.fromkeys(change.state for change in changes if change.state in states)
        name = "a plain request" if answer.plain else " -> ".join(order)
        counts.setdefault(name, Counter())[judged(answer, changes, references)] += 1
    return {name: dict(count) for name, count in counts.items()}


def telling(references: Mapping[str, Mapping[str, Chances]]) -> list[str]:
    """The texts that all answer so differently that the plain model is told from every adapter;
    those first by which the adapters are told from one another."""
    plain, *adapters = references.values()
    texts = [
        text
        for text in (adapters[-1] if adapters else plain)
        if all(apart(plain[text], known[text]) >= APART for known in adapters)
    ]
    return sorted(texts, key=lambda text: -_least(adapters, text))


def _least(adapters: Sequence[Mapping[str, Chances]], text: str) -> float:
    between = (apart(one[text], other[text]) for one, other in pairwise(adapters))
    return min(between, default=0.0)


def pairs_told(
    references: Mapping[str, Mapping[str, Chances]], texts: Sequence[str]
) -> dict[str, int]:
    """For each two that follow one another, how many of the texts tell them apart."""
    names = list(references)
    return {
        f"{one} -> {other}": sum(
            apart(references[one][text], references[other][text]) >= APART for text in texts
        )
        for one, other in pairwise(names)
    }
