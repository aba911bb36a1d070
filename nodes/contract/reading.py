"""What is known of a contract before a model is asked: clauses, types, verdicts, values."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.knowledge.lexical import Lexicon
from tandem.nodes.contract.asking import Question
from tandem.nodes.contract.checklist import SHIPPED as SHIPPED_CHECKLIST
from tandem.nodes.contract.checklist import Item, chosen, load_checklist, questions
from tandem.nodes.contract.clauses import (
    Clause,
    Segment,
    is_contract,
    split_clauses,
    split_segments,
)
from tandem.nodes.contract.head import SHIPPED as SHIPPED_HEAD
from tandem.nodes.contract.head import ContractHead, Reading, load_head
from tandem.nodes.contract.kind_of_text import kind_of_text
from tandem.nodes.contract.output import HeadSaid, Prepared
from tandem.nodes.contract.values import find_values
from tandem.nodes.texts import Read
from tandem.records import Request
from tandem.settings.contracts import ContractSettings

EVIDENCE_LEAST: Final = 0.3
"""Probability from which a further segment counts as evidence of the head's verdict."""
MOST_EVIDENCE: Final = 3
LEAD_CHARS: Final = 160
"""Of the words that introduce a list, before an entry of it."""
MOST_TYPES: Final = 5
LEAST_TYPED: Final = 9
"""Words; no clause that the types were learned from is shorter, so headings have none."""


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    head: ContractHead | None = None
    items: list[Item] | None = None


@dataclass(frozen=True)
class Reader:
    """Reads contracts by the checklist and the head of the settings; both are loaded on first use.

    Parameters
    ----------
    checklist, head: files; None: those that ship.
    read: gives a document's text.
    """

    settings: ContractSettings
    read: Read
    checklist: Path | None = None
    head: Path | None = None
    _kept: _Kept = field(default_factory=_Kept, compare=False, repr=False)

    def __call__(self, request: Request) -> Prepared:
        """Everything but what a model says.

        Raises
        ------
        InvalidRequest: no contract, more than one, or a label that is no hypothesis.
        DocumentError: the document cannot be read, or has no text (a scan).
        SettingsError: the checklist or the head of the settings is wrong.
        """
        text, beside = self._contract(request)
        clauses = split_clauses(text)
        items = self._items(request, beside)
        doubtful_kind = self._doubtful(text, clauses, items)
        segments = split_segments(text, clauses)
        read = segments[: self.settings.max_segments]
        head = self.own_head
        texts = [text[each["start"] : each["end"]] for each in read]
        readings = _readings(head, items, texts)
        return {
            "text": text,
            "clauses": clauses,
            "segments": read,
            "segments_in_all": len(segments),
            "types": _types(head, text, clauses, read),
            "items": items,
            "head": {name: _said(one) for name, one in readings.items()},
            "passages": self._passages(items, texts, readings),
            "values": _values(text, clauses, read),
            "doubtful_kind": doubtful_kind,
        }

    @property
    def own_head(self) -> ContractHead:
        """The head of the settings, with the shipped one's parts where it has none."""
        with self._kept.lock:
            if self._kept.head is None:
                shipped = load_head(SHIPPED_HEAD)
                self._kept.head = load_head(self.head).over(shipped) if self.head else shipped
            return self._kept.head

    @property
    def own_checklist(self) -> list[Item]:
        """The checklist of the settings."""
        with self._kept.lock:
            if self._kept.items is None:
                self._kept.items = load_checklist(self.checklist or SHIPPED_CHECKLIST)
            return self._kept.items

    def _contract(self, request: Request) -> tuple[str, str]:
        """The contract's text, and what was asked beside it."""
        documents = request.get("documents", [])
        if len(documents) > 1:
            raise InvalidRequest(
                f"{len(documents)} documents were given; one contract is reviewed at a time.",
                "Send a request for each.",
            )
        if documents:
            return self.read(documents[0]), request["text"]
        return request["text"], ""

    def _doubtful(self, text: str, clauses: Sequence[Clause], items: Sequence[Item]) -> bool:
        """Whether it is in doubt that this is a contract; what is none is refused, before any model
        is asked. Without a checklist nothing is said of a whole contract, so that a single clause
        will do."""
        if not is_contract(text, list(clauses)):
            raise InvalidRequest(
                "There is no contract to review: no clause was found in it.",
                "Give the contract as the text, or as one document.",
            )
        kind = kind_of_text(text) if items else "contract"
        if kind == "other" and self.settings.contracts_only:
            raise InvalidRequest(
                "This does not read like a contract in English: it does not name itself one with "
                "numbered clauses below, and has few of the words that contracts are made of. "
                "Nothing was reviewed, and no model was asked.",
                "Give a contract; where it is one, set contracts.contracts_only = false (`tandem "
                "contracts review --anyway`), and take what is called absent with care.",
            )
        return kind != "contract"

    def _items(self, request: Request, beside: str) -> list[Item]:
        labels = request.get("labels")
        items = self.own_checklist if labels is None else chosen(labels, self.own_checklist)
        return [*items, *questions(beside, {item["id"] for item in items})]

    def _passages(
        self, items: Sequence[Item], texts: Sequence[str], readings: dict[str, Reading]
    ) -> dict[str, list[int]]:
        lexicon = None
        passages = {}
        for item in items:
            if (known := readings.get(item["id"])) is not None:
                ranks = known.segments[:, 0]
            else:
                lexicon = lexicon or Lexicon(texts)
                ranks = -lexicon.scores(item["hypothesis"])
            best = sorted(ranks.argsort(kind="stable")[: self.settings.passages].tolist())
            passages[item["id"]] = best
        return passages


def question_of(prepared: Prepared, item: Item, places: Sequence[int] | None = None) -> Question:
    """An item as a model is asked it: by its passages, or by the segments at `places`."""
    chosen_places = prepared["passages"][item["id"]] if places is None else list(places)
    return {
        "item": item["id"],
        "hypothesis": item["hypothesis"],
        "passages": [_passage(prepared, place) for place in chosen_places],
        "segments": chosen_places,
    }


def untyped(prepared: Prepared, least: float, most: int) -> list[str]:
    """The first `most` clauses of whose type the head is not sure."""
    open_to = (name for name, types in prepared["types"].items() if types[0][1] < least)
    return list(islice(open_to, most))


def further_groups(prepared: Prepared, shown: Collection[int], size: int) -> list[list[int]]:
    """The segments that are not among `shown`, in groups of `size`."""
    seen = set(shown)
    rest = [place for place in range(len(prepared["segments"])) if place not in seen]
    return [rest[at : at + size] for at in range(0, len(rest), size)]


def _passage(prepared: Prepared, place: int) -> str:
    """A segment on one line, after the words that introduce it where it is an entry of a list."""
    text, segments = prepared["text"], prepared["segments"]
    segment = segments[place]
    own = " ".join(text[segment["start"] : segment["end"]].split())
    if not own.startswith("("):
        return own
    for before in reversed(segments[max(0, place - 30) : place]):
        lead = " ".join(text[before["start"] : before["end"]].split())
        if lead.endswith(":"):
            return f"{lead[-LEAD_CHARS:]} {own}"
    return own


def _readings(
    head: ContractHead, items: Sequence[Item], texts: Sequence[str]
) -> dict[str, Reading]:
    part = head.verdicts
    if part is None:
        return {}
    said = part.read(texts, [item["hypothesis"] for item in items])
    return {item["id"]: said[item["hypothesis"]] for item in items if item["hypothesis"] in said}


def _said(reading: Reading) -> HeadSaid:
    column = 1 if reading.verdict == "entailment" else 2
    chances = reading.segments[:, column]
    if reading.verdict == "not_mentioned":
        chances = 1 - reading.segments[:, 0]
    order = [int(place) for place in (-chances).argsort(kind="stable")[:MOST_EVIDENCE]]
    held = [place for place in order if chances[place] >= EVIDENCE_LEAST] or order[:1]
    return {"verdict": reading.verdict, "score": reading.score, "evidence": held}


def _types(
    head: ContractHead, text: str, clauses: Sequence[Clause], read: Sequence[Segment]
) -> dict[str, list[tuple[str, float]]]:
    if head.types is None:
        return {}
    reached = {segment["clause"] for segment in read}
    return {
        clause["id"]: head.types.read(text[clause["start"] : clause["end"]])[:MOST_TYPES]
        for clause in clauses
        if clause["id"] in reached and _says_something(text[clause["start"] : clause["end"]])
    }


def _says_something(clause: str) -> bool:
    return len(clause.split()) >= LEAST_TYPED


def _values(text: str, clauses: Sequence[Clause], read: Sequence[Segment]) -> list[dict[str, Any]]:
    last = read[-1]["end"]
    spans = [(each["start"], min(each["end"], last)) for each in clauses if each["start"] < last]
    found = find_values(text, spans)
    return [value_at(text, clauses, name, one, "rule") for name, one in found.items()]


def value_at(
    text: str, clauses: Sequence[Clause], name: str, found: tuple[int, int, str], by: str
) -> dict[str, Any]:
    """A value of the output: what it is, where it stands, and who found it."""
    start, end, value = found
    clause = next(each for each in clauses if each["start"] <= start < each["end"])
    return {
        "field": name,
        "value": value,
        "by": by,
        "clause": clause["id"],
        "number": clause["number"],
        "start": start,
        "end": end,
        "quote": text[start:end],
    }
