"""What is wrong with a policy that its settings cannot tell: dead rules, unknown names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from tandem.records import Sensitivity
from tandem.routing.rules import alternatives
from tandem.routing.sets import NameSet, field_set
from tandem.routing.shadows import Shadow, shadows
from tandem.settings import Conditions, Rule, Settings

Level = Literal["error", "undecided"]


@dataclass(frozen=True)
class Remark:
    """One thing to know of a rule."""

    rule: str
    """Its name; empty: it is about the budgets."""
    level: Level
    kind: str
    what: str


def check_policy(settings: Settings, tasks: Collection[str], llm_is_private: bool) -> list[Remark]:
    """Everything that is wrong with the policy, in the order of its rules.

    Parameters
    ----------
    tasks: the names of all tasks that there are.
    """
    policy = settings.policy
    remarks = [_of_shadow(shadow) for shadow in shadows(policy, settings.limits)]
    for rule in policy.rules:
        remarks += _unknown_tasks(rule, tasks)
        remarks += _unknown_tenants(rule, settings.tenants)
        if not llm_is_private:
            remarks += _barred(rule, settings)
    order = [rule.name for rule in policy.rules]
    remarks.sort(key=lambda remark: order.index(remark.rule))
    return [*remarks, *_unknown_budgets(settings)]


def _of_shadow(shadow: Shadow) -> Remark:
    part = "" if shadow.alternative is None else f"alternative {shadow.alternative + 1} of `when` "
    by = ", ".join(repr(name) for name in shadow.by)
    fields = ", ".join(f"`{field}`" for field in shadow.impossible)
    what = {
        "contradiction": f"{part}can never match: no request meets its condition on {fields}",
        "shadowed": f"{part}can never match: earlier rules take all of its requests ({by})",
        "undecided": f"{part}may be shadowed: too many overlaps to count out ({by})",
    }[shadow.problem]
    level: Level = "undecided" if shadow.problem == "undecided" else "error"
    return Remark(shadow.rule, level, shadow.problem, what)


def _unknown_tasks(rule: Rule, tasks: Collection[str]) -> Iterator[Remark]:
    for name in sorted(named_tasks(rule) - set(tasks)):
        yield Remark(
            rule.name, "error", "unknown_task",
            f"no task is called {name!r}; tasks: {', '.join(sorted(tasks))}",
        )  # fmt: skip


def named_tasks(rule: Rule) -> set[str]:
    """The tasks that a rule's conditions name."""
    asked = [each.task for each in rule.when if each.task]
    return {name for names in asked for name in (*(names.any or ()), *(names.but or ()))}


def _unknown_tenants(rule: Rule, declared: Collection[str]) -> Iterator[Remark]:
    """Where tenants are declared, requests of others are refused, whatever the rules say."""
    asked = [each.tenant for each in rule.when if each.tenant]
    named = {name for names in asked for name in (*(names.any or ()), *(names.but or ()))}
    yield from _undeclared(rule.name, named - {""}, declared)


def _unknown_budgets(settings: Settings) -> Iterator[Remark]:
    yield from _undeclared("", set(settings.policy.budgets.tenants) - {""}, settings.tenants)


def _undeclared(rule: str, named: set[str], declared: Collection[str]) -> Iterator[Remark]:
    if not declared:
        return
    for name in sorted(named - set(declared)):
        yield Remark(
            rule, "error", "unknown_tenant",
            f"no tenant is called {name!r}; tenants: {', '.join(sorted(declared))}",
        )  # fmt: skip


def _barred(rule: Rule, settings: Settings) -> Iterator[Remark]:
    """`first_tier = "llm"` for requests that the public LLM may never see. Where privacy.leave
    redacts or allows types, what is left of a sensitive request may be seen, so only the rule's
    own word counts."""
    if rule.first_tier != "llm":
        return
    seen = set(settings.privacy.public_may_see) & _of_rule(rule)
    lifted = any(mode != "block" for mode in settings.privacy.leave.values())
    open_to = lifted or any(_may_be(each, seen) for each in alternatives(rule))
    if rule.private_only or not open_to:
        yield Remark(
            rule.name, "error", "barred",
            "starts on the LLM, which is public and may see none of its requests; "
            "the SLM would do them, degraded",
        )  # fmt: skip


def _of_rule(rule: Rule) -> set[str]:
    return set(get_args(Sensitivity) if rule.public_may_see is None else rule.public_may_see)


def _may_be(alternative: Conditions, seen: Collection[str]) -> bool:
    asked = alternative.sensitivity
    if asked is None:
        return bool(seen)
    held = field_set("sensitivity", asked)
    assert isinstance(held, NameSet)
    return not held.cut(NameSet(frozenset(seen), universe=held.universe)).empty
