"""The tools that a person accepted, in a file beside the ledger.

Plans are made from this file alone: no server is asked, and nothing that a server says later
reaches a plan before a person accepted it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tandem.errors import McpError
from tandem.mcp.offers import Offer
from tandem.models.files import write_atomically
from tandem.settings import Settings

_VERSION: Final = 1
Catalogue = Mapping[str, Mapping[str, Offer]]
"""Server -> tool -> the offer as accepted."""


def path_of(settings: Settings) -> Path:
    """Where the accepted tools stand."""
    return settings.path(settings.mcp.accepted)


def read(file: Path) -> dict[str, dict[str, Offer]]:
    """What was accepted; nothing where there is no file.

    Raises
    ------
    McpError: the file is damaged.
    """
    if not file.is_file():
        return {}
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            raise ValueError
        return {
            server: {name: Offer(**offer) for name, offer in tools.items()}
            for server, tools in data["servers"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise McpError(
            f"{file} is no list of accepted MCP tools; none is offered.",
            "Delete it, and accept the tools again as `tandem mcp check` says.",
        ) from None


def accept(file: Path, server: str, offers: Sequence[Offer]) -> None:
    """Write `offers` down as all that is accepted of `server`."""
    known: dict[str, Any] = {
        other: {name: offer.data() for name, offer in tools.items()}
        for other, tools in read(file).items()
    }
    known[server] = {offer.name: offer.data() for offer in offers}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps({"version": _VERSION, "servers": known}, indent=1))
