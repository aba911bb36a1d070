"""The review as Markdown that a lawyer can check line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

SAID: Final = {
    "entailment": "yes",
    "contradiction": "no, the contract says the contrary",
    "not_mentioned": "not mentioned",
    "undecided": "**needs a person's look**",
}
READ_BY_HEAD: Final = "- Every clause was read by the head; the model saw the likeliest sentences."
FIELD_NAMES: Final = {
    "governing_law": "Governing law",
    "notice_period": "Notice period",
    "renewal_term": "Renewal term",
    "effective_date": "Effective date",
    "expiration_date": "Expiration date",
}


def report(review: Mapping[str, Any]) -> str:
    """The review (see nodes/contract/output.py) as Markdown.

    Every quotation stands with its clause number and its offsets in the contract's text.
    """
    parts = [
        "# Contract review",
        f"*{review['label']}*",
        _coverage(review["coverage"]),
        *_verdicts(review["verdicts"]),
        *_values(review["values"]),
        *_clauses(review["clauses"]),
    ]
    return "\n\n".join(parts) + "\n"


def _coverage(coverage: Mapping[str, Any]) -> str:
    read, total = coverage["segments_read"], coverage["segments"]
    lines = [f"- Clauses: {coverage['clauses']:,}; sentences read: {read:,} of {total:,}."]
    if coverage.get("doubtful_kind"):
        lines.append(
            "- **In doubt:** this may be no contract; take what is called absent with care."
        )
    if not coverage["every_clause_read"]:
        lines.append(
            f"- **Not read:** everything after character {coverage['characters_read']:,} of "
            f"{coverage['characters']:,}. Nothing is said to be absent."
        )
    if coverage["hypotheses"]:
        lines.append(
            f"- Checklist: {coverage['hypotheses']}; decided by the head {coverage['by_head']}, by "
            f"the small model {coverage['by_slm']}, by the large model {coverage['by_llm']}; left "
            f"to a person {coverage['undecided']}."
        )
    return "\n".join(["## What was read", "", *lines])


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    if not verdicts:
        return []
    return ["## Checklist", *(_verdict(n, one) for n, one in enumerate(verdicts, start=1))]


def _verdict(number: int, finding: Mapping[str, Any]) -> str:
    lines = [
        f"### {number}. {_inline(finding['name'])}",
        "",
        f"{_inline(finding['hypothesis'])}",
        "",
        f"- Verdict: {SAID[finding['verdict']]}{_by(finding)}",
    ]
    if finding["verdict"] == "undecided":
        likeliest = SAID.get(finding["suggestion"], "none")
        lines.append(f"- Why: {finding['why']}; likeliest: {likeliest}.")
        lines += [f"- Read first: {_quote(one)}" for one in finding["evidence"]]
    elif finding["verdict"] == "not_mentioned":
        # What the head does not know is absent only where the model was shown everything.
        partly = finding["by"] != "head" and not finding["shown_all"]
        lines.append(READ_BY_HEAD if partly else "- Every clause was read.")
    else:
        lines += [f"- Evidence: {_quote(one)}" for one in finding["evidence"]]
    return "\n".join([*lines, "- Checked: [ ]"])


def _by(finding: Mapping[str, Any]) -> str:
    if not finding["by"]:
        return ""
    sure = f", {finding['score']:.0%} sure" if finding["by"] == "head" else ""
    return f" (by {finding['by']}{sure})"


def _values(values: Sequence[Mapping[str, Any]]) -> list[str]:
    if not values:
        return []
    rows = [
        f"| {FIELD_NAMES[one['field']]} | {_cell(one['value'])} | {_quote(one)} | [ ] |"
        for one in values
    ]
    head = ["| Value | | Where | Checked |", "| --- | --- | --- | --- |"]
    return ["## Values", "\n".join([*head, *rows])]


def _clauses(clauses: Sequence[Mapping[str, Any]]) -> list[str]:
    typed = [
        f"| {_number(one)} | {_types(one)} | {one['start']:,} to {one['end']:,} |"
        for one in clauses
        if one["types"]
    ]
    if not typed:
        return []
    return [
        "## Clauses by type",
        "\n".join(["| Clause | Type | Characters |", "| --- | --- | --- |", *typed]),
    ]


def _types(clause: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{each['type']} ({each['probability']:.0%}{', by slm' if each['by'] == 'slm' else ''})"
        for each in clause["types"]
    )


def _quote(place: Mapping[str, Any]) -> str:
    where = f"clause {_number(place)}, characters {place['start']} to {place['end']}"
    return f'{where}: "{_cell(place["quote"])}"'


def _number(place: Mapping[str, Any]) -> str:
    return place["number"] or f"without number ({place.get('clause') or place['id']})"


def _cell(text: str) -> str:
    """On one line, with nothing in it that Markdown would read as more than text."""
    return _inline(text).replace("|", "\\|")


def _inline(text: str) -> str:
    plain = " ".join(text.split())
    for mark in "\\`*_<[":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
