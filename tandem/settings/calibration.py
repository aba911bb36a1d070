"""Calibrated acceptance: where calibrations lie, and what is promised."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from tandem.settings.base import Section

Escalation = Literal["guarantee", "cost", "always", "never"]
"""When an answer of the head or the SLM goes to the LLM: where a promise asks it; where it is
worth its price; always; never (but for hard gates)."""
NEEDS_PROMISE: Final = frozenset({"guarantee", "always"})
"""Where answers leave without the LLM by a certified threshold only."""


class CalibrationSettings(Section):
    """Calibrations: made by `tandem calibrate`, used where one fits task, labels and models."""

    dir: str = ".tandem/calibration"
    """Relative to the settings file."""
    shipped: bool = True
    """Whether the calibrations that come with Tandem are used where there is none of one's own."""
    target: float = Field(default=0.9, gt=0, lt=1)
    """Least share of right answers among those accepted without the LLM, where neither the request
    nor the task asks for a quality."""
