"""What travels through the graph: JSON-plain records, so that a checkpoint never needs a pickle.

The words are the ones of docs/architecture.md: a Request is profiled (Profile), sent to a tier
(Decision), tried there (Attempt), checked (Verdict) and leaves as an Answer.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, Required, get_args

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

Sensitivity = Literal["none", "internal", "personal", "secret"]
Latency = Literal["realtime", "async"]
OnLate = Literal["unverified", "error"]
TierName = Literal["slm", "llm"]
Origin = Literal["slm", "llm", "head", "rule"]
"""Who made an attempt: a tier's model, or a trained head or a rule, which are no models."""
Status = Literal["accepted", "unverified", "needs_review", "failed", "waiting"]
"""`waiting`: no answer yet; a person has to approve a step first. See docs/runs.md."""
Finish = Literal["stop", "length", "error"]
Purpose = Literal["answer", "classify", "plan", "act", "synthesise"]
"""What an attempt was for: the task's answer, or a step on the way there."""

SENSITIVITIES: Final[tuple[Sensitivity, ...]] = get_args(Sensitivity)
"""In rising order."""
SLM_TASKS: Final = (
    "extraction",
    "faq",
    "sentiment",
    "document_classification",
    "draft",
    "support_reply",
)
LLM_TASKS: Final = ("reasoning", "longform", "contract_review", "research", "agent")
TASKS: Final = SLM_TASKS + LLM_TASKS
"""The tasks that ship with Tandem; an application registers its own beside them."""


_NOTHING_ELSE: Final = ConfigDict(extra="forbid")


@with_config(_NOTHING_ELSE)
class Message(TypedDict):
    """An earlier turn of the conversation, or one turn of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@with_config(_NOTHING_ELSE)
class Document(TypedDict, total=False):
    """A document by value: `text`, or `data` (base64) with its `media_type`."""

    name: Required[str]
    text: str
    data: str
    media_type: str
    unreadable: str
    """Why whoever loaded it could not read it; it then has no text. For tasks that read what they
    can (research) and say what they could not; other tasks refuse it."""
    whole_chars: int
    """Characters of the whole, where `text` is only its beginning."""


@with_config(_NOTHING_ELSE)
class Example(TypedDict):
    """A labelled example; goes into the prompt as a past chat turn."""

    text: str
    output: Any


@with_config(_NOTHING_ELSE)
class Request(TypedDict, total=False):
    """What the caller asks. Only `text` is required; what is declared wins over the classifier,
    except `sensitivity`, which a declaration can only raise."""

    text: Required[str]
    messages: list[Message]
    documents: list[Document]
    task: str
    output_schema: dict[str, Any] | str
    """A JSON schema, or the name of a ready one (invoice, receipt, purchase_order...)."""
    labels: list[str]
    examples: list[Example]
    template: str
    """For `draft`: text with slots `{name}`."""
    slots: dict[str, str]
    """For `draft`: slots that the caller fills itself."""
    sensitivity: Sensitivity
    latency: Latency
    deadline_ms: int
    on_late: OnLate
    """Where the deadline leaves no time to do better: `unverified` returns an answer whose only
    flaw is too little confidence, marked as such; `error` ends as DeadlineExceeded."""
    quality: float
    """Asked share of right answers, 0 to 1."""
    tenant: str


class Evidence(TypedDict):
    """Why a text is sensitive; never the text itself."""

    type: str
    start: int
    end: int
    score: float
    source: str
    """Where the span is counted: `text`, `messages[i]` or the document's position."""


class Profile(TypedDict):
    """What a request is."""

    task: str
    task_confidence: float
    """Probability of `task`; 1.0 where the caller declared it."""
    complexity: float | None
    """Probability that the SLM will not do; None where nothing estimates it."""
    sensitivity: Sensitivity
    sensitivity_floor: NotRequired[Sensitivity]
    """What is left of it once that which may be redacted, or leave, is taken out: declared, not
    checked, or found and to be blocked. Absent: as `sensitivity`."""
    public_may_see: NotRequired[list[Sensitivity]]
    """What may leave of this run, where a rule lets less leave than the settings. For the guard."""
    evidence: list[Evidence]
    latency: Latency
    deadline_ms: int | None
    quality: float | None
    tenant: str
    reasons: list[str]


class Decision(TypedDict):
    """Where a request goes."""

    node: str
    tier: TierName
    may_escalate: bool
    """False where the LLM must not see this request, or the policy says so."""
    private_only: NotRequired[bool]
    """Held at the client: no model that is not private is asked, whatever comes later."""
    reasons: list[str]


class Usage(TypedDict):
    """Tokens of one or more model calls, as the server counted them."""

    input_tokens: int
    output_tokens: int


class ErrorInfo(TypedDict):
    """An error as data: `code` of the exception class, and its two sentences."""

    code: str
    what: str
    remedy: str


class Attempt(TypedDict):
    """One model's try at the task."""

    id: str
    purpose: Purpose
    tier: Origin
    model: str
    """The model that really answered (the server's word); empty where none did."""
    output: Any
    """The task's output (JSON-plain), or None where there is none."""
    text: str
    """What the model wrote last, verbatim."""
    finish: Finish
    usage: Usage
    calls: int
    """Model calls that were answered, and so charged."""
    seconds: float
    cost: float
    """In the settings' currency (US dollars by default)."""
    signals: dict[str, float]
    """Confidence signals; see tandem/quality/signals.py. Never raw log-probabilities."""
    error: ErrorInfo | None


class GateFailure(TypedDict):
    """A hard gate that an output did not pass; `detail` names fields, no request text."""

    gate: str
    detail: str


class Verdict(TypedDict):
    """What quality_check says of an attempt."""

    attempt_id: str
    accepted: bool
    score: float | None
    threshold: float | None
    failed: list[GateFailure]
    notes: NotRequired[list[str]]
    """What the threshold promises, or why nothing is promised, in words."""


StepStatus = Literal["planned", "done", "failed", "rejected", "unknown"]
"""`rejected`: a person said no. `unknown`: its effect was begun, and nobody knows whether it
ended, so that a person must look."""


class Step(TypedDict):
    """One step of an agent's work: as planned, then as it was carried out."""

    id: str
    tool: str
    arguments: dict[str, Any]
    """`$s1` stands for the result of step s1. Of a step that a person was asked about: the values
    that were shown."""
    tier: TierName
    """Who wrote the arguments: the planner's tier, or the one that filled them in afterwards."""
    needs: list[str]
    """Ids of the steps whose results the arguments refer to; all of them earlier."""
    tainted: bool
    """Whether an argument comes from a tool's result, and so perhaps from a document."""
    status: StepStatus
    result: Any
    error: NotRequired[str]
    """Why there is no result, in words."""
    code: NotRequired[str]
    """The kind of `error`: a code of tandem/errors.py or tandem/tools/base.py, `not_found`,
    `needs` (a step before it has no result), `repeated`, `limit`..."""
    again: NotRequired[bool]
    """True for a step of the second plan, made because steps of the first one failed."""


class Approval(TypedDict):
    """What a person is asked about a step with side effects."""

    question: Literal["approve", "may_have_happened"]
    words: str
    run_id: str
    step_id: str
    tool: str
    description: str
    arguments: dict[str, Any]
    tainted: list[str]
    """Names of the arguments that come from a tool's result, and so perhaps from a document."""
    claims: int
    """How often the step was begun."""
    answers: list[str]
    """What may be said: `approve`, `reject`; of a step that may have happened `repeat`, `happened`,
    `reject`."""


class Delegated(TypedDict):
    """A request that an agent gave to the graph: a run of its own, paid by the agent's run."""

    run_id: str
    task: str
    cost: float
    all_llm_cost: float
    all_llm_estimated: bool


class Answer(TypedDict):
    """What the caller gets."""

    run_id: str
    status: Status
    output: Any
    """The task's output, only where `status` is accepted or unverified; else None."""
    draft: Any
    """The best rejected output; None where the answer was accepted."""
    task: str
    tier: Origin | None
    """Who gave the output; None where there is none."""
    model: str
    attempts: list[Attempt]
    verdicts: list[Verdict]
    cost: float
    all_llm_cost: float
    all_llm_estimated: bool
    """False where the LLM really did this whole request."""
    seconds: float
    profile: Profile | None
    steps: list[Step]
    reasons: list[str]
    error: ErrorInfo | None
    approvals: NotRequired[list[Approval]]
    """What a person has to decide before the run goes on; only where `status` is waiting."""
