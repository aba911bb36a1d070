"""How sensitive a request is, before anything is done with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tandem.privacy.across import across
from tandem.privacy.checked import MAX_CHARS, SECONDS, Scan, Unchecked, checked
from tandem.privacy.detectors import Finding, highest, rank
from tandem.privacy.readings import disguised
from tandem.records import Document, Evidence, Request, Sensitivity

_ACROSS: Final = "across texts"
"""The source of what stands in more than one part."""


class Assessment(NamedTuple):
    """A request's sensitivity, why (spans, never text), and the same in words."""

    sensitivity: Sensitivity
    evidence: list[Evidence]
    reasons: list[str]
    floor: Sensitivity
    """What is left once that which may be redacted, or leave, is taken out; see Profile."""


def assess(
    request: Request,
    read_text: Callable[[Document], str] | None = None,
    *,
    scan: Scan,
    max_chars: int = MAX_CHARS,
    seconds: float = SECONDS,
    lifts: Callable[[Finding], bool] = lambda _finding: False,
    note: Callable[[Finding, str], None] = lambda _finding, _value: None,
) -> Assessment:
    """The sensitivity of everything in `request` that may reach a model.

    A declaration can only raise it. A document that comes as bytes is read by `read_text`; without
    it, and where a part is too long or the scan fails, the request counts as secret: what was not
    checked may not leave. Errors of `read_text` (DocumentError) are the caller's.

    Parameters
    ----------
    max_chars, seconds: limits of one scan.
    lifts: whether a finding may be redacted, or may leave (`Guard.lifts`).
    note: gets each finding with its text (`Guard.noting`).
    """

    def check(text: str) -> list[Finding]:
        return checked(text, scan, max_chars=max_chars, seconds=seconds)

    made = _Assessed(lifts, note)
    for source, text in _parts(request, read_text):
        made.look_at(source, text, check)
    made.look_across(_told(request), check)
    return made.whole(request.get("sensitivity", "none"))


@dataclass
class _Assessed:
    """An assessment in the making."""

    lifts: Callable[[Finding], bool]
    note: Callable[[Finding, str], None]
    evidence: list[Evidence] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    floors: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def look_at(self, source: str, text: str | None, check: Callable[[str], list[Finding]]) -> None:
        if text is None:
            return self._unchecked(f"{source} was not checked")
        try:
            findings = check(text)
            hidden = [finding for finding, _ in disguised(text, findings, check)]
        except Unchecked as why:
            return self._unchecked(f"{source} {why}")
        self._add(source, findings)
        self._add(f"{source}, decoded", hidden)
        for each in findings:
            self.note(each, text[each.start : each.end])
        self.floors += [each.sensitivity for each in findings if not self.lifts(each)]
        # No placeholder can stand for what only a decoded text says.
        self.floors += [each.sensitivity for each in hidden]
        return None

    def look_across(self, texts: Sequence[str], check: Callable[[str], list[Finding]]) -> None:
        try:
            found = [finding for finding, _ in across(texts, check)]
        except Unchecked:
            return self._unchecked("the request as a whole could not be checked")
        # No placeholder can stand for half a value.
        self.floors += [each.sensitivity for each in found]
        return self._add(_ACROSS, list(dict.fromkeys(found)))

    def _unchecked(self, why: str) -> None:
        self.levels.append("secret")
        self.floors.append("secret")
        self.reasons.append(f"{why}, so it counts as secret")

    def _add(self, source: str, findings: Sequence[Finding]) -> None:
        self.levels += [finding.sensitivity for finding in findings]
        self.evidence += [_evidence(finding, source) for finding in findings]

    def whole(self, declared: str) -> Assessment:
        levels, reasons = [*self.levels], [*self.reasons]
        if found := Counter(each["type"] for each in self.evidence):
            listed = ", ".join(f"{number} {kind}" for kind, number in sorted(found.items()))
            reasons.append(f"{highest(levels)}: found {listed}")
        if rank(declared) > rank(highest(levels)):
            levels.append(declared)
            reasons.append(f"{highest(levels)}: declared by the caller")
        # Nobody knows where that stands which the caller declared.
        floor = highest([*self.floors, declared])
        return Assessment(highest(levels), self.evidence, reasons, floor)


def _evidence(finding: Finding, source: str) -> Evidence:
    return {
        "type": finding.type,
        "start": finding.start,
        "end": finding.end,
        "score": finding.score,
        "source": source,
    }


def _parts(
    request: Request, read_text: Callable[[Document], str] | None
) -> Iterator[tuple[str, str | None]]:
    """Every text of the request with its name; None where it cannot be read here."""
    yield "text", request.get("text", "")
    for place, message in enumerate(request.get("messages", [])):
        yield f"messages[{place}]", message["content"]
    for place, document in enumerate(request.get("documents", [])):
        yield f"documents[{place}].name", document["name"]
        yield f"documents[{place}]", _document_text(document, read_text)
    for place, example in enumerate(request.get("examples", [])):
        yield f"examples[{place}]", f"{example['text']}\n{_plain(example['output'])}"
    yield "template", request.get("template", "")
    for place, value in enumerate(request.get("slots", {}).values()):
        yield f"slots[{place}]", value
    yield "labels", "\n".join(request.get("labels", []))
    yield "output_schema", _plain(request.get("output_schema", ""))


def _told(request: Request) -> list[str]:
    """The texts that a prompt puts one after the other."""
    return [
        *(message["content"] for message in request.get("messages", [])),
        request.get("text", ""),
        *(document.get("text", "") for document in request.get("documents", [])),
        *request.get("slots", {}).values(),
    ]


def _document_text(document: Document, read_text: Callable[[Document], str] | None) -> str | None:
    if "text" in document:
        return document["text"]
    return read_text(document) if read_text else None


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
