"""Checkpoints: which runs can go on after a crash or an approval, and where they lie."""

from __future__ import annotations

from typing import Final

from pydantic import Field, field_validator

from tandem.settings.base import Section

OFF: Final = "off"
SCHEMES: Final = ("sqlite:///", "postgresql://", "postgres://")


class CheckpointSettings(Section):
    """Where the runs of some tasks are kept step by step."""

    url: str = ""
    """`sqlite:////path/file.sqlite` or `postgresql://user@host/database`; empty: an SQLite file in
    .tandem/ beside the settings; `off`: none. A password comes from PGPASSWORD or ~/.pgpass."""
    tasks: tuple[str, ...] = ("agent",)
    """Tasks whose runs are kept; others are over in seconds and simply asked again."""
    key_env: str = "LANGGRAPH_AES_KEY"
    """Environment variable with the key (16, 24 or 32 bytes) that encrypts checkpoints. Without
    it, runs whose sensitivity is not in privacy.public_may_see are not kept."""
    days: float = Field(default=7.0, gt=0)
    """Checkpoints older than this are deleted."""
    connect_s: float = Field(default=10.0, gt=0)
    """How long a database may take to answer."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url and url != OFF and not url.startswith(SCHEMES):
            raise ValueError(f'"", "off" or a URL that starts with {", ".join(SCHEMES)}')
        return url
