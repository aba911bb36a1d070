"""What speaks for and against a field."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.field_features import field_features

SOURCE = (
    "TAN & SONS\n12 JALAN DEDAP\n81100 JOHOR\nDATE 25/12/2018\nITEM 9.00\nTOTAL 80.90\nCASH 100.00"
)


def of(name: str, value: Any, **signals: float) -> dict[str, float]:
    return field_features(name, {name: value}, SOURCE, signals)


def test_the_second_view_s_total_and_date_are_told() -> None:
    assert of("total", 80.9)["seen_first"] == 1.0
    assert (of("total", 9.0)["seen_first"], of("total", 9.0)["amounts_above"]) == (0.0, 2.0)
    assert of("date", "2018-12-25")["seen_first"] == 1.0
    assert of("date", "2018-12-26")["seen"] == 0.0


def test_a_text_is_told_by_the_lines_that_it_fills() -> None:
    seller, part = of("company", "Tan & Sons"), of("company", "Tan &")
    assert (seller["starts_a_line"], seller["ends_a_line"], seller["lines"]) == (1.0, 1.0, 1.0)
    assert part["ends_a_line"] == 0.0
    assert of("address", "12 Jalan Dedap, 81100 Johor")["lines"] == 2.0


def test_a_signal_that_lacks_has_an_indicator() -> None:
    assert of("total", 80.9, **{"min_logprob:total": -0.5})["logprob"] == -0.5
    assert of("total", 80.9, **{"min_logprob:total": -0.5})["no_logprob"] == 0.0
    assert of("total", 80.9)["no_logprob"] == 1.0


def test_an_absent_value_is_told() -> None:
    assert field_features("total", {}, SOURCE, {})["absent"] == 1.0
    assert of("total", "")["absent"] == 1.0


@given(
    name=st.sampled_from(["total", "date", "company", "other"]),
    value=st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.lists(st.text())),
    source=st.text(),
)
def test_any_value_has_finite_features(name: str, value: Any, source: str) -> None:
    features = field_features(name, {name: value}, source, {})
    assert all(math.isfinite(number) for number in features.values())
