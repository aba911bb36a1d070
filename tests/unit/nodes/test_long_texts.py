"""Whatever a model or a document says over and over is read in a moment, and breaks nothing.

Each time is far above what the work takes, and far below what a pattern takes whose time grows with
the square of the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tandem.nodes.contract.asking import placed
from tandem.nodes.contract.clauses import split_clauses, split_segments
from tandem.nodes.contract.values import find_values, same_value
from tandem.nodes.longform.assembling import body_of
from tandem.nodes.longform.checking import cleaned
from tandem.nodes.longform.crediting import with_citations
from tandem.nodes.longform.outline import read_outline
from tandem.nodes.number_words import worded_numbers
from tandem.nodes.reason import final_answer
from tandem.nodes.research.asking import read_questions
from tandem.nodes.research.citing import marks, without_marks
from tandem.nodes.research.sentences import sentences
from tandem.nodes.research.showing import Showing
from tandem.nodes.written_numbers import written

PASSAGES: Any = {"p1": {"id": "a", "source": "a", "heading": "Shed", "text": "The shed is open."}}
READERS: dict[str, Callable[[str], object]] = {
    "clauses": lambda text: split_segments(text, split_clauses(text)),
    "values": lambda text: find_values(text, [(0, len(text))]),
    "same value": lambda text: same_value("notice_period", text, text),
    "placed": lambda text: placed("no such value", text),
    "cleaned": lambda text: cleaned(text, ["p1"], ""),
    "credited": lambda text: with_citations(text, PASSAGES),
    "body": body_of,
    "outline": lambda text: read_outline(text, 500),
    "questions": read_questions,
    "marks": lambda text: (marks(text), without_marks(text)),
    "sentences": sentences,
    "shown": lambda text: Showing(lambda _: [], ())(text, "value"),
    "answer": final_answer,
    "number words": lambda text: worded_numbers(text + "one " * 3000 + "hundred and " * 1000),
    "numbers": written,
}
PIECES = (
    " ",
    "\n",
    " \n",
    "[",
    "(",
    "[1, ",
    "a",
    "1 ",
    "1,",
    "answer: a  ",
    "- [1] ",
    "twelve (",
    "one ",
    "hundred and ",
)
LENGTH = 12_000
SECONDS = 1.5


@pytest.mark.parametrize("name", READERS)
def test_a_text_that_repeats_itself_is_read_in_a_moment(name: str) -> None:
    for piece in PIECES:
        text = piece * (LENGTH // len(piece))
        begun = time.perf_counter()
        READERS[name](text)
        assert time.perf_counter() - begun < SECONDS, (name, piece)
