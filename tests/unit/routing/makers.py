"""Small heads and labelled rows for tests."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.routing.labelled import Labelled
from tandem.routing.training import Trained, train
from tests.unit.knowledge.makers import WordEmbeddings

WORDS = ("parcel", "holiday", "solve")
TASKS = ("support_reply", "faq", "reasoning")
FINGERPRINT = "words"


def embed(text: str) -> Sequence[float]:
    return WordEmbeddings().embed_query(text)


def labelled(each: int = 12, slm_failed: bool = False) -> list[Labelled]:
    """Requests of three tasks, each told by one word; long ones of `reasoning` fail the SLM."""
    return [
        Labelled(
            {"text": f"{word} number {number}" + " more" * (number if slm_failed else 0)},
            task,
            f"{word} {number}",
            (number % 3 == 0 if task == "faq" else number >= each / 2) if slm_failed else None,
        )
        for word, task in zip(WORDS, TASKS, strict=True)
        for number in range(each)
    ]


def trained(rows: Sequence[Labelled] | None = None, outcomes: Sequence[Labelled] = ()) -> Trained:
    card = {"data": "test rows"}
    return train(rows or labelled(), embed, FINGERPRINT, card, outcomes=outcomes)
