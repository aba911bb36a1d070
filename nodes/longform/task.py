"""Task `longform`: a text of some hundred to some thousand words, written section by section."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from tandem.errors import DeadlineExceeded, EgressBlocked, InvalidRequest, ModelError
from tandem.models.tier import Prompt, TierCall
from tandem.nodes.longform.assembling import assembled, body_of, top_of, with_marks
from tandem.nodes.longform.checking import (
    MOST_REPEATED,
    cited,
    open_places,
    plain_marks,
    repeated_paragraphs,
    repeated_share,
)
from tandem.nodes.longform.drafting import fitted, mended, next_section, opened_end, planned
from tandem.nodes.longform.evidence import Evidence, marked, passage_lines
from tandem.nodes.longform.lengths import asked_length, word_count
from tandem.nodes.longform.resuming import unfinished
from tandem.nodes.longform.writing import PASSAGES, TOKENS_PER_WORD, Section
from tandem.nodes.task import Prepared
from tandem.nodes.texts import earlier_turns, head_and_tail
from tandem.quality.wording import not_empty, not_refusal
from tandem.records import Attempt, GateFailure, Profile, Request, TierName, Verdict
from tandem.services import Services

TURN_TOKENS: Final = 400
REFUSAL_WORDS: Final = 40
"""A later section of more words that begins with what there is not is no refusal."""
ONE_SHOT_PASSAGES: Final = 8
ONE_SHOT_SYSTEM: Final = (
    "Write the text that the user asks for: complete, of the length asked for, as Markdown with a "
    "title and a heading (##) a section. Invent no figures."
)
_IMPERSONAL: Final = re.compile(r"\W*(?:there|it|this|that|the|these|none|no|not)\b", re.I)
_ENGLISH: Final = re.compile(r"\b(?:the|of|and|a|to|for|in|on|about|write|with|an|is)\b", re.I)


@dataclass(frozen=True)
class Longform:
    """Output: `{"text", "title", "summary", "sections", "sources", "words", "length", "missing",
    "stopped"}`.

    `text` is the whole as Markdown, its sources listed at the end; `sections` are `{"title",
    "text", "words", "aim", "by", "repaired"}`, `by` the tier that wrote it; `sources` are
    `{"number", "id", "source", "heading"}`; `words` counts all but the sources, `length` is what
    was asked; `missing` are titles of sections that were planned and not written, `stopped` the
    code of the error that kept them from it.

    In the graph the same work is done a section a step (graphs/longform.py).
    """

    evidence: Evidence
    name: str = "longform"
    node: str = "longform"
    first_tier: TierName = "llm"
    drafts_for_review: bool = True

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """`brief`, `length`, `passages` by mark, and what an earlier answer had `done`.

        Raises
        ------
        InvalidRequest: there is no text, or a length that is not allowed.
        DocumentError: a document cannot be read.
        """
        if not request["text"].strip():
            raise InvalidRequest("The request has no text.", "Say as `text` what to write.")
        begun = unfinished(request)
        brief = begun.brief if begun else request["text"].strip()
        passages = marked({}, begun.passages if begun else [])
        found = self.evidence.gathered(request, brief)
        return {
            "brief": brief if begun else _with_turns(brief, request),
            "length": asked_length(brief, self.evidence.settings),
            "passages": marked(passages, list(found.values())),
            "done": begun.sections if begun else [],
            "open_end": bool(begun and begun.open_end),
            "boilerplate": len(_ENGLISH.findall(brief)) >= 2,
            "tenant": request.get("tenant", ""),
        }

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """The whole text by one tier. An error in mid-text leaves what is written as a draft."""
        plan = {**prepared, **planned(prepared, self.evidence, tier)}
        sections: list[Section] = list(plan["done"])
        stopped = ""
        if not plan["outline"]:
            return tier.attempt(None)
        try:
            if plan["open_end"]:
                sections = opened_end(plan, sections, tier)
            while len(sections) < len(plan["outline"]):
                sections.append(next_section(plan, sections, tier, tier))
            sections = fitted(plan, sections, tier)
        except (ModelError, EgressBlocked) as error:
            if not sections:
                raise
            stopped = error.code
        return self.finished(plan, sections, tier, stopped)

    def finished(
        self, plan: Prepared, sections: Sequence[Section], tier: TierCall, stopped: str = ""
    ) -> Attempt:
        """The attempt that `sections` make, with title and summary by `tier`; output None where
        there are none.

        Parameters
        ----------
        stopped: code of the error that ended the writing; then no model is asked any more.
        """
        if not sections:
            return tier.attempt(None)
        asked = None if stopped in (DeadlineExceeded.code, "cancelled") else tier
        top = top_of(plan["brief"], sections, plan["length"]["words"], asked)
        output = assembled(
            top, sections, plan["outline"], plan["passages"], plan["length"], stopped
        )
        signals = {
            "words_ratio": output["words"] / max(plan["length"]["words"], 1),
            "repeated": repeated_share(body_of(output["text"])),
            "repaired": float(sum(section["repaired"] for section in sections)),
        }
        return tier.attempt(output, signals=signals)

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates not_empty, not_refusal (of the first section, or of a later one that says next to
        nothing else), no_placeholder; sections (all that were
        planned are there), length, citation (every one has its source), repeats."""
        output = attempt["output"]
        if failed := not_empty(output):
            return failed
        if "sections" not in output:  # of `one_shot`, whose sections nobody planned
            output = {**output, "sections": [], "missing": [], "stopped": ""}
        body = body_of(output["text"])
        pieces = [one["text"] for one in output["sections"] if one["text"]] or [body]
        refused = next(filter(None, map(_declined, pieces, range(len(pieces)))), [])
        failed = _complete(output) + _length(body, prepared["length"])
        failed += refused + _citations(body, output["sources"]) + _repeats(body)
        return failed + _places(body, prepared["brief"])

    def repair(
        self,
        prepared: Prepared,
        rejected: Attempt,
        verdict: Verdict,  # noqa: ARG002
        tier: TierCall,
    ) -> Attempt:
        """On `tier`: what is missing is written, sections with problems are written anew, the rest
        stays. Where there is nothing to build on, the whole text."""
        output = rejected["output"]
        if not output or not prepared.get("outline"):
            return self.attempt(prepared, tier)
        sections = [_restored(one, output, prepared) for one in output["sections"]]
        stopped = ""
        try:
            sections = mended(prepared, sections, tier)
            while len(sections) < len(prepared["outline"]):
                sections.append(next_section(prepared, sections, tier, tier))
            sections = fitted(prepared, sections, tier)
        except (ModelError, EgressBlocked) as error:
            stopped = error.code
        return self.finished(prepared, sections, tier, stopped)

    def one_shot(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """The baseline: the same brief and passages, all in one call."""
        words = prepared["length"]["words"]
        passages = dict(list(prepared["passages"].items())[:ONE_SHOT_PASSAGES])
        shown = [*passage_lines(passages), PASSAGES] if passages else []
        content = "\n".join([*shown, prepared["brief"]])
        done = tier.complete(
            Prompt(
                messages=[
                    {"role": "system", "content": ONE_SHOT_SYSTEM},
                    {"role": "user", "content": content},
                ],
                max_tokens=TOKENS_PER_WORD * words + 100,
            )
        )
        text = plain_marks(done.text.strip())
        known = [
            {"number": mark, **{key: one[key] for key in ("id", "source", "heading")}}
            for mark, one in passages.items()
            if mark in cited(text)
        ]
        output = {"text": text, "sources": known, "words": word_count(text)}
        return tier.attempt(output if text else None)


def longform(services: Services) -> Longform:
    """The task over `services`, whose settings it reads."""
    own = services.settings.longform
    return Longform(Evidence(searcher=services, read=services.document_text, settings=own))


def _with_turns(brief: str, request: Request) -> str:
    """The request, and below it what was said before, shortened."""
    turns = earlier_turns(request)
    if not turns:
        return brief
    said = "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
    return f"{brief}\nEarlier in the conversation:\n{head_and_tail(said, TURN_TOKENS)}"


def _declined(piece: str, at: int) -> list[GateFailure]:
    """Not of a later section that says what there is not, and goes on ("There is no information
    before May. The audit starts in June..."). What speaks of itself ("I cannot help") declines,
    however long: a short section is asked to go on."""
    reports = at > 0 and _IMPERSONAL.match(piece) and word_count(piece) > REFUSAL_WORDS
    return [] if reports else not_refusal(piece)


def _restored(section: Mapping[str, Any], output: Mapping[str, Any], plan: Prepared) -> Section:
    text = with_marks(section["text"], output["sources"], plan["passages"])
    return cast("Section", {**section, "text": text})


def _complete(output: Mapping[str, Any]) -> list[GateFailure]:
    missing = len(output["missing"])
    if not missing and not output["stopped"]:
        return []
    count = len(output["sections"]) + missing
    why = f" ({output['stopped']})" if output["stopped"] else ""
    detail = f"{missing} of {count} sections were not written{why}"
    return [GateFailure(gate="sections", detail=detail)]


def _length(body: str, length: Mapping[str, Any]) -> list[GateFailure]:
    words = word_count(body)
    if length["least"] <= words <= length["most"]:
        return []
    detail = f"{words} words in place of {length['least']} to {length['most']}"
    return [GateFailure(gate="length", detail=detail)]


def _citations(body: str, sources: Sequence[Mapping[str, Any]]) -> list[GateFailure]:
    known = {str(source["number"]) for source in sources}
    unknown = {mark for mark in cited(body) if mark not in known}
    detail = f"{len(unknown)} citations have no source"
    return [GateFailure(gate="citation", detail=detail)] if unknown else []


def _places(body: str, brief: str) -> list[GateFailure]:
    if all(place in brief for place in open_places(body)):
        return []
    return [GateFailure(gate="no_placeholder", detail="a place was left to fill in")]


def _repeats(body: str) -> list[GateFailure]:
    paragraphs, share = repeated_paragraphs(body), repeated_share(body)
    if not paragraphs and share <= MOST_REPEATED:
        return []
    detail = f"{paragraphs} paragraphs and {share:.0%} of the runs of words stand twice"
    return [GateFailure(gate="repeats", detail=detail)]
