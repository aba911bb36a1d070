"""Regular expressions from the settings, refused where a hostile text could make one slow.

Python's `re` cannot be stopped once it matches, so the bound is proved from the expression: every
repetition has one, and so has the number of ways in which the parts can share a text.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any, Final

MOST_CHARS: Final = 1000
"""The longest match, what it looks ahead to and behind included."""
MOST_WAYS: Final = 1000
"""In how many ways one place of a text may be tried."""

_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_ASSERTIONS: Final = frozenset({"ASSERT", "ASSERT_NOT"})


def bounded(expression: str) -> re.Pattern[str]:
    """`expression`, compiled.

    Raises
    ------
    ValueError: it is no regular expression, may match nothing at all, or has no such bound; the
        message says how to write it.
    """
    try:
        compiled = re.compile(expression)
        # The module that `re` itself parses with; it has no public name.
        tree = importlib.import_module("re._parser").parse(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is no regular expression ({error})") from None
    nodes = list(_nodes(tree))
    if any(name in _REPEATS and value[1] > MOST_CHARS for name, value in nodes):
        raise ValueError(
            f"a repetition may go beyond {MOST_CHARS}: write {{0,40}} for *, {{1,40}} for +"
        )
    if any(name == "GROUPREF_EXISTS" for name, _ in nodes):
        raise ValueError("conditions on a group are not taken")
    if tree.getwidth()[0] < 1:
        raise ValueError("matches nothing at all (every part is optional)")
    looked = sum(value[1].getwidth()[1] for name, value in nodes if name in _ASSERTIONS)
    if tree.getwidth()[1] + looked > MOST_CHARS:
        raise ValueError(f"may match more than {MOST_CHARS} characters")
    if _ways(tree) > MOST_WAYS:
        raise ValueError(
            f"has more than {MOST_WAYS} ways to match one text: lower the bounds of repetitions, "
            "and avoid one inside another"
        )
    return compiled


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every part of a parsed expression: its kind and its value."""
    for kind, value in tree:
        yield str(kind), value
        for inner in _inside(str(kind), value):
            yield from _nodes(inner)


def _inside(kind: str, value: Any) -> list[Any]:
    if kind == "BRANCH":
        return list(value[1])
    if kind in _REPEATS or kind == "SUBPATTERN":
        return [value[-1]]
    if kind in _ASSERTIONS:
        return [value[1]]
    return [value] if kind == "ATOMIC_GROUP" else []


def _ways(tree: Any) -> float:
    """At most so many ways to go through a parsed expression; what is possessive counts too."""
    ways = 1.0
    for kind, value in tree:
        each = [_ways(inner) for inner in _inside(str(kind), value)]
        if str(kind) in _REPEATS:
            least, most, _ = value
            ways *= _repeated(each[0], int(least), int(most))
        elif each:
            ways *= sum(each)
    return min(ways, 2.0 * MOST_WAYS)


def _repeated(ways: float, least: int, most: int) -> float:
    if ways == 1:
        return most - least + 1.0
    total = 0.0
    for times in range(least, most + 1):
        if total > MOST_WAYS or times > 20:
            return 2.0 * MOST_WAYS
        total += ways**times
    return total
