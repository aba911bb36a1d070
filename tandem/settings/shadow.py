"""The shadow: how many accepted answers the LLM gives its own view of, and what that may cost."""

from __future__ import annotations

from pydantic import Field

from tandem.settings.base import Section


class ShadowSettings(Section):
    """A sample of the answers accepted without the LLM is asked of the LLM as well, off the
    request's path, to keep estimating how good they are."""

    share: float = Field(default=0.0, ge=0, le=1)
    """Share of these answers, drawn by a hash of the run's id."""
    per_day: float = Field(default=1.0, ge=0)
    """What it may cost in a UTC day, in `currency`, all processes and tenants together. It counts
    towards policy.budgets too."""
    queue: int = Field(default=100, ge=1)
    """Answers that may wait; more are dropped, and counted."""
    seconds: float = Field(default=60.0, gt=0)
    """For one answer of the LLM."""
    close_s: float = Field(default=5.0, ge=0)
    """How long closing waits for what is queued; the rest is dropped."""
