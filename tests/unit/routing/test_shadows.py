"""What is called unreachable is, and what is not can be reached: counted out, not guessed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.routing import shadows as module
from tandem.routing.rules import Facts, first_match
from tandem.routing.shadows import Shadow, shadows
from tandem.settings import Limits, Policy

LIMITS = Limits(documents=2)


def policy(*whens: Any) -> Policy:
    return Policy.model_validate(
        {
            "rules": [
                {"name": str(place), "when": when, "may_escalate": True}
                for place, when in enumerate(whens)
            ]
        }
    )


def found(*whens: Any) -> list[Shadow]:
    return shadows(policy(*whens), LIMITS)


@pytest.mark.parametrize(
    "when",
    [
        {"complexity": {"above": 0.5, "at_most": 0.5}},
        {"complexity": {"above": 1}},
        {"documents": {"above": 1, "below": 2}},
        {"documents": {"above": 2}},
        {"deadline_ms": {"above": LIMITS.max_deadline_ms}},
        {"deadline_ms": {"below": 1}},
        {"latency": {"but": ["realtime", "async"]}},
        {"task": []},
        [{"quality": {"below": 0}}, {"text_chars": {"below": 0}}],
    ],
)
def test_what_no_request_can_be_is_a_contradiction(when: Any) -> None:
    (shadow,) = found(when)
    fields = {field for each in (when if isinstance(when, list) else [when]) for field in each}
    assert shadow == Shadow("0", None, "contradiction", (), tuple(shadow.impossible))
    assert set(shadow.impossible) == fields


def test_a_rule_that_one_earlier_rule_takes_is_shadowed() -> None:
    assert found({"task": ["faq", "draft"]}, {"task": "faq", "documents": 1}) == [
        Shadow("1", None, "shadowed", ("0",))
    ]


def test_several_rules_together_shadow_one() -> None:
    known = {"complexity": {"at_least": 0}}
    assert found(
        {"complexity": {"below": 0.3}},
        {"latency": "async"},
        {"complexity": {"at_least": 0.3}, "latency": "realtime"},
        known,
    ) == [Shadow("3", None, "shadowed", ("0", "1", "2"))]


def test_a_number_that_is_not_known_slips_through() -> None:
    both = ({"complexity": {"below": 0.5}}, {"complexity": {"at_least": 0.5}})
    assert found(*both, {}) == []


def test_one_dead_alternative_is_told_apart_from_a_dead_rule() -> None:
    whens = ({"tenant": "bank"}, [{"task": "faq"}, {"tenant": "bank", "documents": 1}])
    assert found(*whens) == [Shadow("1", 1, "shadowed", ("0",))]


def test_a_catch_all_shadows_what_comes_after_it() -> None:
    assert found({}, {"task": "faq"}) == [Shadow("1", None, "shadowed", ("0",))]


def test_too_many_pieces_are_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PIECES", 1)
    whens = ({"task": "faq", "latency": "async"}, {})
    assert found(*whens) == [Shadow("1", 0, "undecided", ("0",))]


# A small world in which every request can be tried: the numbers stand on and between the bounds.
_BOUNDS = [0.0, 0.25, 1.0]
_WORLD = [
    Facts("", tenant, "none", latency, complexity, None, None, 10, documents)
    for tenant, latency, complexity, documents in itertools.product(
        ["bank", "shop", "nobody else"],
        ["realtime", "async"],
        [None, 0.0, 0.1, 0.25, 0.6, 1.0],
        [0, 1, 2],
    )
]
_NAMES = {"tenant": ["bank", "shop"], "latency": ["realtime", "async"]}


def _names(field: str) -> st.SearchStrategy[Any]:
    listed = st.lists(st.sampled_from(_NAMES[field]), max_size=2, unique=True)
    return st.one_of(listed, listed.map(lambda names: {"but": names}))


def _range(bounds: list[float]) -> st.SearchStrategy[Any]:
    keys = ["above", "at_least", "below", "at_most"]
    return st.dictionaries(st.sampled_from(keys), st.sampled_from(bounds), min_size=1, max_size=2)


_ALTERNATIVE = st.fixed_dictionaries(
    {},
    optional={
        "tenant": _names("tenant"),
        "latency": _names("latency"),
        "complexity": _range(_BOUNDS),
        "documents": _range([0, 1, 2]),
    },
)
_WHENS = st.lists(st.lists(_ALTERNATIVE, min_size=1, max_size=2), min_size=1, max_size=4)


@given(_WHENS)
def test_a_rule_is_called_unreachable_exactly_where_no_request_reaches_it(whens: Any) -> None:
    rules = policy(*whens)
    reached = {rule.name for facts in _WORLD if (rule := first_match(rules, facts))}
    dead = {each.rule for each in shadows(rules, LIMITS) if each.alternative is None}
    assert dead == {rule.name for rule in rules.rules} - reached
