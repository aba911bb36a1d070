"""What the steps of research hand to each other: JSON-plain, for it travels in the state."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Final, Literal

from typing_extensions import TypedDict

from tandem.nodes.state import State
from tandem.records import Attempt

Kind = Literal["number", "date", "text"]
Outcome = Literal["found", "empty", "ungrounded", "truncated", "failed"]
"""Of one reading: a value that stands in the passage; none; one that stands nowhere in it; cut off
by the allowance of tokens; no answer of the model, or none that can be read."""
UNREAD: Final[frozenset[Outcome]] = frozenset({"truncated", "failed"})
"""Outcomes that say nothing of what the passage holds."""


class Question(TypedDict):
    """What one value answers."""

    question: str
    kind: Kind


class Passage(TypedDict):
    """A passage that retrieval kept; `start` is its place in the page, in characters."""

    id: str
    source: str
    heading: str
    text: str
    start: int
    score: float


class Reading(TypedDict):
    """One question asked of one passage."""

    question: int
    passage: str
    outcome: Outcome
    value: str
    """As the reader gave it; empty where there is none."""
    span: list[int]
    """The sentence that holds the value, in characters of the passage's text; empty where none."""
    fit: float
    """How well sentence and passage fit the question; rises."""


class Finding(TypedDict):
    """What an answer may cite: a value with the sentence that it stands in, or a whole passage."""

    id: str
    """"1", "2"...: the answer cites it as [1]."""
    question: int
    """Position of the question; -1 where the passage was not asked anything."""
    value: str
    passage: str
    source: str
    heading: str
    span: list[int]
    """In characters of the passage's text, of which it is `quote`."""
    quote: str
    shown: str
    """What a model is shown of the quotation."""


class Documents(TypedDict):
    """Which documents were read."""

    read: int
    unreadable: list[dict[str, str]]
    """`{"name", "why"}`."""
    cut: list[dict[str, Any]]
    """`{"name", "read", "characters"}`: of these only the beginning was read."""


class Coverage(TypedDict):
    """How much was looked at. Readings are pairs of a question and a passage."""

    questions: int
    answered_questions: int
    rounds: int
    asked: int
    """Readings carried out."""
    answered: int
    """Readings whose value stands in the passage."""
    truncated: int
    """Readings cut off by the allowance of tokens."""
    failed: int
    """Readings that the model did not answer, or not readably."""
    left_out: int
    """Readings that the limit left no room for."""
    passages: int
    """Passages of which at least one reading came to something, be it that nothing is there."""
    documents: Documents | None
    """None where the knowledge base was searched."""


class Job(TypedDict):
    """A passage and the questions to ask of it, by position."""

    passage: Passage
    questions: dict[str, Question]


class ResearchState(State, total=False):
    """The state of the sub-graph: what the main graph has, and the work so far."""

    questions: list[Question]
    """Of all rounds, in order."""
    asked_so_far: int
    """How many of them earlier rounds have read for."""
    round: int
    passages: list[Passage]
    """Of all rounds, each once, best first."""
    jobs: list[Job]
    """Of this round."""
    left_out: int
    readings: Annotated[list[Reading], operator.add]
    reader_attempts: Annotated[list[Attempt], operator.add]
    documents: Documents | None


class ReaderState(State, total=False):
    """What a reader is sent: the run, and one job."""

    job: Job
