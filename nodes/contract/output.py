"""The review of a contract as data: verdicts with evidence, clauses with types, values, coverage.

Nothing here asks a model. A quotation is cut out of the text by its offsets, never written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from typing_extensions import TypedDict

from tandem.nodes.contract.asking import Judged
from tandem.nodes.contract.checklist import Item
from tandem.nodes.contract.clauses import Clause, Segment

Verdict = Literal["entailment", "contradiction", "not_mentioned", "undecided"]
UNDECIDED: Final = "undecided"
LABEL: Final = "For a lawyer's review: made by software, no legal advice."
NOT_ALL_READ: Final = "not every clause was read, so that absence is no finding"
DOUBTFUL: Final = "the head is not sure, and no model that may see the contract settled it"
UNKNOWN: Final = "the head does not know this hypothesis, and no model settled it"
DIFFER: Final = "the head and the model that was asked do not agree"
FEW_SEEN: Final = (
    "the model that was shown the likeliest sentences calls it absent, and the head, which read "
    "every clause, does not"
)
CUT_SHORT: Final = "the model could not be asked about the rest of the contract"


class Evidence(TypedDict):
    """A passage of the contract; offsets are those of its text."""

    clause: str
    number: str
    start: int
    end: int
    quote: str


class Finding(TypedDict):
    """A hypothesis and what the contract says of it."""

    id: str
    name: str
    hypothesis: str
    verdict: Verdict
    by: str
    """head, slm or llm; empty where it is undecided."""
    score: float | None
    """The head's calibrated probability of being right, where it knows the hypothesis."""
    evidence: list[Evidence]
    """What the verdict goes by; where it is undecided, what a person should read first."""
    suggestion: str
    """The likeliest verdict where it is undecided; empty for none."""
    why: str
    """Why it is undecided."""
    shown_all: bool
    """Whether a model was shown every segment for it."""


class HeadSaid(TypedDict):
    """What the head says of one hypothesis."""

    verdict: str
    score: float
    evidence: list[int]
    """Segments, the likeliest first."""


class Prepared(TypedDict):
    """All that is known of a contract before a model is asked; JSON-plain."""

    text: str
    clauses: list[Clause]
    segments: list[Segment]
    """Those that were read: the first `contracts.max_segments`."""
    segments_in_all: int
    types: dict[str, list[tuple[str, float]]]
    """By clause, the likeliest first."""
    items: list[Item]
    head: dict[str, HeadSaid]
    """By item; those that the head knows."""
    passages: dict[str, list[int]]
    """By item, the segments that a model is shown, in the contract's order."""
    values: list[dict[str, Any]]
    doubtful_kind: bool
    """Whether it is in doubt that this is a contract at all."""


def all_read(prepared: Prepared) -> bool:
    """Whether the head read every segment of the contract."""
    return len(prepared["segments"]) == prepared["segments_in_all"]


def doubtful(prepared: Prepared, item: str, least: float) -> bool:
    """Whether a model is to be asked: the head does not know the item, or is not sure of it."""
    said = prepared["head"].get(item)
    return said is None or said["score"] < least


def findings(
    prepared: Prepared,
    judged: Mapping[str, Sequence[Judged]],
    least: float,
    must_agree: Sequence[str] = ("slm",),
    alone: bool = False,
) -> list[Finding]:
    """A finding for each item: the head's where it is sure, else what models made of it.

    Parameters
    ----------
    must_agree: tiers whose verdict counts only where it is the head's likeliest.
    alone: a model is measured by itself, so that its "not mentioned" stands against the head's.
    """
    return [
        _finding(prepared, item, judged.get(item["id"], ()), least, must_agree, alone)
        for item in prepared["items"]
    ]


def _finding(
    prepared: Prepared,
    item: Item,
    judged: Sequence[Judged],
    least: float,
    must_agree: Sequence[str],
    alone: bool,
) -> Finding:
    said = prepared["head"].get(item["id"])
    finding: Finding = {
        "id": item["id"],
        "name": item["name"],
        "hypothesis": item["hypothesis"],
        "verdict": UNDECIDED,
        "by": "",
        "score": None if said is None else round(said["score"], 4),
        "evidence": [],
        "suggestion": "",
        "why": "",
        "shown_all": False,
    }
    asked = [one for one in judged if one["verdict"]]
    if not asked and said is not None and said["score"] >= least:
        if said["verdict"] == "not_mentioned" and not all_read(prepared):
            return _open(prepared, finding, said["verdict"], NOT_ALL_READ)
        return _decided(prepared, finding, said["verdict"], "head", said["evidence"])
    if not asked:
        return _open(prepared, finding, said and said["verdict"], DOUBTFUL if said else UNKNOWN)
    found = next((one for one in asked if one["segment"] is not None), asked[-1])
    verdict, by = found["verdict"], found["by"]
    agrees = said is not None and said["verdict"] == verdict
    if by in must_agree and not agrees:
        return _open(prepared, finding, (said or found)["verdict"], DIFFER if said else UNKNOWN)
    shown = {place for one in asked for place in one["shown"]}
    finding["shown_all"] = len(shown) == prepared["segments_in_all"]
    why = _why_not_absent(prepared, finding, asked, said) if verdict == "not_mentioned" else ""
    if why and not (alone and why == FEW_SEEN):
        return _open(prepared, finding, said["verdict"] if said else verdict, why)
    places = [] if found["segment"] is None else [found["segment"]]
    return _decided(prepared, finding, verdict, by, places)


def _why_not_absent(
    prepared: Prepared, finding: Finding, asked: Sequence[Judged], said: HeadSaid | None
) -> str:
    """Why a model's "not mentioned" is no finding; empty where every clause was read by somebody
    who says the same: by the model, or by the head."""
    if finding["shown_all"]:
        return ""
    if any(one.get("stopped") for one in asked):
        return CUT_SHORT
    if said is None or not all_read(prepared):
        return NOT_ALL_READ
    return "" if said["verdict"] == "not_mentioned" else FEW_SEEN


def _decided(
    prepared: Prepared, finding: Finding, verdict: Any, by: str, places: Sequence[int]
) -> Finding:
    held = [] if verdict == "not_mentioned" else places
    evidence = [evidence_of(prepared, place) for place in held]
    return {**finding, "verdict": verdict, "by": by, "evidence": evidence}


def _open(prepared: Prepared, finding: Finding, suggestion: str | None, why: str) -> Finding:
    places = prepared["passages"].get(finding["id"], [])[:3]
    said = prepared["head"].get(finding["id"])
    if said is not None:
        places = said["evidence"]
    evidence = [evidence_of(prepared, place) for place in places]
    return {**finding, "evidence": evidence, "suggestion": suggestion or "", "why": why}


def evidence_of(prepared: Prepared, place: int) -> Evidence:
    """A segment as evidence."""
    segment = prepared["segments"][place]
    clause = next(each for each in prepared["clauses"] if each["id"] == segment["clause"])
    return {
        "clause": clause["id"],
        "number": clause["number"],
        "start": segment["start"],
        "end": segment["end"],
        "quote": prepared["text"][segment["start"] : segment["end"]],
    }


def coverage_of(
    prepared: Prepared, found: Sequence[Finding], asked: Mapping[str, int]
) -> dict[str, Any]:
    """What was read, by whom, and what was left open.

    Parameters
    ----------
    asked: hypotheses that a tier was asked, by its name; `without_answer`: those that got none.
    """
    read, total = len(prepared["segments"]), prepared["segments_in_all"]
    last = prepared["segments"][-1]["end"] if read else 0
    return {
        "clauses": len(prepared["clauses"]),
        "segments": total,
        "segments_read": read,
        "every_clause_read": read == total,
        "doubtful_kind": prepared.get("doubtful_kind", False),
        "characters": len(prepared["text"]),
        "characters_read": len(prepared["text"]) if read == total else last,
        "hypotheses": len(found),
        "by_head": sum(one["by"] == "head" for one in found),
        "by_slm": sum(one["by"] == "slm" for one in found),
        "by_llm": sum(one["by"] == "llm" for one in found),
        "cut_short": sum(one["why"] == CUT_SHORT for one in found),
        "undecided": sum(one["verdict"] == UNDECIDED for one in found),
        **{f"asked_{name}": count for name, count in sorted(asked.items())},
    }


def review(
    prepared: Prepared,
    found: Sequence[Finding],
    asked: Mapping[str, int],
    type_least: float,
    chosen: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The task's output, without the report.

    Parameters
    ----------
    chosen: types that the SLM chose, by clause, where the head was not sure.
    """
    clauses = [
        {**clause, "types": _types(prepared, clause["id"], type_least, (chosen or {}))}
        for clause in prepared["clauses"]
    ]
    return {
        "label": LABEL,
        "verdicts": list(found),
        "values": prepared["values"],
        "clauses": clauses,
        "coverage": coverage_of(prepared, found, asked),
    }


def _types(
    prepared: Prepared, clause: str, least: float, chosen: Mapping[str, str]
) -> list[dict[str, Any]]:
    return [
        {
            "type": name,
            "probability": round(chance, 4),
            "by": "slm" if chosen.get(clause) == name else "head",
        }
        for name, chance in prepared["types"].get(clause, [])
        if chance >= least or chosen.get(clause) == name
    ]
