"""An LLM as judge, for texts about which nothing exact can be said; made by openevals.

The judge is a tier of Tandem's own, and a door like any other: the guard is asked before a row is
shown to a model that is not private. How far a judge can be believed is measured on labelled texts
(`tandem.evals.agreement`) and told beside its scores.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Final, cast

from tandem.errors import DeadlineExceeded, EgressBlocked, PromptTooLong, SettingsError
from tandem.evals.evaluators.base import Feedback, Outputs, answer_text, feedback, unserved
from tandem.models.tier import CallContext, Prompt, TierCall
from tandem.records import Profile, Request, TierName
from tandem.services import Services

PROMPT: Final = """You check texts before they are sent. A writer was asked:

{inputs}

What a good text says, and what it does not say:
{reference_outputs}

The writer's text:
{outputs}

Is it good? It is good if it does what was asked, says every fact above rightly and nothing that \
contradicts the request, and can be sent as it is: whole, polite, with no place left to fill in. \
Say in one sentence what is wrong, if anything, then the score."""
SCHEMA: Final[dict[str, Any]] = {
    "name": "verdict",
    "strict": True,
    "schema": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "reasoning": {"type": "string", "maxLength": 160},
            "score": {"type": "boolean"},
        },
        "required": ["reasoning", "score"],
    },
}
_MAX_TOKENS: Final = 120
NO_VERDICT: Final = "no verdict"

Bind = Callable[[Request, str], TierCall]
"""From a request and its task to the judge's call."""


@dataclass(frozen=True)
class Judge:
    """1 where the judge calls the text good, 0 where it does not; None where it gave no verdict, or
    where the guard kept the row from it.

    Parameters
    ----------
    tier: which tier judges.
    least_kappa: below this agreement with labels the scores are said not to be believed; 0.6 is
        where Landis and Koch (1977) begin to call agreement substantial.
    call: asks the tier; given by `asking`.
    """

    tier: TierName = "llm"
    least_kappa: float = 0.6
    key: str = "judge"
    call: Bind | None = None

    def asking(self, services: Services) -> Judge:
        """The same judge, able to ask its tier."""

        def bind(request: Request, task: str) -> TierCall:
            deadline = time.time() + services.settings.limits.deadline_s
            profile = _profile(request, task, services)
            context = CallContext(
                profile=profile, deadline=deadline, task=task, run_id="evaluation"
            )
            return services.tier(self.tier, task).bind(context)

        return replace(self, call=bind)

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:
        """See the class.

        Raises
        ------
        SettingsError: openevals is not installed, or nothing was given to ask.
        ModelUnavailable: no model answered.
        """
        if outputs["output"] is None:
            return unserved(self.key)
        text, facts = answer_text(outputs["output"]), facts_of(reference_outputs["expected"])
        try:
            verdict = self._verdict(inputs["request"], inputs["task"], text, facts)
        except EgressBlocked:
            return feedback(self.key, None, "kept from the judge, which is not private")
        except (DeadlineExceeded, PromptTooLong) as error:
            return feedback(self.key, None, f"{NO_VERDICT} ({error.code})")
        if verdict is None:
            return feedback(self.key, None, NO_VERDICT)
        return feedback(self.key, verdict["score"], str(verdict["reasoning"]))

    def _verdict(
        self, request: Request, task: str, text: str, facts: str
    ) -> Mapping[str, Any] | None:
        if self.call is None:
            raise SettingsError("The judge has no model to ask.", "Bind it with Judge.asking.")
        judge = _openevals()(
            prompt=PROMPT,
            judge=_Client(self.call(request, task)),
            model=self.tier,
            output_schema=SCHEMA,
        )
        try:
            # A context of its own: openevals traces what it asks, and a sensitive row must not
            # reach LangSmith by the judge's trace.
            verdict = contextvars.Context().run(
                _untraced, judge, inputs=asked(request), outputs=text, reference_outputs=facts
            )
        except ValueError:  # cut short, so that it is no JSON
            return None
        whole = isinstance(verdict, Mapping) and isinstance(verdict.get("score"), bool)
        return verdict if whole else None


@dataclass(frozen=True)
class _Client:
    """A tier's call as openevals asks for it: `chat.completions.create`."""

    call: TierCall

    @property
    def chat(self) -> Any:
        return SimpleNamespace(completions=SimpleNamespace(create=self._create))

    def _create(
        self,
        *,
        messages: list[Any],
        model: str,  # noqa: ARG002
        response_format: Mapping[str, Any],
    ) -> Any:
        schema = response_format["json_schema"]["schema"]
        said = self.call.complete(Prompt(messages=messages, max_tokens=_MAX_TOKENS, schema=schema))
        message = SimpleNamespace(content=said.text)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)])


def _openevals() -> Callable[..., Callable[..., Any]]:
    try:
        from openevals.llm import create_llm_as_judge
    except ImportError:
        raise SettingsError(
            "The evaluator `judge` needs openevals, which is not installed.",
            "Install it with `make dev`, or `pip install -e '.[eval]'` in a checkout.",
        ) from None
    return cast("Callable[..., Callable[..., Any]]", create_llm_as_judge)


def _untraced(judge: Callable[..., Any], **texts: str) -> Any:
    from langsmith.run_helpers import tracing_context

    with tracing_context(enabled=False):
        return judge(**texts)


def asked(request: Request) -> str:
    """What the writer was asked, template and slots included."""
    parts = [request["text"]]
    if template := request.get("template"):
        parts.append(f"Fill this template:\n{template}")
    if slots := request.get("slots"):
        parts.append("\n".join(f"{name}: {value}" for name, value in slots.items()))
    return "\n\n".join(parts)


def facts_of(expected: Any) -> str:
    """The properties that TextProperties looks for, in words; anything else as it is."""
    if not isinstance(expected, Mapping):
        return f"- It says: {expected}"
    lines = [
        f"- It says: {one if isinstance(one, str) else ' or '.join(one)}"
        for one in expected.get("includes", [])
    ]
    # Marks of places left to fill in: the prompt asks for these in words.
    excluded = (one for one in expected.get("excludes", []) if not one.startswith(("[", "{")))
    lines += [f"- It does not say: {one}" for one in excluded]
    if "max_words" in expected:
        lines.append(f"- It has at most {expected['max_words']} words")
    return "\n".join(lines)


def _profile(request: Request, task: str, services: Services) -> Profile:
    found = services.assess(request)
    return {
        "task": task,
        "task_confidence": 1.0,
        "complexity": None,
        "sensitivity": found.sensitivity,
        "sensitivity_floor": found.floor,
        "evidence": found.evidence,
        "latency": "async",
        "deadline_ms": None,
        "quality": None,
        "tenant": request.get("tenant", ""),
        "reasons": found.reasons,
    }
