"""The routing head with its embedding model, opened on first use and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final

from tandem.errors import SettingsError, TandemError
from tandem.models.embeddings import fingerprint_of
from tandem.records import Request
from tandem.routing.features import head_text
from tandem.routing.head import HeadReading, TaskHead, check_embedding, load_head

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

log = logging.getLogger(__name__)


class HeadReader:
    """Reads requests with a head; thread-safe. What keeps it from reading is found out once.

    Parameters
    ----------
    path: the head's file; None: there is no head, and nothing is opened.
    embeddings: gives the embedding model.
    """

    def __init__(self, path: Path | None, embeddings: Callable[[], Embeddings]) -> None:
        self._path: Final = path
        self._embeddings: Final = embeddings
        self._lock = RLock()
        self._embeds = False
        self.why_not: str = "" if path else "no routing head is set"
        """Why there is no reading, in words; empty where there is one."""

    def read(self, request: Request) -> HeadReading | None:
        """What the head makes of `request`; None where it cannot read (`why_not` tells)."""
        head = self._for_reading()
        if head is None:
            return None
        return head.read(request, self._embeddings().embed_query(head_text(request)))

    def complexity(self, request: Request, task: str) -> float | None:
        """Probability that the SLM will not do `request` well enough; None where the head has no
        figures of `task`. Needs no embedding model."""
        head = self._head
        return head.complexity.of(request, task) if head and head.complexity else None

    @property
    def _head(self) -> TaskHead | None:
        with self._lock:
            return self._opened

    @cached_property
    def _opened(self) -> TaskHead | None:
        if self._path is None:
            return None
        try:
            return load_head(self._path)
        except SettingsError as error:
            self._refuse(error)
            return None

    def _for_reading(self) -> TaskHead | None:
        """The head, once it is sure that its embedding model is the one at hand and works."""
        with self._lock:
            head = self._opened
            if head is not None and self._path and not self.why_not and not self._embeds:
                try:
                    embeddings = self._embeddings()
                    check_embedding(head, self._path, fingerprint_of(embeddings))
                    embeddings.embed_query("")  # a damaged model shows here, not amid a request
                    self._embeds = True
                except TandemError as error:
                    self._refuse(error)
            return head if self._embeds else None

    def _refuse(self, error: TandemError) -> None:
        self.why_not = error.what
        log.warning("The routing head is not used: %s", error)
