"""From sections to the text that leaves: title and summary, numbered citations, the sources."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from typing_extensions import TypedDict

from tandem.errors import EgressBlocked, ModelError
from tandem.models.tier import Prompt, TierCall
from tandem.nodes.longform.checking import cited, plain_marks, sentences_of
from tandem.nodes.longform.evidence import Passage, Passages
from tandem.nodes.longform.lengths import Length, word_count
from tandem.nodes.longform.outline import BRIEF_TOKENS
from tandem.nodes.longform.writing import Section
from tandem.nodes.texts import head_and_tail
from tandem.quality.support import known_figures

SOURCES: Final = "Sources"
SUMMARY_WORDS: Final = 45
SHORTEST_SUMMARISED: Final = 250
"""A shorter text has no summary."""
TITLE_CHARS: Final = 90
SUMMARY_CHARS: Final = 420
SECTION_CHARS: Final = 350
TOP_SYSTEM: Final = (
    "You write the title of a text, and a summary of one or two sentences, in the language of the "
    "text. Say only what the text says. Answer with JSON."
)
TOP_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 3, "maxLength": TITLE_CHARS},
        "summary": {"type": "string", "minLength": 10, "maxLength": SUMMARY_CHARS},
    },
    "required": ["title", "summary"],
    "additionalProperties": False,
}
_P_MARK: Final = re.compile(r"\[(p\d+)\]")
_NUMBER_MARK: Final = re.compile(r"\[(\d+)\]")


class Source(TypedDict):
    """A passage that the text cites, under its number in the text."""

    number: int
    id: str
    source: str
    heading: str


class Top(TypedDict):
    """What stands above the sections; `summary` is empty in a short text."""

    title: str
    summary: str


def top_of(brief: str, sections: Sequence[Section], words: int, tier: TierCall | None) -> Top:
    """Title and summary, by `tier`; by code where there is none, or where it gives none.

    Parameters
    ----------
    words: that the text shall have.
    """
    top = _asked(brief, sections, tier) if tier and sections else None
    top = top or Top(title=_plain_title(brief), summary="")
    return top if words >= SHORTEST_SUMMARISED else {**top, "summary": ""}


def _asked(brief: str, sections: Sequence[Section], tier: TierCall) -> Top | None:
    try:
        done = tier.complete(top_prompt(brief, sections))
        said = json.loads(done.text)
        title, summary = str(said["title"]).strip(" #*\"'"), str(said["summary"]).strip()
    except (ModelError, EgressBlocked, ValueError, KeyError, TypeError, RecursionError):
        return None
    sources = [brief, *(section["text"] for section in sections)]
    kept = [one for one in sentences_of(plain_marks(summary)) if not known_figures(one, sources)]
    summary = " ".join(one for one in kept if not cited(one))
    title = _plain_title(brief) if known_figures(title, sources) or not title else title
    return Top(title=" ".join(title.split()), summary=summary)


def top_prompt(brief: str, sections: Sequence[Section]) -> Prompt:
    """The prompt for title and summary."""
    lines = [f"Request: {head_and_tail(brief, BRIEF_TOKENS)}", "Text:"]
    lines += [f"{one['title']}: {one['text'][:SECTION_CHARS]}" for one in sections]
    lines.append(f"Title, and a summary of at most {SUMMARY_WORDS} words:")
    return Prompt(
        messages=[
            {"role": "system", "content": TOP_SYSTEM},
            {"role": "user", "content": "\n".join(lines)},
        ],
        max_tokens=200,
        schema=TOP_SCHEMA,
    )


def _plain_title(brief: str) -> str:
    first = (sentences_of(brief) or [""])[0].rstrip(".")
    return first if len(first) <= TITLE_CHARS else first[:TITLE_CHARS].rsplit(None, 1)[0]


def assembled(
    top: Top,
    sections: Sequence[Section],
    outline: Sequence[Mapping[str, Any]],
    passages: Passages,
    length: Length,
    stopped: str = "",
) -> dict[str, Any]:
    """The task's output; see nodes/longform/task.py.

    Parameters
    ----------
    stopped: code of the error that ended the writing before its end; empty where none did.
    """
    order = dict.fromkeys(mark for one in sections for mark in cited(one["text"]))
    numbers = {mark: number for number, mark in enumerate(order, 1)}
    shown: list[dict[str, Any]] = [
        {**one, "text": _numbered(one["text"], numbers)} for one in sections
    ]
    body = _body(top, shown)
    sources = [_source(number, passages.get(mark)) for mark, number in numbers.items()]
    known = [source for source in sources if source is not None]
    listed = "\n".join(source_line(source) for source in known)
    return {
        "text": f"{body}\n\n## {SOURCES}\n\n{listed}" if known else body,
        **top,
        "sections": [{**one, "words": word_count(one["text"])} for one in shown],
        "sources": known,
        "words": word_count(body),
        "length": length,
        "missing": [one["title"] for one in outline[len(sections) :]],
        "stopped": stopped,
    }


def _body(top: Top, sections: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"# {top['title']}", top["summary"]]
    parts += [part for one in sections for part in (f"## {one['title']}", one["text"])]
    return "\n\n".join(part for part in parts if part)


def _numbered(text: str, numbers: Mapping[str, int]) -> str:
    return _P_MARK.sub(lambda match: f"[{numbers[match[1]]}]", text)


def _source(number: int, passage: Passage | None) -> Source | None:
    if passage is None:
        return None
    return Source(
        number=number, id=passage["id"], source=passage["source"], heading=passage["heading"]
    )


def source_line(source: Source) -> str:
    """An entry of the list of sources, which nodes/longform/resuming.py reads again."""
    return f"- [{source['number']}] {source['heading']}, `{source['id']}`"


def with_marks(text: str, sources: Sequence[Source], passages: Passages) -> str:
    """A section of an output with its citations as marks again."""
    by_id = {one["id"]: mark for mark, one in passages.items()}
    marks = {str(one["number"]): by_id[one["id"]] for one in sources if one["id"] in by_id}
    return _NUMBER_MARK.sub(lambda match: f"[{marks.get(match[1], match[1])}]", text)


def body_of(text: str) -> str:
    """A whole text without its list of sources."""
    return re.split(rf"(?<!\n)\n+#{{1,6}} {SOURCES}\s*\n", text)[0].rstrip()
