"""The citations of an answer: marks like [2], checked against the findings by code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.nodes.research.records import Finding
from tandem.nodes.written_numbers import readings_of, ungrounded, written
from tandem.quality.support import supporting

# A run of blanks is tried from its beginning alone: else a page of them takes minutes.
_MARK: Final = re.compile(r"(?<!\s)\s*\[\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*\]")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?\]])\s+|\n+")


def marks(text: str) -> list[str]:
    """The ids that `text` cites, each once, in order. [1, 2] are two."""
    found = (part.strip() for match in _MARK.finditer(text) for part in match[1].split(","))
    return list(dict.fromkeys(str(int(part)) for part in found))


def without_marks(text: str) -> str:
    """`text` without its citations."""
    return _MARK.sub("", text)


def unknown_marks(text: str, findings: Sequence[Finding]) -> list[str]:
    """The cited ids that no finding has."""
    known = {finding["id"] for finding in findings}
    return [mark for mark in marks(text) if mark not in known]


def cited(text: str, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that `text` cites."""
    wanted = set(marks(text))
    return [finding for finding in findings if finding["id"] in wanted]


def completed(text: str, findings: Sequence[Finding], given: str) -> str:
    """`text` with the marks that it lacks: small models forget them.

    A sentence that holds a number of no finding that it cites (and not of `given`, the request)
    gets the mark of the first finding that holds it; a text without any mark gets those of the
    findings that support it.
    """
    parts = re.split(f"({_SENTENCE_END.pattern})", text)
    made = "".join(
        part if at % 2 else _with_marks(part, findings, given) for at, part in enumerate(parts)
    )
    if marks(made) or not findings:
        return made
    found = supporting(made, [_searchable(finding) for finding in findings])
    return made + "".join(f" [{findings[at]['id']}]" for at in found)


def _with_marks(sentence: str, findings: Sequence[Finding], given: str) -> str:
    known = readings_of(given)
    for finding in cited(sentence, findings):
        known |= readings_of(finding["quote"])
    more: list[str] = []
    for number in written(without_marks(sentence)):
        if number.readings & known:
            continue
        holder = next((f for f in findings if number.readings & readings_of(f["quote"])), None)
        if holder is not None:
            more.append(holder["id"])
            known |= readings_of(holder["quote"])
    return _inserted(sentence, more)


def _inserted(sentence: str, ids: Sequence[str]) -> str:
    """Marks go before the full stop."""
    body = sentence.rstrip()
    end = body[-1:] if body[-1:] in ".!?" else ""
    said = "".join(f" [{one}]" for one in dict.fromkeys(ids))
    return body.removesuffix(end) + said + end + sentence[len(body) :] if ids else sentence


def _searchable(finding: Finding) -> str:
    return f"{finding['heading']}\n{finding['quote']}"


def uncited_numbers(text: str, findings: Sequence[Finding], given: str) -> list[str]:
    """Numbers of `text` that stand in no cited finding and not in `given`, nor are the result of
    a right equation in it."""
    quotes = [_searchable(finding) for finding in cited(text, findings)]
    return ungrounded(without_marks(text), [*quotes, given])


def as_citations(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """What the output holds of each cited finding."""
    keys = ("id", "source", "heading", "passage", "span", "quote")
    plain: Sequence[Mapping[str, Any]] = findings
    return [{key: finding[key] for key in keys} for finding in plain]
