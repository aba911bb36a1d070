"""The agent's work as a task, for whoever checks and repairs it: its graph (graphs/agent.py) plans
and carries out the `steps` that the answer is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tandem.errors import InvalidRequest
from tandem.models.tier import TierCall
from tandem.nodes.agent.dispatching import made_up, unresolved
from tandem.nodes.agent.grounding import unused_numbers
from tandem.nodes.agent.plan_prompt import request_text
from tandem.nodes.agent.references import SEARCH
from tandem.nodes.agent.synthesis import check_synthesis, synthesise
from tandem.nodes.agent.unread import asks_unread
from tandem.nodes.stages import Judgement
from tandem.nodes.task import Prepared
from tandem.records import Attempt, GateFailure, Profile, Request, TierName, Verdict
from tandem.routing.policy import UNVERIFIED

NO_KNOWLEDGE: Final = (
    "there is no knowledge base here, so nothing was looked up in one: `tandem index build FOLDER`"
)
UNREAD: Final = f"{UNVERIFIED}what the request names to look up was not looked up"
UNUSED: Final = "doubtful: a number that the request names was used by no step"


@dataclass(frozen=True)
class Agent:
    """Task `agent`; `prepared` is `{"request_text", "steps", "limit", "has_knowledge"}`."""

    name: str = "agent"
    node: str = "agent"
    first_tier: TierName = "llm"

    def prepare(self, request: Request, profile: Profile) -> Prepared:
        """What the checks need of the request; no steps yet.

        Raises
        ------
        InvalidRequest: there is no text to plan from.
        """
        del profile
        if not request["text"].strip():
            raise InvalidRequest("An agent's request needs a text.", "Say what is to be done.")
        text = request_text(request)
        return {"request_text": text, "steps": [], "limit": "", "has_knowledge": True}

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """The final answer from the steps that were carried out."""
        return synthesise(prepared, tier)

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """See `check_synthesis`."""
        return check_synthesis(prepared, attempt)

    def judge(self, prepared: Prepared, attempt: Attempt) -> Judgement:
        """No score: nothing is promised of an agent's answer. The notes say what it lacks, by the
        steps' names."""
        del attempt
        steps = prepared["steps"]
        lacks = [f"{step['id']} ({step['tool']})" for step in unresolved(steps)]
        notes = [f"partial: nothing came of {', '.join(lacks)}"] if lacks else []
        notes += made_up(steps)
        if not prepared.get("has_knowledge", True):
            unread = asks_unread(prepared["request_text"], steps)
            notes += [UNREAD] if unread else []
            searches = any(step["tool"] == SEARCH for step in steps)
            notes += [NO_KNOWLEDGE] if unread or searches or not steps else []
        notes += [prepared["limit"]] if prepared["limit"] else []
        if unused_numbers([step["arguments"] for step in steps], prepared["request_text"]):
            notes.append(UNUSED)
        return Judgement(notes=notes)

    def repair(
        self, prepared: Prepared, rejected: Attempt, verdict: Verdict, tier: TierCall
    ) -> Attempt:
        """The final answer again, from the same steps, told what was wrong."""
        del rejected
        reasons = ", ".join(
            f"{failure['gate']}: {failure['detail']}" for failure in verdict["failed"]
        )
        return synthesise(prepared, tier, rejected_for=reasons)
