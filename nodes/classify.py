"""The first node: what is this request, how sensitive is it, and where does it go?"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import TandemError
from tandem.nodes.binding import bind, context_of
from tandem.nodes.find_task import FindTask
from tandem.nodes.state import Context, State
from tandem.nodes.task import Task
from tandem.records import TASKS, Profile, Request
from tandem.routing.policy import LlmAccess, decide
from tandem.routing.validation import validate
from tandem.services import Services


@dataclass(frozen=True)
class Classify:
    """Validate the request, profile it and decide. Declared fields win; sensitivity only rises."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        update = self._fresh(runtime)
        self._start(state, update)
        try:
            request = validate(state.get("request"), self.services.settings.limits, self.tasks)
            request = self._documents_read(request)
            update |= self._profiled(request, update, runtime)
        except TandemError as error:
            update |= {"error": error.info(), "next": "record"}
        return update

    def _fresh(self, runtime: Runtime[Context]) -> dict[str, Any]:
        """A new run's state: nothing of an earlier run on the same thread stays."""
        context, now = context_of(runtime), time.time()
        return {
            "run_id": context.run_id or uuid.uuid4().hex,
            "parent_run_id": context.parent_run_id,
            "started": now,
            "deadline": now + self.services.settings.limits.deadline_s,
            "profile": None,
            "decision": None,
            "prepared": {},
            "attempts": [],
            "verdicts": [],
            "steps": [],
            "delegated": [],
            "error": None,
        }

    def _profiled(
        self, request: Request, fresh: dict[str, Any], runtime: Runtime[Context]
    ) -> dict[str, Any]:
        profile = self._sensitivity(request)
        if profile["deadline_ms"]:
            fresh["deadline"] = fresh["started"] + profile["deadline_ms"] / 1000
        context = context_of(runtime)
        state: State = {**fresh, "request": request, "profile": profile}  # type: ignore[typeddict-item]
        find_task = FindTask(self.services, self.tasks)
        attempts = find_task(
            state,
            self._access(context),
            lambda tier: bind(self.services, state, runtime, tier, "classify"),
        )
        task = self.tasks[profile["task"]]
        own = self.services.settings.tasks.get(task.name)
        if own and profile["quality"] is None:
            profile["quality"] = own.quality
        access = self._access(context, task.name)
        decision = decide(profile, task.node, (own and own.first_tier) or task.first_tier, access)
        self.services.ledger.profiled(fresh["run_id"], profile, decision, request)
        return {
            "request": request,
            "profile": profile,
            "decision": decision,
            "attempts": attempts,
            "deadline": fresh["deadline"],
            "next": decision["node"],
        }

    def _documents_read(self, request: Request) -> Request:
        """The request with its documents as text: read once, and no bytes travel further."""
        documents = request.get("documents")
        if not documents:
            return request
        read = self.services.document_text
        return {**request, "documents": [{"name": d["name"], "text": read(d)} for d in documents]}

    def _sensitivity(self, request: Request) -> Profile:
        sensitivity, evidence, reasons, floor = self.services.assess(request)
        return {
            "task": "",
            "task_confidence": 0.0,
            "complexity": None,
            "sensitivity": sensitivity,
            "sensitivity_floor": floor,
            "evidence": evidence,
            "latency": request.get("latency", "async"),
            "deadline_ms": request.get("deadline_ms"),
            "quality": request.get("quality"),
            "tenant": request.get("tenant", ""),
            "reasons": reasons,
        }

    def _access(self, context: Context, task: str = "") -> LlmAccess:
        return LlmAccess(
            llm_is_private=self.services.tier("llm", task).private,
            public_may_see=self.services.settings.privacy.public_may_see,
            private_only=context.private_only,
        )

    def _start(self, state: State, fresh: dict[str, Any]) -> None:
        parent = fresh["parent_run_id"] or None
        declared = _declared(state.get("request"))
        self.services.ledger.start(fresh["run_id"], declared, parent_run_id=parent)


def _declared(raw: Any) -> Request:
    """What the ledger may note of a request that nobody has validated yet."""
    declared: Request = {"text": ""}
    if isinstance(raw, dict):
        if raw.get("task") in TASKS:
            declared["task"] = raw["task"]
        if isinstance(raw.get("tenant"), str):
            declared["tenant"] = raw["tenant"]
    return declared
