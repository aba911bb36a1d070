"""How a request finds its way."""

from __future__ import annotations

from pydantic import Field

from tandem.settings.base import Section


class Routing(Section):
    """How a request's task is found."""

    min_confidence: float = Field(default=0.5, ge=0, le=1)
    """Probability of the task below which the SLM's reading of a request is not relied on."""
