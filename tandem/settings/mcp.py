"""MCP servers whose tools the agent may call."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tandem.settings.base import Section

NAME: Final = re.compile(r"[a-z][a-z0-9]{0,19}")
"""A server's name: the agent's tools are called NAME_tool."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class McpServer(Section):
    """One server: a command that speaks MCP over its standard streams, or a URL."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    """Names of environment variables that the command gets, beside PATH, HOME and their like."""
    url: str = ""
    """Streamable HTTP; https, or http on this machine."""
    token_env: str = ""
    """The variable that holds the bearer token for `url`."""
    tools: tuple[str, ...] = ()
    """The tools that may be offered; no other one is."""
    read_only: tuple[str, ...] = ()
    """Those of them that change nothing: they may be called without a person's approval."""
    private: bool = False
    """Whether it may see personal and secret text."""
    seconds: float = Field(default=60.0, gt=0)
    """For one call."""
    start_s: float = Field(default=30.0, gt=0)
    """Until the server has said what it offers."""

    @model_validator(mode="after")
    def _reachable(self) -> McpServer:
        if bool(self.command) == bool(self.url):
            raise ValueError("an MCP server needs `command` or `url`, and not both")
        if self.url and (self.args or self.env):
            raise ValueError("`args` and `env` belong to a `command`")
        if self.token_env and not self.url:
            raise ValueError("`token_env` belongs to a `url`; a command gets variables by `env`")
        unknown = sorted(set(self.read_only) - set(self.tools))
        if unknown:
            raise ValueError(f"read_only names {unknown[0]!r}, which `tools` does not")
        return self

    @field_validator("url")
    @classmethod
    def _encrypted_or_local(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        if url and not (local or (parts.scheme == "https" and parts.hostname)):
            raise ValueError("the URL of an MCP server is https, or http on 127.0.0.1")
        if parts.username or parts.password:
            raise ValueError("no secret stands in a URL: name the variable with it in `token_env`")
        return url


class McpSettings(Section):
    """All MCP servers, and what one may send."""

    servers: dict[str, McpServer] = Field(default_factory=dict)
    accepted: str = ".tandem/mcp.json"
    """The tools as a person accepted them (`tandem mcp check --accept DIGEST`)."""
    description_chars: int = Field(default=300, ge=20, le=2000)
    schema_chars: int = Field(default=10_000, ge=100)
    message_bytes: int = Field(default=2_000_000, ge=10_000)
    """The largest message; a server that sends a larger one is stopped."""
    offered_tools: int = Field(default=500, ge=1)
    """The longest list of tools that is read."""

    @field_validator("servers")
    @classmethod
    def _names(cls, servers: dict[str, McpServer]) -> dict[str, McpServer]:
        for name in servers:
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"an MCP server's name is up to 20 lower-case letters and digits, not {name!r}"
                )
        return servers
