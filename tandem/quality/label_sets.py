"""Which label set an attempt was about, as a number that fits among its signals.

The ledger keeps no labels; a task may have a calibration for each of several sets, whose scores
must not be mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tandem.quality.calibration.calibration import name_of

LABEL_SET: Final = "label_set"
"""Signal of attempts that a calibration scored."""


def label_set(labels: Sequence[str]) -> float:
    """The number of a set of labels, in any order: 48 bits, which a float holds exactly."""
    return float(int(name_of("", labels).removeprefix("-"), 16))
