"""A ledger of escalated and judged requests, and services that answer for them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from tandem.ledger.feedback import give
from tandem.ledger.store import Ledger
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
    for number, text in enumerate(TEXTS[start : start + judged + by_llm], start=start):
        escalated(ledger, f"r{number}", text, label_of(text))
        if number < start + judged:
            give(ledger, f"r{number}", True)


def privacy(choice: Any = "leave_out") -> Privacy:
    def level(text: str) -> Sensitivity:
        return "personal" if "@" in text else "none"

    return Privacy(
        level, frozenset({"none", "internal"}), lambda text: text.replace("@", "#"), choice
    )


def improver(services: FakeServices, adapters: Any = None, choice: Any = "leave_out") -> Improver:
    return Improver(services, services.ledger, privacy(choice), adapters)
