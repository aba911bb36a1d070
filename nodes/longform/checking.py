"""What code checks in a long text: repeats, citations, and whether a section has its length.

A sentence that code can see to be bad (one said before, one that cites what does not exist) is
taken out, and the section is then made longer; that is surer than asking a model to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from tandem.nodes.longform.lengths import TOLERANCE, word_count
from tandem.quality.support import known_figures

RUN: Final = 8
"""So many words in a row that stand twice are a repeat."""
MOST_REPEATED: Final = 0.05
"""Share of the runs of a text that may stand twice: names and fixed phrases do."""
_SAID_BEFORE: Final = 0.3
"""A sentence is a repeat if this share of its runs stood before."""
_SHORT: Final = 5
"""A sentence of fewer words may stand twice."""
_WORDS: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_MARK: Final = re.compile(r"\[(p?\d+)\]")
_MARKS: Final = re.compile(
    r"[\[(]\s*(?:passages?\s+)?(p\d+(?:\s*(?:,|;|and|&)\s*(?:passages?\s+)?p\d+)*)\s*[\])]",
    re.IGNORECASE,
)
_LATE_MARK: Final = re.compile(r"([.!?])((?:\s*\[p\d+\])+)")
_SENTENCE_END: Final = re.compile(
    r"(?:(?<=[.!?\u3002\uff01\uff1f])|(?<=[.!?][\"'\u201d\u2019)]))(?<!\b[A-Z]\.)\s+(?=\S)|"
    r"(?<!\s)\s*\n\s*"
)
_ENDS: Final = re.compile(r"[.!?\u3002\uff01\uff1f:][\"'\u201d\u2019)\]*]*\s*\Z")
_ITEM: Final = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*\u2022])\s+")
_PLACE: Final = re.compile(r"\[(?!p?\d+\])[A-Za-z][^\[\]\n]{1,40}\](?!\()")
_HEADING: Final = re.compile(
    r"^\s*(?:#{1,6}\s|\*\*[^*\n]{1,90}\*\*:?\s*$|section \d+\b.{0,90}$)", re.I
)


def runs(text: str) -> list[tuple[str, ...]]:
    """All runs of RUN words of a text, sentence marks and citations aside."""
    words = _words(text)
    return [tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]


def repeated_share(text: str) -> float:
    """Share of the text's runs that stood in it before, 0 to 1."""
    all_runs = runs(text)
    return 1 - len(set(all_runs)) / len(all_runs) if all_runs else 0.0


def repeated_paragraphs(text: str) -> int:
    """How many paragraphs stood in the text before, word by word."""
    paragraphs = [" ".join(_words(one)) for one in text.split("\n\n")]
    long = [one for one in paragraphs if one.count(" ") >= RUN]
    return len(long) - len(set(long))


def open_places(text: str) -> list[str]:
    """Places that are left to fill in: "[Your Name]". Links, citations, and what code and formulas
    write in other brackets, are none."""
    return _PLACE.findall(text)


def cited(text: str) -> list[str]:
    """The marks that a text cites, in order: `p3` of "[p3]", `3` of "[3]"."""
    return _MARK.findall(text)


def plain_marks(text: str) -> str:
    """The text with every citation written as [p1], before the sentence's full stop."""

    def one_by_one(match: re.Match[str]) -> str:
        return "".join(f"[{mark.lower()}]" for mark in re.findall(r"p\d+", match[1], re.I))

    return _LATE_MARK.sub(r"\2\1", _MARKS.sub(one_by_one, text))


def cleaned(
    text: str,
    marks: Collection[str],
    before: str,
    cut: bool = False,
    sources: Collection[str] = (),
) -> str:
    """What a model wrote for a section, without what may not stand in it.

    Left out are headings, sentences that cite an unknown mark, leave a place to fill in or hold a
    number or address that no source has, and sentences that were said before. From a paragraph that
    is nothing but repeats on, the text is dropped: a small model that repeats itself goes on
    repeating itself.

    Parameters
    ----------
    marks: those that the section was given.
    before: all that is already written.
    cut: the model was cut off, so that the last sentence is not whole.
    sources: what numbers may come from; empty: from anywhere.
    """
    seen = _Seen(before)
    paragraphs: list[str] = []
    for paragraph in re.split(r"\n\s*\n", plain_marks(text).strip()):
        lines = [line for line in paragraph.splitlines() if line.strip()]
        plain = [line for line in lines if not _HEADING.match(line)]
        kept = [_kept(line, marks, seen, sources) for line in plain]
        whole = "\n".join(line for line in kept if line)
        if whole:
            paragraphs.append(whole)
        elif paragraphs and seen.only_repeats(paragraph):
            break
    joined = "\n\n".join(paragraphs)
    return _to_last_sentence(joined) if cut else joined


def _kept(line: str, marks: Collection[str], seen: _Seen, sources: Collection[str]) -> str:
    """What is left of a line. Items of a list keep no number, which would show what is missing."""
    bare = _ITEM.sub("", line)
    sentences = [one for one in sentences_of(bare) if _is_sound(one, marks, sources)]
    kept = " ".join(one for one in sentences if seen.is_new(one))
    return f"- {kept}" if kept and bare != line else kept


def _is_sound(sentence: str, marks: Collection[str], sources: Collection[str]) -> bool:
    known = set(cited(sentence)) <= set(marks) and not open_places(sentence)
    return known and not (sources and known_figures(_MARK.sub("", sentence), sources))


def sentences_of(text: str) -> list[str]:
    """The sentences of a text as they stand in it."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def trimmed(text: str, words: int) -> str:
    """The text without the sentences at its end that take it beyond `words` words; the first
    sentence stays. Paragraphs stay apart."""
    kept: list[str] = []
    count = 0
    for paragraph in text.split("\n\n"):
        fitting: list[str] = []
        for line, sentence in _by_line(paragraph):
            count += word_count(sentence)
            if count > words and (kept or fitting):
                return "\n\n".join([*kept, "".join(fitting)]).rstrip()
            joint = "" if not fitting else "\n" if line else " "
            fitting.append(joint + sentence)
        kept.append("".join(fitting))
    return "\n\n".join(kept)


def _by_line(paragraph: str) -> Iterator[tuple[bool, str]]:
    """Each sentence, and whether it begins a line."""
    for line in paragraph.splitlines():
        for at, sentence in enumerate(sentences_of(line)):
            yield at == 0, sentence


def problems_of(text: str, aim: int, before: str) -> list[str]:
    """What is wrong with a section, in words for the model; empty: nothing."""
    words = word_count(text)
    if not words:
        return ["it was empty, or said only what was said before"]
    problems = []
    if words < aim * (1 - TOLERANCE):
        problems.append(f"it had {words} words in place of {aim}")
    if words > aim * (1 + TOLERANCE):
        problems.append(f"it had {words} words in place of {aim}; be shorter")
    if _shared_share(text, before) > MOST_REPEATED:
        problems.append("it said again what earlier sections say")
    return problems


def _shared_share(text: str, before: str) -> float:
    known, own = set(runs(before)), runs(text)
    return sum(run in known for run in own) / len(own) if own else 0.0


class _Seen:
    """What was said before."""

    def __init__(self, before: str) -> None:
        self._runs = set(runs(before))
        self._sentences = {" ".join(_words(one)) for one in sentences_of(before)}

    def is_new(self, sentence: str) -> bool:
        """Whether the sentence says something new; it counts as said from now on."""
        words = _words(sentence)
        bare, own = " ".join(words), runs(sentence)
        said = len(words) >= _SHORT and bare in self._sentences
        said |= bool(own) and sum(run in self._runs for run in own) / len(own) >= _SAID_BEFORE
        self._sentences.add(bare)
        self._runs.update(own)
        return not said

    def only_repeats(self, paragraph: str) -> bool:
        """Whether every longer sentence of the paragraph was said before."""
        longer = [" ".join(w) for s in sentences_of(paragraph) if len(w := _words(s)) >= _SHORT]
        return bool(longer) and all(one in self._sentences for one in longer)


def _to_last_sentence(text: str) -> str:
    if _ENDS.search(text):
        return text
    ends = [match.start() for match in re.finditer(r"(?<=[.!?\u3002\uff01\uff1f])\s", text)]
    return text[: ends[-1]].rstrip() if ends else ""


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORDS.findall(_MARK.sub(" ", text))]
