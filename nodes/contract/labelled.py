"""Labelled contracts and clauses to train on, out of a JSON Lines file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tandem.errors import InvalidRequest
from tandem.nodes.contract.clauses import split_clauses, split_segments
from tandem.nodes.contract.head import VERDICTS

EVIDENCE_OVERLAP: Final = 0.3
"""Of the shorter of a segment and a labelled span, for the segment to count as evidence."""


class LabelledContract(NamedTuple):
    """A contract's segments, and what is right of it.

    `labels` goes by the hypothesis's wording; `evidence` tells which segments hold it.
    """

    group: str
    segments: Sequence[str]
    labels: Mapping[str, str]
    evidence: Mapping[str, frozenset[int]]

    def marks(self, hypothesis: str) -> list[int]:
        """A place in VERDICTS for each segment: that of the label where it is evidence."""
        held = self.evidence.get(hypothesis, frozenset())
        label = VERDICTS.index(self.labels.get(hypothesis, VERDICTS[0]))
        return [label if place in held else 0 for place in range(len(self.segments))]


class LabelledClause(NamedTuple):
    """A clause and its types."""

    group: str
    text: str
    types: Sequence[str]


class Rows(NamedTuple):
    """What a file holds."""

    contracts: list[LabelledContract]
    clauses: list[LabelledClause]


def read_rows(path: Path, wording: Callable[[str], str | None]) -> Rows:
    """The rows of a file. Each has `text` (or `input`), `expected`, and optionally `group`, the
    contract that it is of. `expected` is a list of clause types, or an object: by hypothesis
    `{"label": one of VERDICTS, "spans": [[start, end], ...]}`. Rows that are neither are left out.

    Parameters
    ----------
    wording: the wording of a hypothesis by its id; None where there is none of that id.

    Raises
    ------
    InvalidRequest: it names file and line: no JSON, a field is missing or wrong.
    """
    rows = Rows([], [])
    for number, line in _lines(path):
        try:
            _add(rows, json.loads(line), wording)
        except (ValueError, RecursionError) as error:
            what = "no JSON" if isinstance(error, (json.JSONDecodeError, RecursionError)) else error
            raise InvalidRequest(
                f"{path}:{number}: {what}.", "Correct the line; nothing was trained."
            ) from None
    return rows


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}.", "Nothing was trained.") from None
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _add(rows: Rows, raw: Any, wording: Callable[[str], str | None]) -> None:
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")
    text, expected = raw.get("text") or raw.get("input"), raw.get("expected")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("the field `text` is missing")
    group = str(raw.get("group") or raw.get("id") or text)
    if isinstance(expected, list):
        if not expected or not all(isinstance(each, str) and each for each in expected):
            raise ValueError("`expected` is not a list of clause types")
        rows.clauses.append(LabelledClause(group, text, expected))
    elif isinstance(expected, dict):
        rows.contracts.append(_contract(group, text, expected, wording))
    elif expected is None:
        raise ValueError("the field `expected` is missing")


def _contract(
    group: str, text: str, expected: Mapping[str, Any], wording: Callable[[str], str | None]
) -> LabelledContract:
    pieces = split_segments(text, split_clauses(text))
    labels: dict[str, str] = {}
    evidence: dict[str, frozenset[int]] = {}
    for name, said in expected.items():
        hypothesis = wording(name)
        if hypothesis is None:
            raise ValueError(f"the checklist has no hypothesis {name!r:.60}")
        if not isinstance(said, dict) or said.get("label") not in VERDICTS:
            raise ValueError(f"{name!r:.60} has no label ({', '.join(VERDICTS)})")
        labels[hypothesis] = said["label"]
        spans = _spans(said.get("spans", []), len(text))
        evidence[hypothesis] = frozenset(
            place
            for place, piece in enumerate(pieces)
            if any(_overlaps((piece["start"], piece["end"]), span) for span in spans)
        )
    return LabelledContract(group, [text[p["start"] : p["end"]] for p in pieces], labels, evidence)


def _spans(raw: Any, size: int) -> list[tuple[int, int]]:
    spans = []
    for span in raw if isinstance(raw, list) else [None]:
        if not (isinstance(span, list) and len(span) == 2 and all(type(at) is int for at in span)):
            raise ValueError("`spans` is not a list of [start, end]")
        if not 0 <= span[0] < span[1] <= size:
            raise ValueError("a span lies outside of the text")
        spans.append((span[0], span[1]))
    return spans


def _overlaps(piece: tuple[int, int], span: tuple[int, int]) -> bool:
    common = min(piece[1], span[1]) - max(piece[0], span[0])
    return common > EVIDENCE_OVERLAP * min(piece[1] - piece[0], span[1] - span[0])
