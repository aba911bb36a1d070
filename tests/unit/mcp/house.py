"""Sessions with the tiny server of tests/mcp_server.py, good or bad."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.mcp import catalogue
from tandem.mcp.offers import Offer, listed
from tandem.mcp.sessions import McpSessions
from tandem.settings import McpServer, McpSettings, Settings
from tests import mcp_server

SERVER = Path(mcp_server.__file__)
LIMITS = McpSettings()


def offer(said: dict[str, Any] = mcp_server.ECHO) -> Offer:
    """The offer in what a server says of a tool."""
    one = listed(said, LIMITS)
    assert one.offer is not None, one.why
    return one.offer


ECHO, COUNT = offer(), offer(mcp_server.COUNT)


@dataclass(frozen=True)
class House:
    """A folder with settings that name the server `tiny`, whose good tools were accepted."""

    folder: Path

    @property
    def notes(self) -> Path:
        return self.folder / "notes"

    @property
    def calls(self) -> int:
        """How often the server's tools were called."""
        return len(self.notes.read_text().splitlines()) if self.notes.exists() else 0

    def settings(self, mode: str = "good", **server: Any) -> Settings:
        given: dict[str, Any] = {
            "command": sys.executable,
            "args": ("-S", str(SERVER), mode, str(self.notes)),
            "tools": ("echo", "count"),
            "seconds": 5,
            **server,
        }
        servers = {"tiny": McpServer(**given)}
        return Settings(home=self.folder, mcp=McpSettings(servers=servers))

    def accept(self, *offers: Offer) -> None:
        file = catalogue.path_of(self.settings())
        catalogue.accept(file, "tiny", offers or (ECHO, COUNT))

    @contextmanager
    def sessions(self, mode: str = "good", **server: Any) -> Iterator[McpSessions]:
        sessions = McpSessions(self.settings(mode, **server))
        try:
            yield sessions
        finally:
            sessions.close()
