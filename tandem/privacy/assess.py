"""How sensitive a request is, before anything is done with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tandem.privacy import detectors
from tandem.privacy.detectors import Finding, highest, rank
from tandem.privacy.egress import MAX_CHARS
from tandem.records import Document, Evidence, Request, Sensitivity

Scan = Callable[[str], Sequence[Finding]]


class Assessment(NamedTuple):
    """A request's sensitivity, why (spans, never text), and the same in words."""

    sensitivity: Sensitivity
    evidence: list[Evidence]
    reasons: list[str]


def assess(
    request: Request,
    read_text: Callable[[Document], str] | None = None,
    *,
    scan: Scan = detectors.scan,
    max_chars: int = MAX_CHARS,
) -> Assessment:
    """The sensitivity of everything in `request` that may reach a model.

    A declaration can only raise it. A document that comes as bytes is read by `read_text`; without
    it, and where a part is too long or the scan fails, the request counts as secret: what was not
    checked may not leave. Errors of `read_text` (DocumentError) are the caller's.
    """
    evidence: list[Evidence] = []
    levels: list[str] = []
    reasons: list[str] = []
    for source, text in _parts(request, read_text):
        if text is None or len(text) > max_chars:
            levels.append("secret")
            reasons.append(f"{source} was not checked, so it counts as secret")
            continue
        try:
            findings = scan(text)
        # See Guard: whatever goes wrong in a detector, the text counts as unchecked.
        except Exception:
            levels.append("secret")
            reasons.append(f"{source} could not be checked, so it counts as secret")
            continue
        levels += [finding.sensitivity for finding in findings]
        evidence += [_evidence(finding, source) for finding in findings]
    if found := Counter(each["type"] for each in evidence):
        listed = ", ".join(f"{number} {kind}" for kind, number in sorted(found.items()))
        reasons.append(f"{highest(levels)}: found {listed}")
    declared = request.get("sensitivity", "none")
    if rank(declared) > rank(highest(levels)):
        levels.append(declared)
        reasons.append(f"{highest(levels)}: declared by the caller")
    return Assessment(highest(levels), evidence, reasons)


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


def _document_text(document: Document, read_text: Callable[[Document], str] | None) -> str | None:
    if "text" in document:
        return document["text"]
    return read_text(document) if read_text else None


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
