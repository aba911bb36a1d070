"""Forks: a run's checkpoint from before a step, copied to a new run's thread.

Checkpoints keep their ids in the copy, and so do LangGraph's tasks, whose ids come from these: what
ran beside the step is taken over as done. Nothing of the original is changed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from langgraph.checkpoint.base import WRITES_IDX_MAP, CheckpointTuple
from langgraph.types import Send

from tandem.checkpoints.durable import DurableRuns
from tandem.errors import RunStateError
from tandem.ledger import effects
from tandem.ledger.kept import keep, kept
from tandem.ledger.store import Ledger

AGENT: Final = "agent:"
SENDS: Final = "__pregel_tasks"
PAID: Final = ("attempts", "made", "delegated", "spent")
"""Keys whose entries have a cost, which the original paid, and whose saving it claims."""


@dataclass(frozen=True)
class Found:
    """Where a step was about to be carried out.

    Parameters
    ----------
    outer, inner: the checkpoints of the main graph and of the agent's.
    """

    run_id: str
    step_id: str
    outer: CheckpointTuple
    inner: CheckpointTuple


def find_step(saver: DurableRuns, thread_id: str, run_id: str, step_id: str) -> Found:
    """The last checkpoints from before a step.

    Raises
    ------
    RunStateError: the run has no such step, or no checkpoints any more.
    """
    found = _found(saver, thread_id, run_id)
    if step_id not in found:
        raise RunStateError(
            "The run cannot be forked there: it has no such step, or its checkpoints are deleted.",
            f"Steps at which it can be forked: {', '.join(sorted(found)) or 'none'}.",
        )
    return found[step_id]


def forkable(saver: DurableRuns, thread_id: str, run_id: str) -> list[str]:
    """Ids of the steps at which a run can be forked."""
    return sorted(_found(saver, thread_id, run_id), key=lambda name: (len(name), name))


def _found(saver: DurableRuns, thread_id: str, run_id: str) -> dict[str, Found]:
    """By the step's id, the last place before it."""
    whole = tuple(saver.list({"configurable": {"thread_id": thread_id}}))
    of_run = [each for each in whole if _state(each).get("run_id") == run_id]
    by_id = {each.checkpoint["id"]: each for each in of_run}
    found: dict[str, Found] = {}
    for each in of_run:  # newest first
        outer = by_id.get(each.metadata.get("parents", {}).get("", ""))
        if outer is None or not _namespace(each).startswith(AGENT):
            continue
        for name in _sent(each):
            found.setdefault(name, Found(run_id, name, outer, each))
    return found


def begin_fork(ledger: Ledger, saver: DurableRuns, found: Found, fork_id: str) -> None:
    """Write the new run, and its checkpoints on a thread of its own (named as the run)."""
    state = _state(found.inner)
    ledger.start(fork_id, state["request"], state["profile"], state["decision"])
    keep(ledger, fork_id, fork_id, forked_from=found.run_id, forked_at=found.step_id)
    forked = _forking(found, fork_id, _effects_before(ledger, found))
    _copy(saver, found.outer, fork_id, forked, [])
    _copy(saver, found.inner, fork_id, forked, _beside(found))


def _copy(
    saver: DurableRuns,
    original: CheckpointTuple,
    thread_id: str,
    forked: Callable[[Mapping[str, Any]], dict[str, Any]],
    writes: list[tuple[str, list[tuple[str, Any]]]],
) -> None:
    values = forked(original.checkpoint["channel_values"])
    if SENDS in values:
        values[SENDS] = [Send(each.node, forked(each.arg)) for each in values[SENDS]]
    checkpoint: Any = {**original.checkpoint, "channel_values": values}
    namespace = _namespace(original)
    target: Any = {"configurable": {"thread_id": thread_id, "checkpoint_ns": namespace}}
    written = saver.put(target, checkpoint, original.metadata, checkpoint["channel_versions"])
    for task_id, told in writes:
        saver.put_writes(written, [(key, _unpaid(key, value)) for key, value in told], task_id)


def _effects_before(ledger: Ledger, found: Found) -> list[str]:
    """The steps with side effects that the new run takes over as they ended, in words."""
    told = [told for _, told in _beside(found)]
    beside = [step for each in told for key, value in each if key == "results" for step in value]
    state = _state(found.inner)
    ended = {step["id"]: step for step in [*state["steps"], *state.get("results", ()), *beside]}
    begun: set[str] = set()
    run_id = found.run_id
    while run_id:
        rows = effects.of_runs(ledger, [run_id])[run_id]
        begun |= {row["step_id"] for row in rows if row["claims"]}
        note = kept(ledger, run_id)
        run_id = (note["forked_from"] or "") if note else ""
    return [
        f"{step['id']} ({step['tool']}, {step['status']})"
        for step in ended.values()
        if step["id"] in begun and step["status"] != "planned"
    ]


def _forking(
    found: Found, fork_id: str, taken_over: list[str]
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Makes a state the new run's: its id, its time, and nothing to pay for what was done."""
    begun = time.time()
    state = _state(found.inner)
    allowed = state["deadline"] - state["started"]
    reason = f"forked from run {found.run_id} at {found.step_id}; what that run did is paid there"
    if taken_over:
        reason += f"; its effects stand, and are not done again: {', '.join(taken_over)}"
    profile = {**state["profile"], "reasons": [*state["profile"]["reasons"], reason]}
    own = {"run_id": fork_id, "started": begun, "deadline": begun + allowed, "profile": profile}

    def forked(values: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: _unpaid(key, value) for key, value in values.items()}
        return {**kept, **{key: value for key, value in own.items() if key in values}}

    return forked


def _unpaid(key: str, value: Any) -> Any:
    if key not in PAID or not isinstance(value, list):
        return value
    return [_at_no_cost(each) for each in value]


def _at_no_cost(each: Mapping[str, Any]) -> dict[str, Any]:
    """An attempt or a delegated run that neither costs nor saves anything here."""
    free: dict[str, Any] = {"cost": 0.0}
    if "all_llm_cost" in each:
        free["all_llm_cost"] = 0.0
    if "usage" in each:  # by which all-LLM is priced
        free["usage"] = dict.fromkeys(each["usage"], 0)
    return {**each, **free}


def _beside(found: Found) -> list[tuple[str, list[tuple[str, Any]]]]:
    """What the tasks wrote that ended beside the step, by task; questions are asked anew."""
    by_task: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
    for task_id, key, value in found.inner.pending_writes or ():
        if key not in WRITES_IDX_MAP:
            by_task[task_id].append((key, value))
    return [
        (task_id, told)
        for task_id, told in by_task.items()
        if (ended := _ended(told)) and found.step_id not in ended
    ]


def _ended(told: list[tuple[str, Any]]) -> set[str]:
    """Ids of the steps that ended by these writes."""
    return {step["id"] for key, value in told if key == "results" for step in value}


def _sent(each: CheckpointTuple) -> Iterator[str]:
    """Ids of the steps that a checkpoint of the agent's graph is about to carry out."""
    for send in _state(each).get(SENDS, ()):
        yield send.arg["step"]["id"]


def _state(each: CheckpointTuple) -> dict[str, Any]:
    return each.checkpoint["channel_values"]


def _namespace(each: CheckpointTuple) -> str:
    return str(each.config["configurable"]["checkpoint_ns"])
