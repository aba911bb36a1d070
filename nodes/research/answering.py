"""Whether an answer says what was asked, as far as code can see: no answer at all leaves as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tandem.nodes.number_words import worded_numbers
from tandem.nodes.research.citing import marks, without_marks
from tandem.quality.support import says_something
from tandem.quality.values import find_numbers
from tandem.quality.wording import is_refusal
from tandem.records import GateFailure

_COUNTED: Final = re.compile(r"\bhow\s{1,9}(?:many|much)\b", re.IGNORECASE)
_ONLY_COUNTED: Final = re.compile(
    # Nothing else is asked: no second question, and no "and who..." but another number.
    r"\W*how\s{1,9}(?:many|much)\b(?!.*\?.*\w)(?!.*(?:\band|[,;])\s{1,9}(?:who|whom|whose|what|when"
    r"|where|which|why|(?:is|are|do|does|can|may|must)|how(?!\s{1,9}(?:many|much)))\b)",
    re.IGNORECASE | re.DOTALL,
)
_IN_WORDS: Final = re.compile(
    r"\b(?:no|none|nothing|nobody|free|zero|unlimited|all|every|both|each|half|twice|single|dozens?"
    r"|waived|most|several|few|couple|majority)\b",
    re.IGNORECASE,
)
_ENUMERATED: Final = re.compile(
    r"\w,\s[^,.;]{1,60},?\s(?:and|or)\s\w|\b[A-Z]\w*\s(?:and|or)\s[A-Z]"
)
"""Things by name, which can be counted: "English, German and French"."""
NO_NUMBER: Final = "the request asks for a number, and the answer has none"
_ENDED: Final = re.compile(r"(?<=[.!?])\s+(?=\w)")


def declines(text: str) -> bool:
    """Whether an answer only says that nothing was found, be it with a mark behind it. One that
    goes on with something cited, or holds a number, is an answer to a part."""
    if not is_refusal(text):
        return False
    bare = without_marks(text)
    return not marks(text) or not (_ENDED.search(bare.strip()) or find_numbers(bare))


def unanswered(text: str, question: str, answered: str) -> list[GateFailure]:
    """Gates `value` (the request asks only how many or how much, and an answer to all of it has
    neither a number, nor a word for one, nor what can be counted) and `says_nothing` (it only says
    the request again).

    Parameters
    ----------
    answered: `all` or `part`, as the model says of its answer.
    """
    failed = says_something(without_marks(text), question)
    if _lacks_number(text, question, answered) and _ONLY_COUNTED.match(question):
        failed.append(GateFailure(gate="value", detail=NO_NUMBER))
    return failed


def doubts(text: str, question: str, answered: str) -> list[str]:
    """What may be lacking, in words: a number, where the request asks for more than that, or names
    "how much" for another reason ("Who decides how much is paid?")."""
    lacks = _lacks_number(text, question, answered) and not _ONLY_COUNTED.match(question)
    return [f"doubtful: {NO_NUMBER}"] if lacks else []


def _lacks_number(text: str, question: str, answered: str) -> bool:
    asked = answered == "all" and _COUNTED.search(question) is not None
    return asked and not _has_count(without_marks(text))


def _has_count(text: str) -> bool:
    found: Sequence[object] = find_numbers(text) or worded_numbers(text)
    return bool(found or _IN_WORDS.search(text) or _ENUMERATED.search(text))
