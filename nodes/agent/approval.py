"""What a person is asked about a step with side effects, and what may be answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tandem.ledger.effects import Effect
from tandem.nodes.agent.references import REFERENCE
from tandem.nodes.agent.state import AgentState
from tandem.records import Approval, Step
from tandem.tools.base import Tool

Decision = Literal["approve", "reject", "repeat", "happened"]
"""`repeat` and `happened` are for a step that may have happened: do it again, or count it as
done. `reject` leaves such a step open: `unknown`."""

FIRST: Final[tuple[Decision, ...]] = ("approve", "reject")
AGAIN: Final[tuple[Decision, ...]] = ("repeat", "happened", "reject")
APPROVE_WORDS: Final = "{tool} would be called with these arguments. It changes things. May it?"
TAINTED_WORDS: Final = " Some of the arguments come from a tool's result or a document: {names}."
BEFORE_WORDS: Final = " The run {run_id}, from which this one was forked, had it done already."
AGAIN_WORDS: Final = (
    "It may have happened: {tool} was begun with these arguments, and the process ended before it "
    "said how that went. Look, then decide: repeat (do it again), happened (count it as done), or "
    "reject (leave it open)."
)


@dataclass(frozen=True)
class Answered:
    """What a person said.

    Parameters
    ----------
    claims: how often the step had been begun, as far as the person knew.
    """

    decision: Decision
    claims: int

    def fits(self, row: Effect) -> bool:
        """Whether it answers what would be asked now: an approval from before an attempt says
        nothing about a second one."""
        allowed = AGAIN if row["claims"] else FIRST
        return self.decision in allowed and self.claims == row["claims"]


def question(state: AgentState, row: Effect, tool: Tool, before: str = "") -> Approval:
    """What to ask about the step in hand.

    Parameters
    ----------
    before: the run, of which this one is a fork, that had the step's effect.
    """
    step = state["step"]
    tainted = _tainted(state, step)
    words = APPROVE_WORDS.format(tool=tool.name)
    if tainted:
        words += TAINTED_WORDS.format(names=", ".join(tainted))
    if before:
        words += BEFORE_WORDS.format(run_id=before)
    asked: Approval = {
        "question": "approve",
        "words": words,
        "run_id": state["run_id"],
        "step_id": step["id"],
        "tool": tool.name,
        "description": tool.description,
        "arguments": step["arguments"],
        "tainted": tainted,
        "claims": 0,
        "answers": list(FIRST),
    }
    return renewed(asked, row)


def renewed(asked: Approval, row: Effect) -> Approval:
    """The question as it is now: of a step that was begun since, whether it may be done again."""
    if not row["claims"]:
        return asked
    return {
        **asked,
        "question": "may_have_happened",
        "words": AGAIN_WORDS.format(tool=asked["tool"]),
        "claims": row["claims"],
        "answers": list(AGAIN),
    }


def answered(said: Any) -> Answered | None:
    """`approve`, or `{"decision": "approve", "claims": 0}`; None for what is neither.

    A bare word speaks of the first time that it can speak of.
    """
    if isinstance(said, str):
        said = {"decision": said.strip().lower()}
    if not isinstance(said, Mapping) or said.get("decision") not in (*FIRST, *AGAIN):
        return None
    decision: Decision = said["decision"]
    claims = said.get("claims", 0 if decision in FIRST else 1)
    return Answered(decision, claims) if isinstance(claims, int) else None


def _tainted(state: AgentState, step: Step) -> list[str]:
    """The arguments that held references in the plan; all of them where that is not known."""
    if not step["tainted"]:
        return []
    planned = next((each for each in state["steps"] if each["id"] == step["id"]), step)
    named = [
        name
        for name, value in planned["arguments"].items()
        if REFERENCE.search(json.dumps(value, ensure_ascii=False))
    ]
    return named or list(step["arguments"])
