"""The first node: what is this request, how sensitive is it, and where does it go?"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from langgraph.runtime import Runtime

from tandem.errors import DocumentError, TandemError
from tandem.knowledge.documents import read_start
from tandem.models.tier import TierCall
from tandem.nodes.binding import bind, context_of
from tandem.nodes.closing import unforeseen
from tandem.nodes.deciding import Deciding
from tandem.nodes.find_task import FindTask
from tandem.nodes.state import Context, State
from tandem.nodes.task import ReadsWhatItCan, Task
from tandem.privacy.redaction import Vault
from tandem.records import TASKS, Document, Latency, Profile, Request, TierName
from tandem.routing.validation import validate
from tandem.services import Services
from tandem.settings import TaskSettings


@dataclass(frozen=True)
class Classify:
    """Validate the request, profile it and decide. Declared fields win; sensitivity only rises.

    Parameters
    ----------
    reads: whether a model may be asked which task the request is.
    """

    services: Services
    tasks: Mapping[str, Task]
    reads: bool = True

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        update = self._fresh(runtime)
        self._start(state, update)
        try:
            request = validate(state.get("request"), self.services.settings.limits, self.tasks)
            self.services.shares(request.get("tenant", ""))  # refuses a tenant that is unknown
            request = self._documents_read(request)
            update |= self._profiled(request, update, runtime)
        except TandemError as error:
            update |= {"error": error.info(), "next": "record"}
        except Exception as error:
            # The state does not have this run's id yet, by which Closing would close it.
            self.services.ledger.fail(update["run_id"], unforeseen(error))
            raise
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
            "late": False,
            "escalated": False,
            "retried": False,
            "error": None,
        }

    def _profiled(
        self, request: Request, fresh: dict[str, Any], runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Everything that was found out stays in `fresh`, whatever ends the work."""
        vault = self.services.vaults.of(fresh["run_id"], fresh["deadline"])
        profile = self._sensitivity(request, vault)
        fresh |= {"request": request, "profile": profile}
        fresh["deadline"] = self._deadline(request, fresh["started"])
        context = context_of(runtime)
        deciding = Deciding(self.services, request, profile, context, vault)
        deciding.narrow()
        state = cast("State", fresh)
        if not request.get("task"):
            deciding.refuse_unread()
        access, private = deciding.reading_access(), deciding.reads_privately()

        def reader(tier: TierName) -> TierCall:
            return bind(self.services, state, runtime, tier, "classify", private_only=private)

        find_task = FindTask(self.services, self.tasks)
        fresh["attempts"] = find_task(state, access, reader if self.reads else None)
        task = self.tasks[profile["task"]]
        _aim(profile, self.services.settings.tasks.get(task.name))
        decision = deciding.decision(task, fresh["deadline"])
        self.services.ledger.profiled(fresh["run_id"], profile, decision, request)
        return {"decision": decision, "next": decision["node"]}

    def _deadline(self, request: Request, started: float) -> float:
        settings = self.services.settings
        if deadline_ms := request.get("deadline_ms"):
            return started + deadline_ms / 1000
        if request.get("latency") == "async":
            return started + settings.policy.deadlines.async_s
        return started + settings.limits.deadline_s

    def _documents_read(self, request: Request) -> Request:
        """The request with its documents as text: read once, and no bytes travel further."""
        documents = request.get("documents")
        if not documents:
            return request
        task = self.tasks.get(request.get("task", ""))
        read = self._what_it_can if isinstance(task, ReadsWhatItCan) else self._whole
        return {**request, "documents": [read(document) for document in documents]}

    def _whole(self, document: Document) -> Document:
        if why := document.get("unreadable"):
            raise DocumentError(why, "Leave it out, or give one that can be read.")
        return {"name": document["name"], "text": self.services.document_text(document)}

    def _what_it_can(self, document: Document) -> Document:
        settings = self.services.settings
        name, why = document["name"], document.get("unreadable", "")
        if not why:
            try:
                text, whole = read_start(
                    document, settings.limits, settings.research.document_chars
                )
            except DocumentError as error:
                why = error.what
            else:
                return {"name": name, "text": text, "whole_chars": whole}
        return {"name": name, "text": "", "unreadable": why}

    def _sensitivity(self, request: Request, vault: Vault) -> Profile:
        sensitivity, evidence, reasons, floor = self.services.assess(request, vault=vault)
        return {
            "task": "",
            "task_confidence": 0.0,
            "complexity": None,
            "sensitivity": sensitivity,
            "sensitivity_floor": floor,
            "evidence": evidence,
            "latency": request.get("latency") or _implied_latency(request),
            "deadline_ms": request.get("deadline_ms"),
            "quality": request.get("quality"),
            "tenant": request.get("tenant", ""),
            "reasons": reasons,
        }

    def _start(self, state: State, fresh: dict[str, Any]) -> None:
        parent = fresh["parent_run_id"] or None
        declared = _declared(state.get("request"))
        self.services.ledger.start(fresh["run_id"], declared, parent_run_id=parent)


def _implied_latency(request: Request) -> Latency:
    """Who gives a deadline waits for the answer."""
    return "realtime" if request.get("deadline_ms") else "async"


def _aim(profile: Profile, own: TaskSettings | None) -> None:
    """The quality that is asked for: the request's, else the task's by the settings."""
    whose = "the request"
    if profile["quality"] is None and own:
        profile["quality"], whose = own.quality, "the task's settings"
    if profile["quality"] is not None:
        profile["reasons"].append(f"quality {profile['quality']:.2f} asked by {whose}")
    if profile["deadline_ms"]:
        profile["reasons"].append(f"{profile['latency']}, within {profile['deadline_ms']} ms")


def _declared(raw: Any) -> Request:
    """What the ledger may note of a request that nobody has validated yet."""
    declared: Request = {"text": ""}
    if isinstance(raw, dict):
        if raw.get("task") in TASKS:
            declared["task"] = raw["task"]
        if isinstance(raw.get("tenant"), str):
            declared["tenant"] = raw["tenant"]
    return declared
