"""Rules of the policy that can never be the first match, found by counting out what is left.

Fields are taken as independent of one another. That errs on one side: a rule that is called
unreachable is; one that is not may still match nothing in practice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tandem.routing.rules import alternatives, conditions
from tandem.routing.sets import Box, cut, everything, field_set, without
from tandem.settings import Conditions, Limits, Policy

MOST_PIECES: Final = 20_000
"""Beyond so many pieces the counting stops, and the alternative is undecided."""

Problem = Literal["contradiction", "shadowed", "undecided"]


@dataclass(frozen=True)
class Shadow:
    """What is wrong with one alternative of a rule, or with all of them (`alternative` None)."""

    rule: str
    alternative: int | None
    problem: Problem
    by: tuple[str, ...] = ()
    """The earlier rules that take its requests."""
    impossible: tuple[str, ...] = ()
    """Of a contradiction: the fields whose condition no request meets."""


def shadows(policy: Policy, limits: Limits) -> list[Shadow]:
    """The rules, and the alternatives of rules, that no request can be the first to match."""
    found: list[Shadow] = []
    earlier: list[tuple[str, Box]] = []
    for rule in policy.rules:
        boxes = [_box(each, limits) for each in alternatives(rule)]
        of_rule = [
            shadow
            for number, (box, each) in enumerate(zip(boxes, alternatives(rule), strict=True))
            if (
                shadow := Shadow(rule.name, number, "contradiction", (), _impossible(each, limits))
                if box is None
                else _shadow(rule.name, number, box, earlier)
            )
        ]
        found += _together(of_rule, len(boxes))
        earlier += [(rule.name, box) for box in boxes if box is not None]
    return found


def _together(of_rule: list[Shadow], count: int) -> list[Shadow]:
    """One finding for the whole rule where no alternative can match, else one each."""
    dead = [shadow for shadow in of_rule if shadow.problem != "undecided"]
    if len(dead) < count:
        return of_rule
    by = tuple(dict.fromkeys(name for shadow in dead for name in shadow.by))
    problem: Problem = "shadowed" if by else "contradiction"
    impossible = tuple(dict.fromkeys(name for shadow in dead for name in shadow.impossible))
    return [Shadow(dead[0].rule, None, problem, by, impossible)]


def _shadow(rule: str, number: int, box: Box, earlier: list[tuple[str, Box]]) -> Shadow | None:
    takers, left = [], [box]
    for name, other in earlier:
        if cut(box, other) is None:
            continue
        takers.append(name)
        left = [piece for each in left for piece in without(each, other)]
        if not left:
            return Shadow(rule, number, "shadowed", tuple(dict.fromkeys(takers)))
        if len(left) > MOST_PIECES:
            return Shadow(rule, number, "undecided", tuple(dict.fromkeys(takers)))
    return None


def _box(alternative: Conditions, limits: Limits) -> Box | None:
    """The requests for which an alternative holds; None where there are none."""
    whole = everything(limits)
    asked = {field: field_set(field, condition) for field, condition in conditions(alternative)}
    return cut({**whole, **asked}, whole)


def _impossible(alternative: Conditions, limits: Limits) -> tuple[str, ...]:
    """The fields whose conditions hold for no request. Fields are independent of one another: where
    an alternative cannot hold, one of its conditions cannot."""
    whole = everything(limits)
    return tuple(
        field
        for field, condition in conditions(alternative)
        if cut({**whole, field: field_set(field, condition)}, whole) is None
    )
