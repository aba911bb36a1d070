"""What may leave for a tier that is not private."""

from __future__ import annotations

from tandem.records import Sensitivity
from tandem.settings.base import Section


class Privacy(Section):
    """What may leave for a tier that is not private."""

    public_may_see: tuple[Sensitivity, ...] = ("none", "internal")
    """Sensitivities that may go to a tier that is not private."""
    stand_ins_may_be_less_private: bool = False
