"""How an agent hands work to the same graph: a request with its task declared, as a run of its own
under the agent's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph._internal._constants import CONFIG_KEY_DURABILITY
from langgraph.graph import StateGraph

from tandem.nodes.binding import keeps_private
from tandem.nodes.state import Context, State
from tandem.records import SENSITIVITIES, Answer, Delegated, Request

_UNKEPT: Final[RunnableConfig] = {"configurable": {CONFIG_KEY_DURABILITY: "async"}}
"""A request under a run that is kept step by step is not itself kept, and must not take over from
it that each step waits for its checkpoint: there is none, and LangGraph breaks off."""


@dataclass(frozen=True)
class Subtasks:
    """Runs requests for an agent's run, never more loosely than the run itself: at least its
    sensitivity, at most what is left of its deadline."""

    builder: StateGraph[Any, Any, Any, Any]

    def __call__(
        self, parent: State, context: Context, delegated: list[Delegated]
    ) -> Callable[[Request], Answer]:
        """The function that runs a request under `parent` and notes its cost in `delegated`."""

        def run(request: Request) -> Answer:
            private = keeps_private(parent, context)
            seen = parent["profile"].get("public_may_see")
            child = Context(
                parent_run_id=parent["run_id"],
                private_only=private,
                public_may_see=None if seen is None else tuple(seen),
            )
            given = {"request": _tightened(request, parent)}
            result = self._graph.invoke(given, _UNKEPT, context=child)
            answer = cast("Answer", result["answer"])
            delegated.append(
                {
                    "run_id": answer["run_id"],
                    "task": answer["task"],
                    "cost": answer["cost"],
                    "all_llm_cost": answer["all_llm_cost"],
                    "all_llm_estimated": answer["all_llm_estimated"],
                }
            )
            return answer

        return run

    @cached_property
    def _graph(self) -> Any:
        return self.builder.compile(checkpointer=False, name="subtask")


def _tightened(request: Request, parent: State) -> Request:
    profile = parent["profile"]
    declared = request.get("sensitivity", "none")
    left_ms = int((parent["deadline"] - time.time()) * 1000)
    return {
        **request,
        "sensitivity": max(declared, profile["sensitivity"], key=SENSITIVITIES.index),
        "deadline_ms": max(1, min(left_ms, request.get("deadline_ms", left_ms))),
        "latency": profile["latency"],
        "tenant": profile["tenant"],
    }
