"""A model reads which task a request is: one constrained answer with its probability.

For requests that declare no task, whose fields give none away, and of which the routing head is not
sure enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tandem.models.tier import Prompt, TierCall
from tandem.privacy.known import CUT
from tandem.records import Message, Request

READ_CHARS: Final = 1500
"""How much of a request's text is read: enough to see what it asks, at a bounded price."""

NAMES: Final[dict[str, str]] = {
    "faq": "policy question",
    "support_reply": "customer message",
    "sentiment": "opinion to judge",
    "extraction": "fields to extract",
    "draft": "message to write",
    "reasoning": "calculation",
    "longform": "essay to write",
    "contract_review": "contract check",
    "research": "comparing sources",
    "agent": "lookup and calculation",
}
"""What a model chooses from: words it knows, instead of our names."""

SYSTEM: Final = "Sort requests by kind. Kinds: " + ", ".join(NAMES.values()) + "."
QUESTION: Final = "Request: {text}\nWhat kind of request is this?"
"""Wrapped like this, the small model sorts the request instead of answering it."""

TURNS: Final[tuple[tuple[str, str], ...]] = (
    ("How many days of sick leave do I get?", "faq"),
    ("A train goes 60 km in 45 minutes. How far does it go in 2 hours at that speed?", "reasoning"),
    ("My parcel has not arrived and nobody answers my mails! Order 5512.", "support_reply"),
    ("Is this review good or bad: 'A waste of two hours, I left before the end.'", "sentiment"),
    ("Write a short note to the team that the Friday meeting moves to 3 pm.", "draft"),
    ("Get the invoice number, date and total out of the text below.", "extraction"),
    ("Write a 1500 word report on the state of solar power in Europe.", "longform"),
    ("Check this NDA for an unlimited term and a missing governing law.", "contract_review"),
    ("Look up the travel allowance, then work out what 12 days abroad come to.", "agent"),
    ("Who approves a purchase over 10,000 dollars?", "faq"),
    ("Compare what our three vendor studies say about uptime, with sources.", "research"),
    ("Anna has 3 boxes of 12 pens and gives away 7 pens. How many are left?", "reasoning"),
    ("What should I do when my badge is lost?", "faq"),
    ("Find the mileage rate in the handbook and calculate what 240 miles pay.", "agent"),
    ("Why was I charged a fee on my card?", "support_reply"),
    ("Does the contract let the supplier raise prices?", "contract_review"),
    ("'Shares slide after weak results' - what is the mood of this headline?", "sentiment"),
)
"""Examples as past chat turns; the fixed part of the prompt, so the server caches it."""


def read_task(text: str, tasks: Sequence[str], tier: TierCall) -> tuple[str, float]:
    """The most probable of `tasks` for `text`, and its probability.

    Tasks without words in NAMES (an application's own) go by their own name. Raises what
    `TierCall.complete` raises.
    """
    words = {NAMES.get(task, task.replace("_", " ")): task for task in tasks}
    completion = tier.complete(Prompt(messages=messages(text), max_tokens=16, choices=list(words)))
    probabilities = completion.choice_probabilities(list(words))
    best = max(probabilities, key=lambda word: probabilities[word])
    return words[best], probabilities[best]


def messages(text: str) -> list[Message]:
    """The prompt: fixed instructions and turns first, the request last."""
    turns: list[Message] = [{"role": "system", "content": SYSTEM}]
    for example, task in TURNS:
        turns.append({"role": "user", "content": QUESTION.format(text=example)})
        turns.append({"role": "assistant", "content": NAMES[task]})
    return [*turns, {"role": "user", "content": QUESTION.format(text=_shortened(text))}]


def feasible_tasks(request: Request, known: Sequence[str]) -> list[str]:
    """The tasks of `known` that `request` has the fields for.

    Fields speak: a schema asks for extraction, a template for a draft, labels for a classification
    or a sentiment (both choose among them); without a schema or labels, extraction and
    classification cannot be meant.
    """
    if request.get("output_schema"):
        return ["extraction"]
    if request.get("template"):
        return ["draft"]
    if request.get("labels"):
        return ["document_classification", "sentiment"]
    return [task for task in known if task not in ("document_classification", "extraction")]


def _shortened(text: str) -> str:
    if len(text) <= READ_CHARS:
        return text
    half = READ_CHARS // 2
    return f"{text[:half]}\n{CUT}\n{text[-half:]}"
