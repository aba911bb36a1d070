"""A ledger of escalated and judged requests, and services that answer for them."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from langchain_core.embeddings import Embeddings
from sqlalchemy import insert, select

from tandem.ledger.feedback import give
from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, feedback, runs
from tandem.loop.improve.improve import Improver
from tandem.loop.tune.learning import Privacy
from tandem.records import Sensitivity
from tandem.settings import LedgerSettings
from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict
from tests.unit.loop.calibrating import TEXTS, calibrating, label_of
from tests.unit.quality.calibration.rows import LABELS, SIZE, WORDS
from tests.unit.services import FakeServices

ORDER = ("up", "down", "none")


class AnyText(Embeddings):
    """Vectors that lean to the label of the texts that have one."""

    fingerprint = "any"

    def embed_query(self, text: str) -> list[float]:
        generator = np.random.default_rng(zlib.crc32(text.encode()))
        known = {word for words in WORDS for word in words} & set(text.split())
        lean = np.eye(SIZE)[LABELS.index(label_of(f"gold {known.pop()}"))] if known else 0.0
        vector = lean + generator.normal(0, 0.3, SIZE)
        return [float(one) for one in vector / np.linalg.norm(vector)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def services_of(folder: Path, texts: Any = "all", **given: Any) -> FakeServices:
    services = calibrating(folder, ledger=LedgerSettings(texts=texts), **given)
    services.__dict__["embeddings"] = AnyText()
    own = Ledger(f"sqlite:///{folder / 'own.sqlite'}", texts=texts)
    services.__dict__["ledger"] = own
    return services


def escalated(
    ledger: Ledger,
    name: str,
    text: str,
    by_llm: str | None,
    labels: Sequence[str] = ORDER,
    **fields: Any,
) -> None:
    """A run whose SLM answer was rejected; the LLM's, where there is one, was accepted."""
    given: dict[str, Any] = {"may_escalate": True, "sensitivity": "none", "tenant": "", **fields}
    request: Any = {"text": text, "task": "sentiment", "labels": list(labels)}
    told = profile(task="sentiment", sensitivity=given["sensitivity"], tenant=given["tenant"])
    if given["tenant"]:
        request["tenant"] = given["tenant"]
    ledger.start(name, request, told, decision(may_escalate=given["may_escalate"]))
    ledger.add_attempt(name, attempt("a1", output={"label": labels[0], "probabilities": {}}))
    ledger.add_verdict(name, verdict("a1", accepted=False, gates=("margin",)))
    if by_llm is not None:
        said = {"label": by_llm, "probabilities": {}}
        ledger.add_attempt(name, attempt("a2", tier="llm", output=said))
        ledger.add_verdict(name, verdict("a2"))
    status = "accepted" if by_llm else "needs_review"
    ledger.finish(name, answer(name, profile=told, status=status))


def fill(ledger: Ledger, judged: int, by_llm: int = 0, start: int = 0) -> None:
    """`judged` runs with the right label by people, then `by_llm` with the LLM's."""
    wanted = [(number, number < start + judged) for number in range(start, start + judged + by_llm)]
    new = [one for one in wanted if (ledger._texts, *one) not in _WRITTEN]
    for number, said in new:
        escalated(ledger, f"r{number}", TEXTS[number], label_of(TEXTS[number]))
        if said:
            give(ledger, f"r{number}", True)
    _copy(ledger, [one for one in wanted if one not in new])
    for number, said in new:
        _WRITTEN[ledger._texts, number, said] = _read(ledger, f"r{number}")


Rows = dict[str, list[dict[str, Any]]]
_WRITTEN: dict[tuple[Any, int, bool], Rows] = {}
"""Runs as the ledger wrote them once, by what it keeps, number, and whether people judged them. To
write each anew in each test would take most of the tests' time."""
_TABLES: Final = {"runs": runs, "attempts": attempts, "feedback": feedback}


def _read(ledger: Ledger, name: str) -> Rows:
    with ledger.reading() as connection:
        found = {
            key: connection.execute(
                select(table).where(table.c["id" if table is runs else "run_id"] == name)
            ).mappings()
            for key, table in _TABLES.items()
        }
        return {key: [dict(row) for row in rows] for key, rows in found.items()}


def _copy(ledger: Ledger, wanted: Sequence[tuple[int, bool]]) -> None:
    """The same runs, of now, in one transaction."""
    rows: Rows = {key: [] for key in _TABLES}
    for number, said in wanted:
        now = dict.fromkeys(("started", "finished", "given"), time.time())
        for key, kept in _WRITTEN[ledger._texts, number, said].items():
            rows[key] += [{**row, **{at: now[at] for at in now if at in row}} for row in kept]
    with ledger.writing() as connection:
        for key, table in _TABLES.items():
            if rows[key]:
                connection.execute(insert(table), rows[key])


def privacy(choice: Any = "leave_out") -> Privacy:
    def level(text: str) -> Sensitivity:
        return "personal" if "@" in text else "none"

    return Privacy(
        level, frozenset({"none", "internal"}), lambda text: text.replace("@", "#"), choice
    )


def improver(services: FakeServices, adapters: Any = None, choice: Any = "leave_out") -> Improver:
    return Improver(services, services.ledger, privacy(choice), adapters)
