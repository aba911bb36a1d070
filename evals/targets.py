"""Policies: each makes a Result of a Case.

`tandem` is the real graph; `slm_only` and `llm_only` are the task itself on one tier, whose raw
output counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tandem.errors import SettingsError
from tandem.evals.cache import AnswerCache
from tandem.evals.case import Case, digest
from tandem.evals.checked_calls import checked_calls, chosen_calls
from tandem.evals.on_pages import on_pages
from tandem.evals.outcomes import gate_text, of_answer, of_attempt, timed
from tandem.evals.plain_loop import plain_loop
from tandem.evals.policies import CHECKED, FORMS, ON_PAGES, ONE_SHOT, PLAIN_LOOP
from tandem.evals.result import Result
from tandem.evals.services import EvalServices, unguarded
from tandem.evals.suite import TOOL_USE
from tandem.graphs.tasks import Tasks
from tandem.models.tier import CallContext, TierCall
from tandem.nodes.run_task import attempted
from tandem.nodes.stages import OneShot
from tandem.nodes.state import Context, Input
from tandem.nodes.task import Prepared, Task
from tandem.privacy.assess import Assessment
from tandem.privacy.redaction import Vault
from tandem.records import Answer, Attempt, Document, Profile, Request, TierName
from tandem.settings import Settings, load

Target = Callable[[Case], Result]


@dataclass
class Bench:
    """What the targets of one evaluation share: settings, kept answers, a folder for ledgers."""

    settings: Settings
    cache: AnswerCache
    folder: Path

    @cached_property
    def services(self) -> EvalServices:
        """Services under the settings as they are."""
        return EvalServices(self.settings, self.cache, self.folder / "ledger.sqlite")

    @cached_property
    def baseline(self) -> EvalServices:
        """Services of `llm_only` on published rows, which may leave."""
        settings = unguarded(self.settings)
        return EvalServices(settings, self.cache, self.folder / "ledger.sqlite")

    def close(self) -> None:
        """Close what was opened."""
        for name in ("services", "baseline"):
            if name in self.__dict__:
                self.__dict__[name].close()


def make_target(policy: str, bench: Bench, public: Callable[[str], bool]) -> Target:
    """The target of a policy; `public` tells of a suite whether its rows are published.

    Raises
    ------
    SettingsError: there is no such policy, or its settings file is wrong.
    """
    kind, _, argument = policy.partition(":")
    if kind == "settings" and argument:
        own = EvalServices(load(argument), bench.cache, bench.folder / "ledger.sqlite")
        return GraphTarget(policy, own, public)
    if policy == "tandem":
        return GraphTarget(policy, bench.services, public)
    slm = TierTarget("slm_only", "slm", bench.services, bench.services, public)
    llm = TierTarget("llm_only", "llm", bench.services, bench.baseline, public)
    if (made := _one_tier(policy, slm, llm)) is not None:
        return made
    if kind == "random_mix":
        return RandomMix(policy, _share(argument), slm, llm)
    raise SettingsError(f"There is no policy {policy!r}.", f"Policies: {FORMS}.")


def _one_tier(policy: str, slm: TierTarget, llm: TierTarget) -> TierTarget | None:
    if policy in ("slm_only", "llm_only"):
        return slm if policy == "slm_only" else llm
    if policy in ON_PAGES:
        return replace(slm if policy == "slm_on_pages" else llm, policy=policy, pages=True)
    if policy == ONE_SHOT:
        return replace(llm, policy=policy, one_shot=True)
    if policy == CHECKED:
        return replace(llm, policy=policy, checked=True)
    return replace(llm, policy=policy, loop=True) if policy == PLAIN_LOOP else None


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise SettingsError(f"random_mix:{text} has no share from 0 to 1.", "Write random_mix:0.3.")
    return share


class GraphTarget:
    """The real graph over kept answers."""

    def __init__(self, policy: str, services: EvalServices, public: Callable[[str], bool]) -> None:
        from tandem.graphs.hybrid import build

        self._policy = policy
        self._services = services
        self._public = public
        self._graph = build(services).compile()

    def __call__(self, case: Case) -> Result:
        """Run the case. Raises TandemError where it cannot be run at all."""
        request = _request(case, self._services)
        self._services.published = self._public(case["suite"])
        self._services.stopwatch.reset()
        self._services.sent.clear()
        started = time.perf_counter()
        answer = self._answer(request)
        own = time.perf_counter() - started - self._services.stopwatch.seconds
        result = of_answer(self._policy, case, answer)
        return timed(result, max(own, 0.0), _leaks(case, self._services))

    def _answer(self, request: Request) -> Answer:
        config: Any = {"recursion_limit": self._services.settings.limits.recursion}
        result = self._graph.invoke(Input(request=request), config, context=Context())
        answer: Answer = result["answer"]
        return answer


@dataclass(frozen=True)
class TierTarget:
    """The case's task on one tier: one attempt, served whatever the gates say of it."""

    policy: str
    tier: TierName
    services: EvalServices
    baseline: EvalServices
    """In place of `services` where the suite's rows are published."""
    public: Callable[[str], bool]
    pages: bool = False
    """Research reads whole pages, in one prompt."""
    one_shot: bool = False
    """A task of several steps does them all in one plain prompt."""
    loop: bool = False
    """Tools, one call a turn."""
    checked: bool = False
    """Tool calls of the SLM where the agent's check lets them pass, else of the LLM."""

    @cached_property
    def _tasks(self) -> Mapping[str, Task]:
        return Tasks(self.services)

    def __call__(self, case: Case) -> Result:
        """Run the case. Raises TandemError where it cannot be run at all."""
        published = self.public(case["suite"])
        services = self.baseline if published else self.services
        services.published = published
        request = _request(case, services)
        services.stopwatch.reset()
        services.sent.clear()
        started = time.perf_counter()
        vault = Vault()
        profile = _profile(case, request, services.assess(request, vault=vault))
        call = self._bound(services, case["task"], profile, vault)
        failed: list[str] = []
        if self.checked:
            attempt = self._checked(services, case, profile, vault)
        elif case["task"] == TOOL_USE:
            attempt = attempted(call, lambda: chosen_calls(case, call))
        elif self.loop:
            attempt = attempted(call, lambda: plain_loop(services, request, call))
        else:
            prepared = self._prepared(services, self._tasks[case["task"]], request, profile, call)
            attempt, failed = self._attempt(self._tasks[case["task"]], prepared, call)
        own = time.perf_counter() - started - services.stopwatch.seconds
        llm_price = services.tier("llm", case["task"]).price(attempt["usage"])
        result = of_attempt(self.policy, case, profile, attempt, failed, llm_price)
        return timed(result, max(own, 0.0), _leaks(case, services))

    def _checked(
        self, services: EvalServices, case: Case, profile: Profile, vault: Vault
    ) -> Attempt:
        def bound(tier: TierName) -> TierCall:
            return replace(self, tier=tier)._bound(services, case["task"], profile, vault)

        return checked_calls(case, lambda: bound("slm"), lambda: bound("llm"))

    def _bound(self, services: EvalServices, task: str, profile: Profile, vault: Vault) -> TierCall:
        allowed_ms = profile["deadline_ms"]
        seconds = allowed_ms / 1000 if allowed_ms else services.settings.limits.deadline_s
        deadline = time.time() + seconds
        context = CallContext(
            profile=profile, deadline=deadline, task=task, run_id="evaluation", vault=vault
        )
        return services.tier(self.tier, task).bind(context)

    def _prepared(
        self,
        services: EvalServices,
        task: Task,
        request: Request,
        profile: Profile,
        call: TierCall,
    ) -> Prepared:
        prepared = task.prepare(request, profile)
        if not self.pages:
            return prepared
        return on_pages(task, prepared, services.knowledge.read, call)

    def _attempt(self, task: Task, prepared: Prepared, call: TierCall) -> tuple[Attempt, list[str]]:
        asked = task.one_shot if self.one_shot and isinstance(task, OneShot) else task.attempt
        attempt = attempted(call, lambda: asked(prepared, call))
        if attempt["error"]:
            return attempt, []
        return attempt, [gate_text(failure) for failure in task.check(prepared, attempt)]


@dataclass(frozen=True)
class RandomMix:
    """The LLM for a random share of the cases, the SLM for the rest: the line to beat.

    Which cases is decided by a hash of each id, so that it is the same in every run.
    """

    policy: str
    share: float
    slm: Target
    llm: Target

    def __call__(self, case: Case) -> Result:
        """Run the case on the tier that its id falls to."""
        drawn = int(digest("random_mix", case["id"])[:13], 16) / 16**13
        result = (self.llm if drawn < self.share else self.slm)(case)
        return {**result, "policy": self.policy}


def _request(case: Case, services: EvalServices) -> Request:
    request = case["request"]
    if not case["files"]:
        return request
    loaded: list[Document] = [services.load_file(path) for path in case["files"]]
    return {**request, "documents": [*request.get("documents", []), *loaded]}


def _profile(case: Case, request: Request, assessed: Assessment) -> Profile:
    sensitivity, evidence, reasons, floor = assessed
    return {
        "task": case["task"],
        "task_confidence": 1.0,
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


def _leaks(case: Case, services: EvalServices) -> int:
    left = "\n".join(services.sent)
    return sum(secret in left for secret in case.get("secrets", []))
