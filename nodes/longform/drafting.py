"""The work on a text, step by step; the graph and the task carry it out the same way.

A plan is what the task prepared, with its `outline` (nodes/longform/outline.py) and all passages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tandem.models.tier import TierCall
from tandem.nodes.longform.assembling import SHORTEST_SUMMARISED, SUMMARY_WORDS
from tandem.nodes.longform.checking import problems_of, trimmed
from tandem.nodes.longform.evidence import Evidence, Passages
from tandem.nodes.longform.lengths import word_count
from tandem.nodes.longform.outline import Planned, outline_prompt, read_outline
from tandem.nodes.longform.templates import TEMPLATE_WORDS, filled
from tandem.nodes.longform.writing import (
    PARAGRAPH_WORDS,
    WARM,
    Section,
    continued,
    text_of,
    written,
)

HEADING_WORDS: Final = 5
STRETCHES: Final = 3
"""So many sections are made longer where the whole text is too short."""
_LEAST_FURTHER: Final = 0.15
"""A text that was begun, and lacks less of its length, gets no further section."""

Plan = Mapping[str, Any]


def planned(prepared: Plan, evidence: Evidence, tier: TierCall) -> dict[str, Any]:
    """`outline` and `passages` of the plan; an empty outline where the model wrote none, twice.

    Raises
    ------
    ModelError, EgressBlocked: from the tier.
    """
    done: Sequence[Section] = prepared["done"]
    titles = [section["title"] for section in done]
    left = body_words(prepared) - sum(word_count(section["text"]) for section in done)
    if done and prepared["open_end"]:
        left -= PARAGRAPH_WORDS
    kept: list[Planned] = [_as_planned(section) for section in done]
    if done and left < _LEAST_FURTHER * prepared["length"]["words"]:
        return {"outline": kept, "passages": prepared["passages"]}
    prompt = outline_prompt(
        prepared["brief"], left, evidence.settings.section_words, prepared["passages"], titles
    )
    for temperature in (0.0, WARM):
        answer = tier.complete(replace(prompt, temperature=temperature))
        if new := read_outline(answer.text, left, titles):
            new = new if prepared["boilerplate"] else [{**s, "template": "none"} for s in new]
            return _with_evidence(prepared, kept, new, evidence)
    return {"outline": [], "passages": prepared["passages"]}


def _as_planned(section: Section) -> Planned:
    return Planned(
        title=section["title"],
        purpose="already written",
        evidence=[],
        words=word_count(section["text"]),
        template="none",
    )


def _with_evidence(
    prepared: Plan, kept: Sequence[Planned], new: Sequence[Planned], evidence: Evidence
) -> dict[str, Any]:
    passages: Passages = prepared["passages"]
    used: set[str] = set()
    outline = list(kept)
    for section in new:
        about = f"{section['title']}. {section['purpose']}"
        own: Passages = {}
        if section["template"] == "none":
            own = evidence.for_section(
                about, section["evidence"], passages, used, prepared["tenant"]
            )
        passages = {**passages, **own}
        used |= set(own)
        outline.append({**section, "evidence": list(own)})
    return {"outline": outline, "passages": passages}


def next_section(plan: Plan, done: Sequence[Section], tier: TierCall, small: TierCall) -> Section:
    """The section that follows those that are `done`.

    Parameters
    ----------
    small: fills the templates.

    Raises
    ------
    ModelError, EgressBlocked: from `tier`; nothing of the section is there.
    """
    outline: Sequence[Planned] = plan["outline"]
    coming = outline[len(done)]
    if coming["template"] != "none":
        others = [one["title"] for one in outline if one is not coming]
        text = filled(coming["template"], plan["brief"], others, small)
        aim = word_count(text)
        by = small.name
        return Section(title=coming["title"], text=text, aim=aim, by=by, repaired=False)
    return written(plan, outline, done, aim_of(plan, done), tier)


def opened_end(plan: Plan, done: Sequence[Section], tier: TierCall) -> list[Section]:
    """The sections of a text that broke off in mid-sentence, the last one made longer."""
    left = body_words(plan) - sum(word_count(section["text"]) for section in done)
    more = left if len(done) == len(plan["outline"]) else min(PARAGRAPH_WORDS, left)
    if more < HEADING_WORDS:
        return list(done)
    aim = word_count(done[-1]["text"]) + more
    return [*done[:-1], continued(plan, plan["outline"], done, aim, tier)]


def body_words(plan: Plan) -> int:
    """Words that all sections together should have: the asked length without title, summary and
    headings."""
    words: int = plan["length"]["words"]
    top = SUMMARY_WORDS if words >= SHORTEST_SUMMARISED else 0
    headings = HEADING_WORDS * max(len(plan.get("outline", [])), 2)
    return max(words - top - headings, words // 2)


def aim_of(plan: Plan, done: Sequence[Section]) -> int:
    """Words that the next section should have: what the sections before it left, shared out as the
    outline shares it, and at most 60 % more or less than the outline says."""
    rest: Sequence[Planned] = plan["outline"][len(done) :]
    fixed = TEMPLATE_WORDS * sum(one["template"] != "none" for one in rest)
    left = body_words(plan) - fixed - sum(word_count(section["text"]) for section in done)
    own = rest[0]["words"]
    weights = sum(one["words"] for one in rest if one["template"] == "none")
    share = left * own / max(weights, 1)
    return round(max(min(share, own * 1.6), own * 0.4, min(own, 20)))


def fitted(plan: Plan, done: Sequence[Section], tier: TierCall) -> list[Section]:
    """The sections, brought nearer to the length of the whole: the shortest are made longer, or the
    longest is cut.

    Raises
    ------
    ModelError, EgressBlocked: from the tier.
    """
    sections = list(done)
    goal = body_words(plan)
    for _ in range(STRETCHES):
        missing = goal - sum(word_count(section["text"]) for section in sections)
        at = _shortest(plan, sections)
        if at is None or missing < goal // 10:
            break
        aim = word_count(sections[at]["text"]) + min(missing, 2 * PARAGRAPH_WORDS)
        sections[at] = _longer(plan, sections, at, aim, tier)
    return _cut(plan, sections)


def _longer(plan: Plan, sections: Sequence[Section], at: int, aim: int, tier: TierCall) -> Section:
    """The section at `at`, longer. What follows it counts as said before."""
    others = [*sections[:at], *sections[at + 1 :]]
    outline = plan["outline"]
    order = [*outline[:at], *outline[at + 1 : len(sections)], outline[at]]
    return continued(plan, order, [*others, sections[at]], aim, tier)


def _shortest(plan: Plan, sections: Sequence[Section]) -> int | None:
    """Position of the section that lacks most of its length; templates and what was written before
    this run stay as they are."""
    ratios = {
        at: word_count(section["text"]) / max(section["aim"], 1)
        for at, section in enumerate(sections)
        if plan["outline"][at]["template"] == "none" and section["by"] != "earlier"
    }
    return min(ratios, key=lambda at: ratios[at]) if ratios else None


def _cut(plan: Plan, sections: list[Section]) -> list[Section]:
    counts = [word_count(section["text"]) for section in sections]
    over = sum(counts) - round(1.15 * body_words(plan))
    if over > 0 and counts:
        at = max(range(len(counts)), key=lambda one: counts[one])
        short = trimmed(sections[at]["text"], max(counts[at] - over, 40))
        sections[at] = {**sections[at], "text": short}
    return sections


def mended(plan: Plan, sections: Sequence[Section], tier: TierCall) -> list[Section]:
    """The sections with those that have problems written anew by `tier`.

    Raises
    ------
    ModelError, EgressBlocked: from the tier.
    """
    kept: list[Section] = []
    for at, section in enumerate(sections):
        bad = problems_of(section["text"], section["aim"], text_of(kept))
        fixed = plan["outline"][at]["template"] != "none" or section["by"] == "earlier"
        if bad and not fixed:
            kept.append(written(plan, plan["outline"], kept, section["aim"], tier))
        else:
            kept.append(section)
    return kept
