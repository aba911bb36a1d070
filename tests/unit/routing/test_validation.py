from __future__ import annotations

import math
from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.routing.validation import validate
from tandem.settings import Limits


def validated(**fields: Any) -> Any:
    return validate({"text": "A fine film.", **fields}, Limits(max_deadline_ms=5000), ["faq"])


@pytest.mark.parametrize("deadline_ms", [1, 5000, 2000.0])
def test_a_deadline_in_the_range_is_taken(deadline_ms: float) -> None:
    assert validated(deadline_ms=deadline_ms)["deadline_ms"] == deadline_ms


@pytest.mark.parametrize("deadline_ms", [-1, 0, 5001, 10**20, 10**400])
def test_a_deadline_out_of_the_range_is_refused_with_the_range(deadline_ms: float) -> None:
    with pytest.raises(InvalidRequest, match=r"not between 1 and 5,000") as caught:
        validated(deadline_ms=deadline_ms)
    assert "limits.max_deadline_ms" in caught.value.remedy


@pytest.mark.parametrize("deadline_ms", [math.inf, -math.inf, math.nan, 1e300, 0.5])
def test_a_deadline_that_is_no_integer_is_refused(deadline_ms: float) -> None:
    with pytest.raises(InvalidRequest, match="deadline_ms: "):
        validated(deadline_ms=deadline_ms)
