"""The nodes of the graph that writes long texts: outline, write (a section each time), finish."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import DeadlineExceeded, EgressBlocked, ModelError, TandemError
from tandem.models.tier import TierCall
from tandem.nodes.binding import context_of
from tandem.nodes.longform.drafting import fitted, next_section, opened_end, planned
from tandem.nodes.longform.lengths import word_count
from tandem.nodes.longform.reaching import Reach, Reached
from tandem.nodes.longform.state import LongformState
from tandem.nodes.longform.stopping import remedied, told
from tandem.nodes.longform.task import longform
from tandem.nodes.longform.writing import Section
from tandem.nodes.state import Context
from tandem.records import Attempt, TierName
from tandem.services import Services

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outline:
    """Prepare the task, and plan the sections; goes on to `write`, or out without a plan."""

    services: Services

    def __call__(self, state: LongformState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Plan the text."""
        task = longform(self.services)
        try:
            prepared = dict(task.prepare(state["request"], state["profile"]))
        except TandemError as error:
            return {"error": error.info(), "next": "end"}
        reach = Reach(self.services, state, runtime, "plan")
        found = reach(lambda call: planned(prepared, task.evidence, call), _counted)
        plan = {**prepared, **(found.result or {"outline": []})}
        update = {"prepared": plan, "sections": list(plan["done"]), "stopped": "", "opened": False}
        runtime.stream_writer({"outline": {"sections": len(plan["outline"])}})
        if found.error and found.error["code"] == DeadlineExceeded.code:
            update["error"] = remedied(found.error)
        return {
            **update,
            "attempts": [*state["attempts"], *found.attempts],
            "next": _following({**state, **update}) if plan["outline"] else "end",
        }


@dataclass(frozen=True)
class Write:
    """Write the next section, or first go on with one that broke off; goes on to `write` while
    there are more, then to `finish`. An error ends the writing, not the run: what is written is
    kept."""

    services: Services

    def __call__(self, state: LongformState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Write a section."""
        plan, done = state["prepared"], state["sections"]
        small = Reach(self.services, state, runtime, "act").bound("slm")
        opening = plan["open_end"] and not state["opened"]

        def work(call: TierCall) -> list[Section]:
            if opening:
                return opened_end(plan, done, call)
            return [*done, next_section(plan, done, call, small)]

        reach = Reach(self.services, state, runtime, "act", streams=True)
        reached = reach(work, _last)
        sections = reached.result or done
        if small.attempt(None)["calls"]:
            reach.note(reached, small.attempt(_last(sections)))
        update = {"sections": sections, "opened": True, "stopped": ""}
        update["next"] = _following({**state, **update})
        if reached.error:
            update |= {"stopped": reached.error["code"], "next": "finish"}
        else:
            _tell(runtime, sections, len(plan["outline"]))
        return {**update, "attempts": [*state["attempts"], *reached.attempts]}


@dataclass(frozen=True)
class Finish:
    """Bring the text to its length, then ask for title and summary; its attempt is the answer."""

    services: Services

    def __call__(self, state: LongformState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Put the text together."""
        if not state["sections"]:
            # The error's own attempt is the last one, and decides where the run goes.
            error = state["attempts"][-1]["error"]
            late = error is not None and error["code"] == DeadlineExceeded.code
            return {"next": "end", **({"error": remedied(error)} if error and late else {})}
        reach = Reach(self.services, state, runtime, "synthesise")
        reached: Reached[Any] = Reached()
        attempt, stopped = self._finished(state, reach.bound(_finishing(state)))
        reach.note(reached, attempt)
        update: dict[str, Any] = {
            "attempts": [*state["attempts"], *reached.attempts],
            "next": "end",
        }
        late = stopped == DeadlineExceeded.code and attempt["output"] is not None
        if late and longform(self.services).check(state["prepared"], attempt):
            update["decision"] = told(state["decision"], attempt["output"])
        return update

    def _finished(self, state: LongformState, call: TierCall) -> tuple[Attempt, str]:
        """The attempt, and the code of the error that cut the text short."""
        plan, sections, stopped = state["prepared"], state["sections"], state["stopped"]
        short = ""
        try:
            sections = sections if stopped else fitted(plan, sections, call)
        except (ModelError, EgressBlocked) as error:
            log.info("a long text could not be brought to its length")  # the gates tell
            short = error.code
        made = longform(self.services).finished(plan, sections, call, stopped)
        return made, stopped or short


def _finishing(state: LongformState) -> TierName:
    """The run's tier; the SLM where the guard kept the last section from the LLM."""
    by_slm = state["sections"][-1]["by"] == "slm"
    return "slm" if by_slm and _kept_from_llm(state) else state["decision"]["tier"]


def _kept_from_llm(state: LongformState) -> bool:
    return any(
        attempt["error"] and attempt["error"]["code"] == EgressBlocked.code
        for attempt in state["attempts"]
    )


def _following(state: Mapping[str, Any]) -> str:
    plan = state["prepared"]
    opening = plan["open_end"] and not state["opened"]
    return "write" if opening or len(state["sections"]) < len(plan["outline"]) else "finish"


def _counted(plan: Mapping[str, Any]) -> dict[str, int] | None:
    """None where there is no outline, so that the attempt is none."""
    return {"sections": len(plan["outline"])} if plan["outline"] else None


def _last(sections: Sequence[Section]) -> dict[str, int]:
    return {"section": len(sections), "words": word_count(sections[-1]["text"])}


def _tell(runtime: Runtime[Context], sections: Sequence[Section], count: int) -> None:
    """Counts for whoever watches; the text only for who asked for what is not checked yet."""
    last = sections[-1]
    told: dict[str, Any] = {**_last(sections), "of": count, "by": last["by"]}
    if context_of(runtime).stream_unverified:
        told |= {"title": last["title"], "text": last["text"], "verified": False}
    runtime.stream_writer({"section": told})
