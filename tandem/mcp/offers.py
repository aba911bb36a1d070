"""What a server offers: a tool's words and schemas, cut down, with the hash of what it said."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from tandem.errors import McpError
from tandem.mcp.schemas import cleaned
from tandem.mcp.words import one_line
from tandem.settings import McpSettings

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
State = Literal["accepted", "new", "changed", "refused", "missing", "not allowed"]


@dataclass(frozen=True)
class Offer:
    """One tool of a server, as it may be shown to a person and to a model.

    Parameters
    ----------
    name: what the server calls it.
    parameters: JSON schema (an object) of the arguments, cut down.
    output: JSON schema of the structured result; None where the server declares none.
    digest: SHA-256 of all that the server said of it, before anything was cut.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    output: Mapping[str, Any] | None
    digest: str

    @classmethod
    def of(cls, said: Mapping[str, Any], limits: McpSettings) -> Offer:
        """The offer in a tool of a `tools/list` result.

        Raises
        ------
        McpError: its name or its schemas are not acceptable.
        """
        name = said["name"]
        if not _NAME.fullmatch(name):
            raise McpError("Its name has other than letters, digits, _ and -, or is too long.")
        parameters = cleaned(said["inputSchema"], limits.schema_chars)
        output = said.get("outputSchema")
        return cls(
            name=name,
            description=one_line(said.get("description") or "", limits.description_chars),
            # Nothing goes to a server that it did not name.
            parameters={**parameters, "additionalProperties": False},
            output=None if output is None else cleaned(output, limits.schema_chars),
            digest=digest_of(said),
        )

    def data(self) -> dict[str, Any]:
        """The offer as JSON-plain data."""
        return asdict(self)


def digest_of(said: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what a server says of a tool: name, description and both schemas."""
    parts = [said.get(key) for key in ("name", "description", "inputSchema", "outputSchema")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def digest_of_all(offers: Iterable[tuple[str, Offer]]) -> str:
    """16 hex digits of SHA-256 that name a set of offers, each with its server: whoever accepts
    them accepts these and no others."""
    parts = sorted((server, offer.name, offer.digest) for server, offer in offers)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Listed:
    """One tool in a server's list: its offer, or why it is refused."""

    name: str
    digest: str
    offer: Offer | None
    why: str = ""


def listed(said: Mapping[str, Any], limits: McpSettings) -> Listed:
    """A tool of a `tools/list` result, looked at; a bad one refuses itself, not the list."""
    name = one_line(str(said.get("name", "")), 60)
    digest = digest_of(said)
    try:
        return Listed(name, digest, Offer.of(said, limits))
    except McpError as error:
        return Listed(name, digest, None, error.what)
