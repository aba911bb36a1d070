"""Services whose head and embeddings are a few rules over words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from tandem.errors import ModelFileError
from tandem.records import TASKS, Request
from tandem.routing.head import OTHER, HeadReading
from tests.unit.services import FakeServices

MARKS = {"review": "sentiment", "sum": "reasoning", "refund": "support_reply"}
"""Words that give a text's task away."""


class MarkEmbeddings(Embeddings):
    """A direction a mark, and a little of the text's length."""

    def embed_query(self, text: str) -> list[float]:
        return [*(float(mark in text) for mark in MARKS), 0.1, 0.01 * (len(text) % 5)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class NoEmbeddings(MarkEmbeddings):
    def embed_query(self, text: str) -> list[float]:
        raise ModelFileError("The embedding model's file is not here.", "")


class MarkReader:
    """A HeadReader by MARKS; what has none is no task."""

    why_not = ""

    def read(self, request: Request) -> HeadReading:
        text = request["text"]
        task = next((task for mark, task in MARKS.items() if mark in text), OTHER)
        return HeadReading({name: 0.9 if name == task else 0.01 for name in (*TASKS, OTHER)})

    def complexity(self, request: Request, task: str) -> float | None:
        return 0.25 if task == "sentiment" else None


class AuditServices(FakeServices):
    """As FakeServices, with the head and the embeddings above."""

    def __init__(self, folder: Path, embeddings: Embeddings | None = None, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.__dict__["head_reader"] = MarkReader()
        self.__dict__["embeddings"] = embeddings or MarkEmbeddings()
