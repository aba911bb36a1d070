"""How a request finds its way."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from tandem.settings.base import Section

NO_HEAD: Final = "off"


class Routing(Section):
    """How a request's task is found."""

    head: str = ""
    """File of the routing head (`tandem routing train`); "" is the one that ships, "off" none."""
    head_confidence: float = Field(default=0.4, ge=0, le=1)
    """Probability of the task below which the head is not relied on and the SLM reads."""
    min_confidence: float = Field(default=0.5, ge=0, le=1)
    """Probability of the task below which the SLM's reading is not relied on: the request is
    unclear, and the LLM answers it directly."""
