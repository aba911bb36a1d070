"""What the policy makes of a request: who may see it, where it starts, whether it may go on."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tandem.errors import BudgetSpent, PolicyRefused
from tandem.ledger.store import RUNNING
from tandem.nodes.find_task import UNCLEAR_TASK
from tandem.nodes.state import Context
from tandem.nodes.task import Task
from tandem.privacy.egress import remaining
from tandem.privacy.redaction import Vault
from tandem.records import Decision, Profile, Request, Sensitivity, TierName
from tandem.routing.budgets import spent
from tandem.routing.latency import Choice, tier_in_time
from tandem.routing.policy import LlmAccess, decide, start
from tandem.routing.rules import facts_of, first_match, may_match, sure_match
from tandem.services import Services
from tandem.settings import Rule


@dataclass(frozen=True)
class Deciding:
    """The decisions on one request. `profile` is complete once its task was found."""

    services: Services
    request: Request
    profile: Profile
    context: Context
    vault: Vault
    """The run's."""

    def reading_access(self) -> LlmAccess:
        """Whether the LLM may see the request where its task stays unclear.

        Raises
        ------
        BudgetSpent: the policy refuses requests once a budget is spent.
        """
        unclear: Profile = {**self.profile, "task": UNCLEAR_TASK}
        rule = first_match(self.services.settings.policy, facts_of(self.request, unclear))
        return self._access(UNCLEAR_TASK, self._spent()).tightened(rule)

    def refuse_unread(self) -> None:
        """Raise PolicyRefused where the rule that refuses is known before the task is read."""
        policy = self.services.settings.policy
        _refuse(sure_match(policy, facts_of(self.request, self.profile)))

    def reads_privately(self) -> bool:
        """Whether a rule may yet turn out to match, once the task is read, that lets less leave
        than the settings do: until then no model that is not private reads the request."""
        policy = self.services.settings.policy
        open_to = may_match(policy, facts_of(self.request, self.profile))
        return any(
            rule.private_only or rule.public_may_see is not None or rule.refuse for rule in open_to
        )

    def narrow(self, access: LlmAccess | None = None) -> None:
        """Note for the guard what `access` (by default, the context) lets leave, where that is
        less than the settings; and what is left of the sensitivity then."""
        seen = access.public_may_see if access else self._public_may_see()
        if set(seen) < set(self.services.settings.privacy.public_may_see):
            self.profile["public_may_see"] = list(seen)
            self.profile["sensitivity_floor"] = self._floor(seen)

    def _floor(self, seen: tuple[Sensitivity, ...]) -> Sensitivity:
        return self.services.assess(self.request, seen, self.vault).floor

    def _public_may_see(self) -> tuple[Sensitivity, ...]:
        """The settings', or less where the caller says so."""
        own, seen = self.context.public_may_see, self.services.settings.privacy.public_may_see
        return seen if own is None else tuple(each for each in seen if each in own)

    def decision(self, task: Task, deadline: float) -> Decision:
        """Where the request goes.

        Parameters
        ----------
        deadline: unix time, seconds.

        Raises
        ------
        PolicyRefused: the rule that matches refuses; BudgetSpent: as above.
        """
        settings = self.services.settings
        rule = first_match(settings.policy, facts_of(self.request, self.profile))
        _refuse(rule)
        access = self._access(task.name, self._spent()).tightened(rule)
        self.narrow(access)
        own = settings.tasks.get(task.name)
        first_tier = (own and own.first_tier) or task.first_tier
        first = start(self.profile, first_tier, rule, settings.policy.llm_above)
        in_time = self._in_time(first.tier, rule, access, deadline - time.time())
        return decide(self.profile, task.node, first, access, rule, in_time)

    def _in_time(
        self, first: TierName, rule: Rule | None, access: LlmAccess, left_s: float
    ) -> Choice | None:
        """What a deadline makes of the first tier. A rule that names the tier has its way, and
        what may wait takes the cheaper one."""
        if self.profile["latency"] != "realtime" or not self.profile["deadline_ms"]:
            return None
        if rule and rule.first_tier:
            return None
        allowed = not access.why_not(remaining(self.profile))
        speeds = self.services.speeds.of(self.profile["task"], left_s)
        return tier_in_time(first, speeds, left_s, allowed and (rule is None or rule.may_escalate))

    def _access(self, task: str = "", barred: str = "") -> LlmAccess:
        return LlmAccess(
            llm_is_private=self.services.tier("llm", task).private,
            public_may_see=self._public_may_see(),
            private_only=self.context.private_only,
            barred=barred,
        )

    def _spent(self) -> str:
        why = spent_budget(self.services, self.profile["tenant"])
        budgets = self.services.settings.policy.budgets
        if why and budgets.when_spent == "refuse" and not self._was_let_in():
            raise BudgetSpent(
                f"Nothing was asked: {why}.",
                "Wait for the next day, or raise policy.budgets.",
            )
        return f"{why}: SLM only" if why else ""

    def _was_let_in(self) -> bool:
        """Whether this is delegated by a run under way, of the same tenant: that one was let in.
        By the ledger, since a caller may name any run as the parent, this one too."""
        parent_id = self.context.parent_run_id
        parent = self.services.ledger.run(parent_id) if parent_id else None
        return (
            parent is not None
            and parent["status"] == RUNNING
            and bool(parent["node"])
            and parent["tenant"] == self.profile["tenant"]
        )


def _refuse(rule: Rule | None) -> None:
    if rule and rule.refuse:
        raise PolicyRefused(
            f"The policy's rule {rule.name!r} refuses this request: {rule.refuse}",
            "`tandem explain` tells what it goes by.",
        )


def spent_budget(services: Services, tenant: str) -> str:
    """The tenant's budget, or everybody's, that is used up, in words; empty where none is."""
    budgets = services.settings.policy.budgets
    if not budgets.bounded:
        return ""
    return spent(budgets, tenant, services.spend.today(), services.settings.currency)
