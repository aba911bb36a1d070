"""The routing head with its embedding model, opened on first use and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from tandem.errors import TandemError
from tandem.models.embeddings import fingerprint_of
from tandem.records import Request
from tandem.routing.features import head_text
from tandem.routing.head import HeadReading, TaskHead, load_head

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
        self._lock = Lock()
        self._head: TaskHead | None = None
        self.why_not: str = "" if path else "no routing head is set"
        """Why there is no reading, in words; empty where there is one."""

    def read(self, request: Request) -> HeadReading | None:
        """What the head makes of `request`; None where it cannot read (`why_not` tells)."""
        head = self._opened()
        if head is None:
            return None
        return head.read(request, self._embeddings().embed_query(head_text(request)))

    def _opened(self) -> TaskHead | None:
        with self._lock:
            if self._head is None and not self.why_not and self._path:
                try:
                    embeddings = self._embeddings()
                    self._head = load_head(self._path, fingerprint_of(embeddings))
                    embeddings.embed_query("")  # a damaged model shows here, not amid a request
                except TandemError as error:
                    self._head, self.why_not = None, error.what
                    log.warning("The routing head is not used: %s", error)
            return self._head
