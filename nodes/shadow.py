"""The shadow: a sample of the answers accepted without the LLM is asked of the LLM as well.

The request is answered long before; what comes of it is a row in the ledger. Nothing goes to the
LLM that the run itself could not have sent there, and of what is sensitive nothing at all to an LLM
that is not private, whatever redaction would let through.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tandem.ledger.shadow import ShadowRow, add_shadow, has_shadow, shadow_spent
from tandem.models.tier import CallContext
from tandem.nodes.deciding import spent_budget
from tandem.nodes.extract import Extract
from tandem.nodes.labels import LabelTask
from tandem.nodes.run_task import attempted
from tandem.nodes.state import State
from tandem.nodes.task import Task
from tandem.privacy.tracing import traced
from tandem.quality.same_value import is_absent, same_value
from tandem.records import Answer, Attempt, Profile, Sensitivity
from tandem.routing.policy import LlmAccess
from tandem.services import Services
from tandem.settings import Settings

log = logging.getLogger(__name__)
REJECTED = "rejected"
"""Error code of a row whose LLM answer did not pass the task's gates."""


@dataclass(frozen=True)
class Shadow:
    """Draws answers by their run's id and has the LLM asked for its own, in the background."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State, answer: Answer, private_only: bool) -> bool:
        """Queue the comparison of an answer that is drawn; whether it was queued.

        Parameters
        ----------
        private_only: the run may be seen by no model that is not private.
        """
        share = self.services.settings.shadow.share
        if not drawn(answer["run_id"], share) or not self._concerns(state, answer):
            return False
        job = partial(self._compare, state, answer["output"], private_only, share)
        return self.services.background.offer(job)

    def _concerns(self, state: State, answer: Answer) -> bool:
        """Whether it was accepted without the LLM, could have gone there, and can be compared."""
        if answer["status"] != "accepted" or not state["decision"]["may_escalate"]:
            return False
        by_llm = any(a["tier"] == "llm" and a["purpose"] != "classify" for a in state["attempts"])
        return not by_llm and comparable(self.tasks[answer["task"]])

    def _compare(self, state: State, output: Any, private_only: bool, share: float) -> None:
        run_id, task = state["run_id"], self.tasks[state["profile"]["task"]]
        if has_shadow(self.services.ledger, run_id):
            return
        if why := self._why_not(state, private_only):
            log.info("the shadow asks nothing: %s", why)
            return
        attempt = self._asked(state, task, private_only)
        error = attempt["error"]["code"] if attempt["error"] else None
        if error is None and task.check(state["prepared"], attempt):
            error = REJECTED
        row: ShadowRow = {
            "run_id": run_id,
            "probability": share,
            "agreed": None if error else agree(output, attempt["output"], task),
            "model": attempt["model"],
            "output_sum": "" if error else output_sum(run_id, attempt["output"]),
            "cost": attempt["cost"],
            "seconds": attempt["seconds"],
            "error_code": error,
        }
        add_shadow(self.services.ledger, row)

    def _why_not(self, state: State, private_only: bool) -> str:
        """Why the LLM may not be asked now; empty: it may."""
        profile, settings = state["profile"], self.services.settings
        access = LlmAccess(
            llm_is_private=self.services.tier("llm", profile["task"]).private,
            public_may_see=_public_may_see(profile, settings),
            private_only=private_only,
            barred=spent_budget(self.services, profile["tenant"]),
        )
        # Not what redaction leaves of it: that may go out to get an answer, not to check one.
        if why := access.why_not(profile["sensitivity"]):
            return why
        spent = shadow_spent(self.services.ledger)
        return "shadow.per_day is spent" if spent >= settings.shadow.per_day else ""

    def _asked(self, state: State, task: Task, private_only: bool) -> Attempt:
        """The LLM's attempt at the task, made from the same prepared input, behind the guard."""
        profile, settings = state["profile"], self.services.settings
        call = self.services.tier("llm", task.name).bind(
            CallContext(
                profile=profile,
                deadline=time.time() + settings.shadow.seconds,
                task=task.name,
                run_id=state["run_id"],
                private_only=private_only,
            )
        )
        visible = _public_may_see(profile, settings)
        with traced(profile["sensitivity"], self.services.detector, visible):
            return attempted(call, lambda: task.attempt(state["prepared"], call))


def _public_may_see(profile: Profile, settings: Settings) -> tuple[Sensitivity, ...]:
    """The settings', or less where a rule said so of the run."""
    return tuple(profile.get("public_may_see", settings.privacy.public_may_see))


def drawn(run_id: str, share: float) -> bool:
    """Whether a run belongs to the sample; the same run always does, in a larger one too."""
    digest = hashlib.sha256(f"shadow:{run_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def layers(task: Task) -> Iterator[Any]:
    """The task, and what its calibrations wrap; the task itself comes last."""
    layer: Any = task
    while layer is not None:
        yield layer
        layer = getattr(layer, "inner", None)


def comparable(task: Task) -> bool:
    """Whether two outputs of the task are equal or not: labels and fields; no free text."""
    return isinstance([*layers(task)][-1], LabelTask | Extract)


def agree(ours: Any, theirs: Any, task: Task) -> bool:
    """Whether two outputs say the same: the label; or every field, by value as in an evaluation
    (numbers, dates; texts without case, white space and punctuation), absent as null."""
    if isinstance([*layers(task)][-1], LabelTask):
        return bool(ours["label"] == theirs["label"])
    return _same(ours, theirs)


def output_sum(run_id: str, output: Any) -> str:
    """A hash that tells whether an output was this one, and nothing across runs."""
    told = output.get("label", output) if isinstance(output, dict) else output
    text = json.dumps([run_id, told], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(_same(ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if is_absent(ours) or is_absent(theirs):
        return is_absent(ours) and is_absent(theirs)
    return same_value(ours, theirs)
