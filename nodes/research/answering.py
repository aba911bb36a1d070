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
_IN_WORDS: Final = re.compile(
    r"\b(?:no|none|nothing|nobody|free|zero|unlimited|all|every|both|each|half|twice|single|dozen)\b",
    re.IGNORECASE,
)
_ENDED: Final = re.compile(r"(?<=[.!?])\s+(?=\w)")


def declines(text: str) -> bool:
    """Whether an answer only says that nothing was found, be it with a mark behind it. One that
    goes on with something cited, or holds a number, is an answer to a part."""
    if not is_refusal(text):
        return False
    bare = without_marks(text)
    return not marks(text) or not (_ENDED.search(bare.strip()) or find_numbers(bare))


def unanswered(text: str, question: str) -> list[GateFailure]:
    """Gates `value` (the request asks how many or how much, and the answer has neither a number nor
    a word for one) and `says_nothing` (it only says the request again)."""
    bare = without_marks(text)
    failed = says_something(bare, question)
    if _COUNTED.search(question) and not _has_count(bare):
        detail = "the request asks for a number, and the answer has none"
        failed.append(GateFailure(gate="value", detail=detail))
    return failed


def _has_count(text: str) -> bool:
    found: Sequence[object] = find_numbers(text) or worded_numbers(text)
    return bool(found) or _IN_WORDS.search(text) is not None
