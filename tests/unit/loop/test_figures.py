"""What is not known is told by a dash and a reason."""

from __future__ import annotations

import math

from tandem.loop.figures import area, or_none, share, shown
from tandem.stats import wilson


def test_no_report_says_nan() -> None:
    assert (shown(0.5), shown(0.456, 2), shown(math.nan), shown(None)) == (
        "0.500",
        "0.46",
        "-",
        "-",
    )
    assert (or_none(math.nan), or_none(0.0)) == (None, 0.0)
    assert area(0.75) == "0.750"
    assert area(or_none(math.nan)) == area(math.nan) == "- (all right, or all wrong)"
    assert share(wilson(0, 0)) == "- (none accepted)"
    assert share(wilson(1, 2)).startswith("0.500 [")
