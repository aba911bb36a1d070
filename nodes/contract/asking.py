"""What a model is asked of a contract: a hypothesis over passages, a clause's type, a value.

Every answer is held to a choice or a schema, and what it names is looked up in the text by code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, NotRequired

from typing_extensions import TypedDict

from tandem.models.tier import Prompt, TierCall
from tandem.nodes.contract.checklist import Item
from tandem.nodes.contract.values import DURATION, Found, duration_of
from tandem.records import Message

JUDGE: Final = (
    "You check a contract for a lawyer. You get numbered passages of the contract and a statement "
    "about it. Decide by what the passages say and by nothing else. Where a passage says or "
    "implies that the statement holds, choose yes with that passage. Where a passage says the "
    "contrary or forbids what the statement allows, choose no with that passage. Where no passage "
    "is about it, choose not mentioned."
)
TOGETHER: Final = "The statements are numbered too. Answer as JSON by the statements' numbers."
JUDGE_EXAMPLES: Final[tuple[Message, ...]] = (
    {
        "role": "user",
        "content": "[1] The Consultant shall deliver the report by May.\n[2] The Consultant shall "
        "not hire subcontractors without the Client's written consent.\n\nStatement: Consultant "
        "may use subcontractors in some circumstances.",
    },
    {"role": "assistant", "content": "yes, passage 2"},
    {
        "role": "user",
        "content": "[1] The fee is due within thirty days.\n[2] The Consultant shall travel by "
        "train.\n\nStatement: Client pays interest on late fees.",
    },
    {"role": "assistant", "content": "not mentioned"},
    {
        "role": "user",
        "content": "[1] The Client may at no time resell the report.\n[2] The report is written in "
        "English.\n\nStatement: Client may resell the report.",
    },
    {"role": "assistant", "content": "no, passage 1"},
)
"""Without them the 1.5B chose "not mentioned" 10 times of 10, for 6 that were mentioned."""
TOGETHER_EXAMPLE: Final[tuple[Message, ...]] = (
    {
        "role": "user",
        "content": "[1] The fee is due within thirty days.\n[2] The Consultant shall not hire "
        "subcontractors without the Client's consent.\n[3] The Client may at no time resell "
        "the report.\n\nStatements:\n1. Consultant may use subcontractors in some cases.\n"
        "2. Client pays interest on late fees.\n3. Client may resell the report.",
    },
    {
        "role": "assistant",
        "content": '{"1":"yes, passage 2","2":"not mentioned","3":"no, passage 3"}',
    },
)
WHOLE: Final = (
    "You check a contract for a lawyer. You get a whole contract and numbered statements about "
    "it. Decide each by what the contract says and by nothing else: yes where it says or implies "
    "that the statement holds, no where it says the contrary, not mentioned where nothing in it is "
    "about the statement. Answer as JSON by the statements' numbers."
)
NO_TYPE: Final = "None of these"
TYPE: Final = "You label clauses of contracts. Choose the label that says best what the clause is."
VALUE: Final = (
    "Copy a value from a clause of a contract, exactly as it is written there. Give null where the "
    "clause does not say it."
)
ABSENT: Final = "not mentioned"
WANTED: Final = {
    "governing_law": "the state or country whose law governs the agreement",
    "notice_period": "how long before the end notice must be given",
    "renewal_term": "how long one renewal lasts",
    "effective_date": "the date on which the agreement takes effect",
    "expiration_date": "the date on which the agreement ends",
}
_SAYS: Final = {"yes": "entailment", "no": "contradiction"}
_VALUE_SCHEMA: Final = {
    "type": "object",
    "properties": {"value": {"type": ["string", "null"], "maxLength": 120}},
    "required": ["value"],
    "additionalProperties": False,
}


class Question(TypedDict):
    """A hypothesis and the passages that it is judged by, as they go to a node of their own."""

    item: str
    hypothesis: str
    passages: list[str]
    segments: list[int]
    """Places of the passages among the contract's segments."""


class Judged(TypedDict):
    """What a model made of a question."""

    item: str
    verdict: str
    """entailment, contradiction or not_mentioned; empty where the model gave none."""
    segment: int | None
    """The segment that it goes by."""
    shown: list[int]
    """The segments that it was shown."""
    by: str
    """The tier."""
    stopped: NotRequired[str]
    """Code of the error that kept it from being shown the rest of the contract."""


class Chosen(NamedTuple):
    """A verdict and the passage (from 0) that it goes by; an empty verdict where none was given."""

    verdict: str
    passage: int | None


def judge(question: Question, call: TierCall) -> Judged:
    """Ask `call`. Raises what `TierCall.complete` raises."""
    passages = question["passages"]
    choices = [
        ABSENT,
        *(f"{word}, passage {n}" for n in range(1, len(passages) + 1) for word in _SAYS),
    ]
    done = call.complete(Prompt(judge_messages(question), max_tokens=12, choices=choices))
    chosen = _chosen(done.text, len(passages))
    segments = question["segments"]
    return {
        "item": question["item"],
        "verdict": chosen.verdict,
        "segment": None if chosen.passage is None else segments[chosen.passage],
        "shown": list(segments),
        "by": call.name,
    }


def judge_together(questions: Sequence[Question], call: TierCall) -> list[Judged]:
    """Several hypotheses in one call, over the passages of all of them. Raises as `judge`."""
    by_place = {
        place: text
        for question in questions
        for place, text in zip(question["segments"], question["passages"], strict=True)
    }
    places = sorted(by_place)
    numbers = range(1, len(places) + 1)
    choices = [ABSENT, *(f"{word}, passage {n}" for n in numbers for word in _SAYS)]
    names = [str(n) for n in range(1, len(questions) + 1)]
    schema = {
        "type": "object",
        "properties": {name: {"type": "string", "enum": choices} for name in names},
        "required": names,
        "additionalProperties": False,
    }
    messages = together_messages(questions, [by_place[place] for place in places])
    done = call.complete(Prompt(messages, max_tokens=16 * len(names) + 16, schema=schema))
    said = _object(done.text)
    chosen = [_chosen(str(said.get(name)), len(places)) for name in names]
    return [
        {
            "item": question["item"],
            "verdict": one.verdict,
            "segment": None if one.passage is None else places[one.passage],
            "shown": places,
            "by": call.name,
        }
        for question, one in zip(questions, chosen, strict=True)
    ]


def together_messages(questions: Sequence[Question], passages: Sequence[str]) -> list[Message]:
    """The prompt of `judge_together`; the fixed part first."""
    shown = "\n".join(f"[{n}] {text}" for n, text in enumerate(passages, start=1))
    stated = "\n".join(f"{n}. {each['hypothesis']}" for n, each in enumerate(questions, start=1))
    asked = f"{shown or '(no passage)'}\n\nStatements:\n{stated}"
    return [
        {"role": "system", "content": f"{JUDGE} {TOGETHER}"},
        *TOGETHER_EXAMPLE,
        {"role": "user", "content": asked},
    ]


def judge_messages(question: Question) -> list[Message]:
    """The prompt; the fixed part first."""
    shown = "\n".join(f"[{n}] {text}" for n, text in enumerate(question["passages"], start=1))
    asked = f"{shown or '(no passage)'}\n\nStatement: {question['hypothesis']}"
    return [
        {"role": "system", "content": JUDGE},
        *JUDGE_EXAMPLES,
        {"role": "user", "content": asked},
    ]


def judge_whole(text: str, items: Sequence[Item], call: TierCall) -> dict[str, str]:
    """The verdicts of a model that reads the whole contract once, by item; those that it gave."""
    numbered = [f"{n}. {item['hypothesis']}" for n, item in enumerate(items, start=1)]
    asked = f"Contract:\n{text}\n\nStatements:\n" + "\n".join(numbered)
    answer: dict[str, Any] = {"type": "string", "enum": [*_SAYS, ABSENT]}
    names = [str(n) for n in range(1, len(items) + 1)]
    schema = {
        "type": "object",
        "properties": dict.fromkeys(names, answer),
        "required": names,
        "additionalProperties": False,
    }
    messages: list[Message] = [
        {"role": "system", "content": WHOLE},
        {"role": "user", "content": asked},
    ]
    done = call.complete(Prompt(messages, max_tokens=12 * len(items) + 16, schema=schema))
    said = _object(done.text)
    verdicts = {**_SAYS, ABSENT: "not_mentioned"}
    chosen = {
        item["id"]: verdicts.get(str(said.get(name)), "")
        for name, item in zip(names, items, strict=True)
    }
    return {name: verdict for name, verdict in chosen.items() if verdict}


def ask_type(clause: str, types: Sequence[str], call: TierCall) -> str:
    """The type of a clause that a model chooses among `types`; empty where it gave none of them."""
    listed = "\n".join(f"- {name}" for name in types)
    messages: list[Message] = [
        {"role": "system", "content": f"{TYPE}\nLabels:\n{listed}"},
        {"role": "user", "content": clause},
    ]
    done = call.complete(Prompt(messages, max_tokens=16, choices=list(types)))
    return done.text if done.text in types else ""


def ask_value(field: str, passage: str, call: TierCall) -> Found | None:
    """The value of a field that a model copies out of `passage`, with its place there; None where
    it gives none, or one that does not stand there."""
    messages: list[Message] = [
        {"role": "system", "content": VALUE},
        {"role": "user", "content": f"{passage}\n\nValue: {WANTED[field]}"},
    ]
    done = call.complete(Prompt(messages, max_tokens=48, schema=_VALUE_SCHEMA))
    return placed(_object(done.text).get("value"), passage)


def placed(value: Any, passage: str) -> Found | None:
    """`value` where it stands in `passage` (in any case and white space), or None."""
    if not isinstance(value, str) or not value.strip():
        return None
    at = passage.casefold().find(value.strip().casefold())
    if at < 0 or len(passage.casefold()) != len(passage):
        return None
    end = at + len(value.strip())
    duration = DURATION.search(passage, at, end)
    normal = passage[at:end]
    if duration is not None:
        normal = duration_of(duration)
    return Found(at, end, " ".join(normal.split()))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _chosen(text: str, count: int) -> Chosen:
    if text == ABSENT:
        return Chosen("not_mentioned", None)
    word, _, number = text.partition(", passage ")
    if word in _SAYS and number.isdigit() and 1 <= int(number) <= count:
        return Chosen(_SAYS[word], int(number) - 1)
    return Chosen("", None)
