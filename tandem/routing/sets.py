"""Sets of values that a field may have, and boxes of them: what a rule's conditions leave over.

Both kinds of set can be cut and turned round exactly, so that whether a rule is covered by others
is decided by counting out, not by guessing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, get_args

from tandem.records import Latency, Sensitivity
from tandem.settings import Limits, Names, Range
from tandem.settings.policy import INTEGER_FIELDS, NAME_FIELDS

_CLOSED: Final[Mapping[str, frozenset[str]]] = {
    "sensitivity": frozenset(get_args(Sensitivity)),
    "latency": frozenset(get_args(Latency)),
}
"""Fields whose names are all known; tasks and tenants are the user's to name."""
_ALWAYS_KNOWN: Final = frozenset({"text_chars", "documents"})
_Edge: TypeAlias = tuple[float, int]
"""Before (v, 0) or just behind (v, 1) a number v. With these for ends, every interval is closed
below and open above: `x > 3` starts at (3, 1), `x <= 3` ends there."""


@dataclass(frozen=True)
class NameSet:
    """These names, or with `inverted` all others. `universe` None: there may be any others."""

    names: frozenset[str]
    inverted: bool = False
    universe: frozenset[str] | None = None

    @property
    def empty(self) -> bool:
        """Whether no name is in it."""
        if self.inverted:
            return self.universe is not None and self.universe <= self.names
        return not self.names

    def cut(self, other: NameSet) -> NameSet:
        """What is in both."""
        if self.inverted and other.inverted:
            return replace(self, names=self.names | other.names)
        if self.inverted:
            return replace(other, names=other.names - self.names)
        kept = self.names - other.names if other.inverted else self.names & other.names
        return replace(self, names=kept)

    def without(self, other: NameSet) -> NameSet:
        """What is in this one only."""
        return self.cut(replace(other, inverted=not other.inverted))


@dataclass(frozen=True)
class NumberSet:
    """Intervals, in order and apart; `unknown`: or no number at all."""

    intervals: tuple[tuple[_Edge, _Edge], ...]
    unknown: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.intervals and not self.unknown

    def cut(self, other: NumberSet) -> NumberSet:
        """What is in both."""
        both = (
            (max(one[0], two[0]), min(one[1], two[1]))
            for one in self.intervals
            for two in other.intervals
        )
        return NumberSet(_filled(both), self.unknown and other.unknown)

    def without(self, other: NumberSet) -> NumberSet:
        """What is in this one only."""
        ends = [_LOWEST, *(end for each in other.intervals for end in each), _HIGHEST]
        gaps = _filled(zip(ends[::2], ends[1::2], strict=True))
        return self.cut(NumberSet(gaps, not other.unknown))


FieldSet = NameSet | NumberSet
Box: TypeAlias = Mapping[str, FieldSet]
"""One set a field: the requests whose fields all lie in theirs."""
_LOWEST: Final[_Edge] = (-math.inf, 0)
_HIGHEST: Final[_Edge] = (math.inf, 1)


def everything(limits: Limits) -> dict[str, FieldSet]:
    """The box of all requests that there can be."""
    box: dict[str, FieldSet] = {
        field: NameSet(frozenset(), inverted=True, universe=_CLOSED.get(field))
        for field in NAME_FIELDS
    }
    share = Range(at_least=0, at_most=1)
    bounds = {
        "complexity": share,
        "quality": share,
        "deadline_ms": Range(at_least=1, at_most=limits.max_deadline_ms),
        "text_chars": Range(at_least=0),
        "documents": Range(at_least=0, at_most=limits.documents),
    }
    for field, bound in bounds.items():
        known = number_set(field, bound)
        box[field] = replace(known, unknown=field not in _ALWAYS_KNOWN)
    return box


def field_set(field: str, condition: Names | Range) -> FieldSet:
    """The values for which a condition holds."""
    if isinstance(condition, Range):
        return number_set(field, condition)
    inverted = condition.any is None
    listed = (condition.but if inverted else condition.any) or ()
    return NameSet(frozenset(listed), inverted, _CLOSED.get(field))


def number_set(field: str, condition: Range) -> NumberSet:
    """The numbers within the bounds; of a field of whole numbers, the whole ones."""
    whole = field in INTEGER_FIELDS
    lows, highs = [_LOWEST], [_HIGHEST]
    if condition.at_least is not None:
        lows.append((math.ceil(condition.at_least) if whole else condition.at_least, 0))
    if condition.above is not None:
        lows.append((math.floor(condition.above) + 1, 0) if whole else (condition.above, 1))
    if condition.below is not None:
        highs.append((math.ceil(condition.below) if whole else condition.below, 0))
    if condition.at_most is not None:
        highs.append((math.floor(condition.at_most) + 1, 0) if whole else (condition.at_most, 1))
    return NumberSet(_filled([(max(lows), min(highs))]))


def cut(box: Box, other: Box) -> Box | None:
    """The requests that are in both; None where there are none."""
    both = {field: _cut(each, other[field]) for field, each in box.items()}
    return None if any(each.empty for each in both.values()) else both


def without(box: Box, other: Box) -> list[Box]:
    """The requests of `box` that are not in `other`, as boxes that do not overlap."""
    if cut(box, other) is None:
        return [box]
    pieces: list[Box] = []
    inside = dict(box)
    for field, theirs in other.items():
        outside = _without(inside[field], theirs)
        if not outside.empty:
            pieces.append({**inside, field: outside})
        inside[field] = _cut(inside[field], theirs)
    return pieces


def _cut(one: FieldSet, two: FieldSet) -> FieldSet:
    if isinstance(one, NameSet) and isinstance(two, NameSet):
        return one.cut(two)
    assert isinstance(one, NumberSet)
    assert isinstance(two, NumberSet)
    return one.cut(two)


def _without(one: FieldSet, two: FieldSet) -> FieldSet:
    if isinstance(one, NameSet) and isinstance(two, NameSet):
        return one.without(two)
    assert isinstance(one, NumberSet)
    assert isinstance(two, NumberSet)
    return one.without(two)


def _filled(intervals: Iterable[tuple[_Edge, _Edge]]) -> tuple[tuple[_Edge, _Edge], ...]:
    return tuple((low, high) for low, high in intervals if low < high)
