"""The outline: what each section is for, how long it is, and on which passages it rests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast, get_args

from typing_extensions import TypedDict

from tandem.models.tier import Prompt
from tandem.nodes.longform.evidence import Passages
from tandem.nodes.longform.templates import TEMPLATE_WORDS, Boilerplate
from tandem.nodes.texts import head_and_tail
from tandem.records import Message

MOST_SECTIONS: Final = 12
"""Each is a step of the graph, whose steps are limited."""
BRIEF_TOKENS: Final = 700
SHOWN_PASSAGES: Final = 16
TITLE_CHARS: Final = 80
PURPOSE_CHARS: Final = 160
OUTLINE_SYSTEM: Final = (
    "You plan a text before it is written: its sections in order, in the language of the request. "
    "Where the request names parts, plan exactly these. `purpose` says in one sentence what a "
    "section tells, and no two sections tell the same. `evidence` lists the marks of the passages "
    "that it rests on. `words` is its length. `template` is `introduction`, `disclaimer` or "
    "`sign_off` for a section that is only that, and `none` for all others."
)
OUTLINE_EXAMPLE: Final[Sequence[Message]] = (
    {
        "role": "user",
        "content": "Request: About 600 words for new members: how our garden works, what tools "
        "there are, and who waters when.\nPassages: p1 Tools > Shed; p2 Watering rota\n"
        "Plan 4 sections, 600 words in all.",
    },
    {
        "role": "assistant",
        "content": '{"sections":[{"title":"Welcome","purpose":"Says what the text is for",'
        '"evidence":[],"words":60,"template":"introduction"},{"title":"How the garden works",'
        '"purpose":"Explains plots, fees and shared work","evidence":[],"words":220,'
        '"template":"none"},{"title":"Tools and where they are","purpose":"Lists the tools and '
        'the rules for borrowing","evidence":["p1"],"words":150,"template":"none"},'
        '{"title":"Who waters when","purpose":"Explains the watering rota","evidence":["p2"],'
        '"words":170,"template":"none"}]}',
    },
)


class Planned(TypedDict):
    """A section of the outline."""

    title: str
    purpose: str
    evidence: list[str]
    """Marks of passages."""
    words: int
    template: Literal["none"] | Boilerplate


def outline_prompt(
    brief: str, words: int, section_words: int, passages: Passages, done: Sequence[str] = ()
) -> Prompt:
    """The prompt for an outline of about `words` words.

    Parameters
    ----------
    section_words: what a section should have.
    done: titles of sections that are already written, which are not planned again.
    """
    count = section_count(words, section_words)
    shown = dict(list(passages.items())[:SHOWN_PASSAGES])
    lines = [f"Request: {head_and_tail(brief, BRIEF_TOKENS)}"]
    if shown:
        headings = "; ".join(f"{mark} {one['heading']}" for mark, one in shown.items())
        lines.append(f"Passages: {headings}")
    if done:
        lines.append(f"Already written, not to be planned again: {'; '.join(done)}")
    further = "further " if done else ""
    lines.append(f"Plan {count} {further}sections, {words} words in all.")
    return Prompt(
        messages=[
            {"role": "system", "content": OUTLINE_SYSTEM},
            *OUTLINE_EXAMPLE,
            {"role": "user", "content": "\n".join(lines)},
        ],
        max_tokens=90 * (count + 2),
        schema=outline_schema(count, list(shown)),
    )


def section_count(words: int, section_words: int) -> int:
    """How many sections a text of `words` words should have."""
    least = 2 if words >= 250 else 1
    return min(max(round(words / section_words) + 1, least), MOST_SECTIONS - 2)


def outline_schema(count: int, marks: Sequence[str]) -> dict[str, Any]:
    """JSON schema of an outline of about `count` sections; only marks that exist can be named."""
    evidence: dict[str, Any] = {"type": "array", "maxItems": 0}
    if marks:
        evidence = {"type": "array", "maxItems": 2, "items": {"enum": list(marks)}}
    section = {
        "title": {"type": "string", "minLength": 2, "maxLength": TITLE_CHARS},
        "purpose": {"type": "string", "minLength": 2, "maxLength": PURPOSE_CHARS},
        "evidence": evidence,
        "words": {"type": "integer", "minimum": 20, "maximum": 1500},
        "template": {"enum": ["none", *get_args(Boilerplate)]},
    }
    return {
        "type": "object",
        "properties": {
            "sections": {
                "type": "array",
                "minItems": count,
                "maxItems": count + 2,
                "items": {
                    "type": "object",
                    "properties": section,
                    "required": list(section),
                    "additionalProperties": False,
                },
            }
        },
        "required": ["sections"],
        "additionalProperties": False,
    }


def read_outline(text: str, words: int, done: Sequence[str] = ()) -> list[Planned]:
    """The outline that the model wrote, its lengths brought to `words` in all; empty where it is
    none. A title that was there before is left out, and a template counts only in its place: the
    introduction first, disclaimer and sign-off last."""
    try:
        written = json.loads(text)["sections"]
        sections = [cast("Planned", dict(section)) for section in written]
        titles = [str(section["title"]).strip(" #*.:") for section in sections]
        kept: dict[str, Planned] = {}
        for title, section in zip(titles, sections, strict=True):
            if title and title.casefold() not in {*kept, *(one.casefold() for one in done)}:
                kept[title.casefold()] = {**section, "title": title}
        planned = _in_place(list(kept.values())[:MOST_SECTIONS], first=not done)
        return scaled(planned, words)
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _in_place(sections: list[Planned], first: bool) -> list[Planned]:
    last = len(sections) - 1
    for at, section in enumerate(sections):
        opens = section["template"] == "introduction" and at == 0 and first and last > 0
        closes = section["template"] in ("disclaimer", "sign_off") and at >= max(last - 1, 1)
        if not opens and not closes:
            section["template"] = "none"
    if all(section["template"] != "none" for section in sections):
        for section in sections:
            section["template"] = "none"
    return sections


def scaled(sections: Sequence[Planned], words: int) -> list[Planned]:
    """Lengths in the proportions of the outline, `words` in all. None is under half or over twice
    the mean: small models plan 20 words here and 800 there. Templates have their own length."""
    fixed = sum(section["template"] != "none" for section in sections)
    written = [section for section in sections if section["template"] == "none"]
    left = max(words - fixed * TEMPLATE_WORDS, 40 * len(written))
    mean = sum(section["words"] for section in written) / max(len(written), 1)
    weights = [min(max(section["words"], mean / 2), 2 * mean) for section in written]
    lengths = iter(round(left * weight / sum(weights)) for weight in weights)
    return [
        {**section, "words": TEMPLATE_WORDS if section["template"] != "none" else next(lengths)}
        for section in sections
    ]


def outline_lines(sections: Sequence[Mapping[str, Any]]) -> list[str]:
    """The outline as the writer sees it."""
    return [f"{at}. {line}" for at, line in enumerate(bare_lines(sections), 1)]


def bare_lines(sections: Sequence[Mapping[str, Any]]) -> list[str]:
    """Title and purpose of each section."""
    return [f"{one['title']}: {one['purpose']}" for one in sections]
