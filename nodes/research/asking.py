"""The questions of a request: what must be looked up, one fact each; one constrained call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from tandem.models.tier import Prompt, TierCall
from tandem.nodes.research.records import Kind, Question
from tandem.records import Message

MOST: Final = 5
"""Questions of a round, whatever the settings say."""
QUESTION_CHARS: Final = 160
REQUEST_CHARS: Final = 600
"""Of a request that stands in the place of a question."""
MAX_TOKENS: Final = 260
SYSTEM: Final = (
    "List what must be looked up in documents to answer the request: as few questions as possible, "
    "each for one fact that stands in a text. Each question names what it is about, so that it can "
    "be understood alone. Leave out what the request itself tells, and never ask for a sum, a "
    "difference or a comparison: those are made later. `kind` is number, date or text."
)
EXAMPLE: Final[Sequence[Message]] = (
    {
        "role": "user",
        "content": "What do a locker and a gym card cost a month, and how much is the locker for "
        "someone who keeps it 4 months?",
    },
    {
        "role": "assistant",
        "content": '{"questions":[{"question":"What does a locker cost a month?","kind":"number"},'
        '{"question":"What does a gym card cost a month?","kind":"number"}]}',
    },
)


def ask(
    request_text: str, tier: TierCall, most: int, turns: Sequence[Message] = ()
) -> list[Question]:
    """At most `most` questions, each different; the request itself where the model names none.

    Parameters
    ----------
    turns: what was said before.

    Raises what `TierCall.complete` raises.
    """
    prompt = Prompt(
        messages=[
            {"role": "system", "content": SYSTEM},
            *EXAMPLE,
            *turns,
            {"role": "user", "content": request_text},
        ],
        max_tokens=MAX_TOKENS,
        schema=questions_schema(min(most, MOST)),
    )
    found = read_questions(tier.complete(prompt).text)[: min(most, MOST)]
    return found or [{"question": request_text[:REQUEST_CHARS], "kind": "text"}]


def questions_schema(most: int, least: int = 1) -> dict[str, Any]:
    """JSON schema of `{"questions": [{"question", "kind"}]}`."""
    return {
        "type": "object",
        "properties": {"questions": question_list(most, least)},
        "required": ["questions"],
        "additionalProperties": False,
    }


def question_list(most: int, least: int = 0) -> dict[str, Any]:
    """JSON schema of a list of questions."""
    item = {
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 3, "maxLength": QUESTION_CHARS},
            "kind": {"enum": list(get_args(Kind))},
        },
        "required": ["question", "kind"],
        "additionalProperties": False,
    }
    return {"type": "array", "minItems": least, "maxItems": most, "items": item}


def read_questions(text: str) -> list[Question]:
    """The questions of a model's answer; what is none, and what stands there twice, is left out.
    An answer that was cut off gives those that are whole."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return as_questions(_objects(text))
    return as_questions(answer.get("questions", [])) if isinstance(answer, dict) else []


def as_questions(items: Any) -> list[Question]:
    """`items` as far as they are questions, each once."""
    kinds = get_args(Kind)
    found: list[Question] = []
    for item in items if isinstance(items, list) else []:
        said = item.get("question") if isinstance(item, Mapping) else None
        if isinstance(said, str) and re.search(r"\w", said):
            kind: Kind = item["kind"] if item.get("kind") in kinds else "text"
            found.append({"question": said.strip()[:QUESTION_CHARS], "kind": kind})
    return unasked(found, [])


def unasked(questions: Iterable[Question], earlier: Iterable[Question]) -> list[Question]:
    """Those of `questions` that are not among `earlier`, each once."""
    seen = {_key(question) for question in earlier}
    fresh = []
    for question in questions:
        if (key := _key(question)) not in seen:
            seen.add(key)
            fresh.append(question)
    return fresh


def _key(question: Question) -> str:
    return " ".join(re.findall(r"\w+", question["question"].casefold()))


def _objects(text: str) -> list[Any]:
    """The whole objects of a list that was cut off."""
    found = []
    for match in re.finditer(r"\{[^{}]*\}", text):
        try:
            found.append(json.loads(match[0]))
        except (ValueError, RecursionError):
            continue
    return found
