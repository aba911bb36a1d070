"""What may leave for a tier that is not private."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from tandem.records import Sensitivity
from tandem.settings.base import Section

Leave = Literal["block", "redact", "allow"]


class Privacy(Section):
    """What may leave for a tier that is not private."""

    public_may_see: tuple[Sensitivity, ...] = ("none", "internal")
    """Sensitivities that may go to a tier that is not private."""
    stand_ins_may_be_less_private: bool = False
    leave: dict[str, Leave] = Field(default_factory=dict)
    """By type of finding: `block`, `redact` (a placeholder on the way out, restored in the answer)
    or `allow`; `default` for all others that public_may_see does not name."""
    detector_seconds: float = Field(default=10.0, gt=0)
    """A text whose scan takes longer counts as secret."""
    detector_chars: int = Field(default=1_000_000, ge=1)
    """A longer text is not scanned, and counts as secret."""

    @field_validator("leave")
    @classmethod
    def _is_explicit(cls, leave: dict[str, Leave]) -> dict[str, Leave]:
        for kind in leave:
            if kind != "default" and not re.fullmatch(r"[A-Z][A-Z0-9_]{0,40}", kind):
                raise ValueError(f"{kind!r} is no type of finding, such as EMAIL, nor `default`")
        if leave.get("default") == "allow":
            raise ValueError("`allow` is for named types; default may be 'block' or 'redact'")
        return leave
