"""Whether passages support a text: shared content words, and every number, address and name.

A bag-of-words measure: it cannot see a negation, but it sees what a small model makes up (numbers,
names, sentences about something else), at no cost. Words are compared after a light cut of English
endings, which leaves other languages as they are; Chinese and Japanese count by character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tandem.records import GateFailure

_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+")
_NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,.]*\d|\d")
# An address begins where its characters do: else each character of a long word is tried.
_CONTACT: Final = re.compile(
    r"https?://[^\s)\]>\"']+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+|#[\w-]{3,}"
)
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])|\n+")
_NAME: Final = re.compile(r"(?<![.!?:]\s)(?<!^)(?<=\s)[A-Z][\w'-]*[a-z][\w'-]*", re.MULTILINE)
_MARKS: Final = re.compile(r"^[^\S\n]*(?:\d{1,2}[.)]|[-*•])\s+|\[\d{1,2}\]", re.MULTILINE)
_NUMBER_WORDS: Final = {
    word: str(value)
    for value, word in enumerate(
        (
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ),
        start=2,
    )
}
_STOP_WORDS_TEXT: Final = """
    a about above after again all also am an and any are as at be been before being below between
    both but by can could did do does doing down during each either etc every few for from further
    get had has have having he her here hers him his how however i if in into is it its itself just
    let like may me might more most must my neither no nor not now of off on once only or other our
    ours out over own per please same shall she should so some such than that the their theirs them
    then there these they this those through thus to too under until up upon us very was we were
    what when where whether which while who whom whose why will with within without would yes you
    your yours s t re ve ll d m
    der die das den dem des ein eine einer eines und oder ist sind war nicht mit von zu im in
    auf für
    le la les un une des et ou est sont pas avec de du au aux en pour par el los las una y o es son
    no con del al por para il lo gli uno e di che non het een van en niet met voor
"""
STOP_WORDS: Final = frozenset(_STOP_WORDS_TEXT.split())
"""Words that say nothing by themselves: English, and the commonest of German, French, Spanish,
Italian and Dutch."""


def sentences(text: str) -> list[str]:
    """The sentences (and lines) of `text` that hold a word, without list and citation marks."""
    return [part for part in _SENTENCE.split(_MARKS.sub(" ", text)) if re.search(r"\w", part)]


def content_words(text: str) -> set[str]:
    """The different content words and numbers: lower case, without endings and stop words."""
    plain = _CONTACT.sub(" ", text)
    words = (word.casefold() for word in _WORD.findall(plain))
    kept = {_NUMBER_WORDS.get(word) or _stem(word) for word in words if word not in STOP_WORDS}
    return kept | numbers(plain)


def numbers(text: str) -> set[str]:
    """The different numbers in digits, without separators of thousands and trailing zeros
    ("1,200.50" is "1200.5"); numbers of lists and of citations ("1.", "[2]") are none."""
    return {_normal(found) for found in _NUMBER.findall(_MARKS.sub(" ", text))}


def coverage(text: str, sources: Iterable[str], given: str = "") -> float:
    """Share of the content words of `text` that the `sources` hold, 0 to 1.

    Words of `given` (the question) prove nothing either way and are left out; a text without any
    other content word is covered (1.0).
    """
    words = content_words(text) - content_words(given)
    if not words:
        return 1.0
    held = set().union(*(content_words(source) for source in sources))
    return len(words & held) / len(words)


def supporting(text: str, sources: Sequence[str], least: float = 0.5) -> list[int]:
    """Positions of the `sources` that support `text`: for each sentence the one that holds most of
    its words and numbers, if that is at least the share `least`; rising, without duplicates.

    A source that was already chosen for an earlier sentence is kept where it serves as well.
    """
    bags = [content_words(source) for source in sources]
    chosen: list[int] = []
    for sentence in sentences(text):
        words = content_words(sentence)
        if not words or not bags:
            continue
        shares = [len(words & bag) / len(words) for bag in bags]
        best = max(range(len(bags)), key=lambda at: (shares[at], at in chosen, -at))
        if shares[best] >= least:
            chosen.append(best)
    return sorted(set(chosen))


def enough_support(
    text: str, sources: Sequence[str], given: str = "", least: float = 0.7
) -> list[GateFailure]:
    """Fails where `sources` hold less than the share `least` of the words of `text`; words of
    `given` are left out of it."""
    share = coverage(text, sources, given)
    if share >= least:
        return []
    detail = f"the passages hold {share:.0%} of the words; {least:.0%} are needed"
    return [GateFailure(gate="support", detail=detail)]


def supported(
    text: str, sources: Sequence[str], given: str = "", least: float = 0.7
) -> list[GateFailure]:
    """Fails where there is no source, too little support (`enough_support`), or a number or an
    address that no source holds."""
    if not sources:
        return [GateFailure(gate="citation", detail="no passage supports the answer")]
    return enough_support(text, sources, given, least) + known_figures(text, sources)


def says_something(text: str, question: str) -> list[GateFailure]:
    """Fails where `text` only says the question again: no word of its own, and most of the
    question's. (Few words of the question may be an answer: "Is it A or B?" "B.")"""
    said, asked = content_words(text), content_words(question)
    if said - asked or len(said) < 0.8 * len(asked) or not said:
        return []
    return [GateFailure(gate="says_nothing", detail="the answer only repeats the question")]


def known_figures(text: str, sources: Iterable[str]) -> list[GateFailure]:
    """Fails on numbers and addresses (web, mail, channel) that no source holds."""
    held = list(sources)
    known = set().union(*(content_words(source) | numbers(source) for source in held))
    failed = []
    if not numbers(text) <= known:
        failed.append(GateFailure(gate="numbers", detail="a number stands in no source"))
    everything = "\n".join(held).casefold()
    if any(found.rstrip(".,;:").casefold() not in everything for found in _CONTACT.findall(text)):
        failed.append(GateFailure(gate="addresses", detail="an address stands in no source"))
    return failed


def known_names(text: str, sources: Iterable[str]) -> list[GateFailure]:
    """Fails on capitalised words inside sentences that no source holds, in any case."""
    words = {word.casefold() for source in sources for word in _WORD.findall(source)}
    names = (part.casefold() for name in _NAME.findall(text) for part in _WORD.findall(name))
    if all(name in words or name in STOP_WORDS for name in names):
        return []
    return [GateFailure(gate="names", detail="a name stands in no source")]


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _normal(number: str) -> str:
    plain = re.sub(r",(?=\d{3}(?!\d))", "", number)
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
