"""How long the text shall be: read from the request by code, and counted the same everywhere."""

from __future__ import annotations

import re
from typing import Final

from typing_extensions import TypedDict

from tandem.errors import InvalidRequest
from tandem.nodes.number_words import NUMBER_WORDS, worded_number
from tandem.settings import LongformSettings

TOLERANCE: Final = 0.2
"""A text may be so much shorter or longer than asked, as a share."""
_NEAR_LIMIT: Final = 0.85
"""What is aimed at below an "at most" and, the other way round, above an "at least"."""

_DIGITS: Final = r"(?<!\d)(?:\d{1,3}(?:[,.' ]\d{3}){1,6}(?!\d)|\d++(?:[.,]\d++)?)"
_MOST: Final = 1e9
"""More words than any text has: what is asked beyond it counts as so many."""
_WORDED: Final = rf"half an?|an?(?: (?:hundred|thousand))?(?![a-z])|{NUMBER_WORDS}"
_COUNT: Final = rf"{_DIGITS}|\b(?:{_WORDED})"
_WORD_UNIT: Final = (
    r"(?:words?|w\u00f6rter[n]?|worte[n]?|mots|palabras|parole|woorden|palavras)(?![\w'])"
)
_PAGE_UNIT: Final = (
    r"(?:(?:full |whole |printed |A4 |typed )?pages?|seiten?|p\u00e1ginas?|pagine?|pagina's)(?!\w)"
)
_BOUND: Final = (
    r"(?P<bound>at most|no more than|not more than|up to|under|below|fewer than|less than|"
    r"max(?:imum)?(?: of)?|h\u00f6chstens|at least|no less than|not less than|more than|over|"
    r"min(?:imum)?(?: of)?|mindestens)"
)
_AT_LEAST: Final = re.compile(r"at least|no less|not less|more than|over|min", re.IGNORECASE)
_ASKED: Final = re.compile(
    rf"(?:{_BOUND}\s+(?:about |around )?)?"
    rf"(?:(?P<low>{_COUNT})(?:\s*[-\u2013]\s*(?=\d)|\s+(?:to|bis|and|or|\u00e0)\s+))?"
    rf"(?P<high>{_COUNT})[\s-]*"
    rf"(?:(?P<words>{_WORD_UNIT})|(?P<pages>{_PAGE_UNIT}))",
    re.IGNORECASE,
)
_REFERS: Final = re.compile(
    r"\b(?:th(?:is|e|ese|ose|at)|our|my|your|his|her|its|their|attached|following|dies\w*)"
    r"(?:\s+\w+)?\s+\Z",
    re.IGNORECASE,
)
_CJK: Final = r"\u3040-\u30ff\u3400-\u9fff"
_CITED: Final = re.compile(r"\[p?\d+\]")
_WORD: Final = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:[-'\u2019.,/@:][^\W_{_CJK}]+)*")


class Length(TypedDict):
    """What was asked, in words."""

    words: int
    """What to aim at."""
    least: int
    most: int
    asked: bool
    """False where the request names no length, so that the default holds."""


def word_count(text: str) -> int:
    """Words of a text; marks of citations and of Markdown are none. A Chinese or Japanese character
    counts as a word."""
    return len(_WORD.findall(_CITED.sub(" ", text)))


def asked_length(text: str, settings: LongformSettings) -> Length:
    """The length that a request asks for: "about 800 words", "an 800-word essay", "2 pages", "500
    to 700 words", "at most 1,000 words"; the settings' default where it names none.

    Where it names several the largest counts: a part is not longer than the whole. "This 20-page
    report" is no length.

    Raises
    ------
    InvalidRequest: it is longer than the settings allow, or nothing.
    """
    found = [length for match in _ASKED.finditer(text) if (length := _length(match, settings))]
    if not found:
        return _about(settings.words, asked=False)
    length = max(found, key=lambda one: one["words"])
    if not 0 < length["words"] <= settings.max_words:
        raise InvalidRequest(
            f"The request asks for {length['words']:,} words; 1 to {settings.max_words:,} can be "
            "written. Nothing was run.",
            "Ask for less, or in parts; or raise longform.max_words.",
        )
    return length


def _length(match: re.Match[str], settings: LongformSettings) -> Length | None:
    unit = 1.0 if match["words"] else float(settings.page_words)
    high = number_of(match["high"])
    if _is_no_length(match):
        return None
    words = round(high * unit)
    low = number_of(match["low"]) if match["low"] else None
    if low is not None and low < high:
        least = round(low * unit)
        return Length(words=(least + words) // 2, least=least, most=words, asked=True)
    if not match["bound"]:
        return _about(words, asked=True)
    if _AT_LEAST.match(match["bound"]):
        return {**_about(round(words / _NEAR_LIMIT), asked=True), "least": words}
    return {**_about(round(words * _NEAR_LIMIT), asked=True), "most": words}


def _is_no_length(match: re.Match[str]) -> bool:
    """Whether it is a phrase ("a page on our site", "in one word"), or what is there already."""
    if _REFERS.search(match.string[max(match.start() - 40, 0) : match.start()]):
        return True
    if match["words"]:
        return match["high"].casefold() in ("a", "an", "one", "1")
    return match["high"].casefold() in ("a", "an") and not match["bound"] and not _alone(match)


def _alone(match: re.Match[str]) -> bool:
    """ "a page" that names a length: nothing follows that says which page it is."""
    after = match.string[match.end() : match.end() + 12].lstrip()
    return (
        not after or after[0] in ".,;:)!?" or after.startswith(("on ", "about ", "of text", "long"))
    )


def _about(words: int, asked: bool) -> Length:
    return Length(
        words=words,
        least=round(words * (1 - TOLERANCE)),
        most=round(words * (1 + TOLERANCE)),
        asked=asked,
    )


def number_of(written: str) -> float:
    """A number in digits, or in English words below a million."""
    text = written.casefold().strip()
    if text[0].isdigit():
        grouped = re.sub(r"[,.' ](?=\d{3}(?!\d))", "", text)
        return min(float(grouped.replace(",", ".")), _MOST)
    return 0.5 if text.startswith("half") else worded_number(text)
