"""Which rule of the policy a request matches: the first one all of whose conditions hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tandem.records import Latency, Profile, Request, Sensitivity
from tandem.settings import Conditions, Names, Policy, Range, Rule

Value = str | float | None
UNREAD: Final = frozenset({"task", "complexity", "quality"})
"""Fields that are not known before the task is read; the task decides the quality."""


@dataclass(frozen=True)
class Facts:
    """What conditions speak of; None: not known, or not declared."""

    task: str
    tenant: str
    sensitivity: Sensitivity
    latency: Latency
    complexity: float | None
    quality: float | None
    deadline_ms: int | None
    text_chars: int
    documents: int


def facts_of(request: Request, profile: Profile) -> Facts:
    """What the rules see of a request whose documents were read."""
    texts = [request["text"]]
    texts += [turn["content"] for turn in request.get("messages", [])]
    texts += [document.get("text", "") for document in request.get("documents", [])]
    return Facts(
        task=profile["task"],
        tenant=profile["tenant"],
        sensitivity=profile["sensitivity"],
        latency=profile["latency"],
        complexity=profile["complexity"],
        quality=profile["quality"],
        deadline_ms=profile["deadline_ms"],
        text_chars=sum(map(len, texts)),
        documents=len(request.get("documents", [])),
    )


def first_match(policy: Policy, facts: Facts) -> Rule | None:
    """The first rule that matches; None: the defaults hold."""
    return next((rule for rule in policy.rules if matches(rule, facts)), None)


def may_match(policy: Policy, facts: Facts, unread: Collection[str] = UNREAD) -> Iterator[Rule]:
    """The rules of which one may yet turn out to be the first match, once `unread` is known."""
    for rule in policy.rules:
        open_to = [each for each in alternatives(rule) if _holds(each, facts, unread)]
        if open_to:
            yield rule
        if any(not _named(each) & set(unread) for each in open_to):
            return


def sure_match(policy: Policy, facts: Facts, unread: Collection[str] = UNREAD) -> Rule | None:
    """The rule that is the first match, whatever `unread` turns out to be; None: not known yet."""
    first = next(may_match(policy, facts, unread), None)
    if first is None:
        return None
    open_to = (each for each in alternatives(first) if _holds(each, facts, unread))
    return first if any(not _named(each) & set(unread) for each in open_to) else None


def matches(rule: Rule, facts: Facts) -> bool:
    """Whether one of the rule's alternatives holds."""
    return any(_holds(each, facts) for each in alternatives(rule))


def alternatives(rule: Rule) -> Sequence[Conditions]:
    """What `when` says; one alternative without conditions where it says nothing."""
    return rule.when or (Conditions(),)


def conditions(alternative: Conditions) -> Iterator[tuple[str, Names | Range]]:
    """The fields that an alternative names, with what it asks of them."""
    for field in type(alternative).model_fields:
        condition = getattr(alternative, field)
        if condition is not None:
            yield field, condition


def _named(alternative: Conditions) -> set[str]:
    return {field for field, _ in conditions(alternative)}


def _holds(alternative: Conditions, facts: Facts, unread: Collection[str] = ()) -> bool:
    return all(
        field in unread or _meets(getattr(facts, field), condition)
        for field, condition in conditions(alternative)
    )


def _meets(value: Value, condition: Names | Range) -> bool:
    if isinstance(condition, Names):
        listed = condition.any if condition.any is not None else condition.but or ()
        return (value in listed) == (condition.any is not None)
    if value is None or isinstance(value, str):
        return False
    return (
        (condition.above is None or value > condition.above)
        and (condition.at_least is None or value >= condition.at_least)
        and (condition.below is None or value < condition.below)
        and (condition.at_most is None or value <= condition.at_most)
    )
