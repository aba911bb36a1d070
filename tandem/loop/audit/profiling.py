"""Sampled rows as Tandem sees them: how sensitive, which task, how complex, and where they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from tandem.errors import TandemError
from tandem.loop.audit.pricing import Priced
from tandem.loop.audit.row import LogRow
from tandem.nodes.find_task import UNCLEAR_TASK
from tandem.nodes.task import Task
from tandem.privacy.detectors import rank
from tandem.privacy.egress import remaining
from tandem.records import Profile, Request, Sensitivity
from tandem.routing.features import head_text
from tandem.routing.policy import LlmAccess, decide, start
from tandem.routing.rules import facts_of, first_match
from tandem.services import Services

if TYPE_CHECKING:
    from collections.abc import Sequence

Goes = Literal["slm", "llm", "private", "refused"]
"""Where a row goes: to the SLM first, to the LLM, to the SLM because the LLM must not see it, or
nowhere by a rule."""
SENSITIVE: Final = rank("personal")


@dataclass(frozen=True)
class Seen:
    """A sampled row. `probabilities` and `vector` are there where it was embedded."""

    row: LogRow
    priced: Priced
    sensitivity: Sensitivity
    floor: Sensitivity
    probabilities: Mapping[str, float] = field(default_factory=dict)
    vector: Sequence[float] = ()

    @property
    def checked(self) -> bool:
        """Whether there was anything to find its sensitivity in."""
        return bool(self.row.text.strip() or self.row.prompt_texts or self.row.sensitivity)

    @property
    def in_doubt(self) -> bool:
        """Whether nothing sensitive was found, and a part of the prompt was not searched."""
        return not self.sensitive and self.row.unread > 0

    @property
    def sensitive(self) -> bool:
        """Whether it is personal or secret."""
        return rank(self.sensitivity) >= SENSITIVE


@dataclass(frozen=True)
class Profiler:
    """Tandem's own eyes on a row.

    Parameters
    ----------
    tasks: by name, for the tier that each starts on.
    """

    services: Services
    tasks: Mapping[str, Task]

    def see(self, row: LogRow, priced: Priced, *, embed: bool) -> Seen:
        """`row` with its sensitivity, and with what the routing head reads if `embed`."""
        sensitivity, floor = self._sensitivity(row)
        if not (embed and row.text.strip()):
            return Seen(row, priced, sensitivity, floor)
        # A log's task stands in its system prompt; the head has seen such texts as one.
        request: Request = {"text": "\n\n".join(filter(None, (row.system, row.text)))}
        reading = self.services.head_reader.read(request)
        if reading is None:
            return Seen(row, priced, sensitivity, floor)
        vector = self.services.embeddings.embed_query(head_text(request))
        return Seen(row, priced, sensitivity, floor, reading.probabilities, vector)

    def why_blind(self) -> str:
        """Why no row's task is read, in words; empty where it is."""
        return self.services.head_reader.why_not

    def _sensitivity(self, row: LogRow) -> tuple[Sensitivity, Sensitivity]:
        text, *others = row.texts
        request: Request = {
            "text": text,
            "messages": [{"role": "user", "content": each} for each in others if each],
        }
        if row.sensitivity:
            request["sensitivity"] = row.sensitivity  # type: ignore[typeddict-item]
        found = self.services.assess(request)
        return found.sensitivity, found.floor

    def complexity(self, seen: Seen, task: str) -> float | None:
        """Probability that the SLM will not do the row; None where nothing estimates it."""
        if seen.row.complexity is not None:
            return seen.row.complexity
        return self.services.head_reader.complexity({"text": seen.row.text}, task)

    def goes(self, seen: Seen, task: str, latency: str) -> Goes:
        """Where the policy sends the row, whose task is `task`."""
        settings = self.services.settings
        request: Request = {"text": seen.row.text}
        profile = self._profile(seen, task, latency)
        rule = first_match(settings.policy, facts_of(request, profile))
        if rule and rule.refuse:
            return "refused"
        known = self.tasks.get(task) or self.tasks[UNCLEAR_TASK]
        own = settings.tasks.get(known.name)
        first = start(
            profile, (own and own.first_tier) or known.first_tier, rule, settings.policy.llm_above
        )
        private = all(settings.models[name].private for name in settings.chain("llm", known.name))
        access = LlmAccess(private, settings.privacy.public_may_see).tightened(rule)
        if access.why_not(remaining(profile)):
            return "private"
        return decide(profile, known.node, first, access, rule)["tier"]

    def _profile(self, seen: Seen, task: str, latency: str) -> Profile:
        own = self.services.settings.tasks.get(task)
        return {
            "task": task,
            "task_confidence": 1.0,
            "complexity": self.complexity(seen, task),
            "sensitivity": seen.sensitivity,
            "sensitivity_floor": seen.floor,
            "evidence": [],
            "latency": "realtime" if latency == "realtime" else "async",
            "deadline_ms": None,
            "quality": own.quality if own else None,
            "tenant": seen.row.tenant,
            "reasons": [],
        }


def can_embed(services: Services) -> str:
    """Why texts cannot be embedded here, in words; empty where they can."""
    try:
        services.embeddings.embed_query("")
    except TandemError as error:
        return error.what
    return ""
