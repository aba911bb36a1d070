"""The task `research`."""

from __future__ import annotations

from pydantic import Field

from tandem.settings.base import Section


class ResearchSettings(Section):
    """How widely research looks, and how long."""

    questions: int = Field(default=5, ge=1, le=5)
    """Questions of the first round."""
    passages: int = Field(default=4, ge=1, le=20)
    """Passages read for each question."""
    readings: int = Field(default=24, ge=1, le=200)
    """Pairs of question and passage in a round."""
    rounds: int = Field(default=2, ge=1, le=2)
    document_chars: int = Field(default=600_000, ge=1)
    """Of a longer document the beginning is read. What is longer than privacy.detector_chars, or
    takes longer than privacy.detector_seconds to look through, counts as secret."""
