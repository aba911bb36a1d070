"""Whether an extracted value is the right one: 25/12/2018 is 2018-12-25, and "RM 80.90" is 80.9."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tandem.quality.dates import is_only_date, parse_date
from tandem.quality.values import compact, decimal_mark, parse_number


def judged(output: Any, expected: Mapping[str, Any], *, absent: bool = False) -> dict[str, bool]:
    """For each field that has an expected value, whether `output` has it.

    Parameters
    ----------
    absent: judge the fields without an expected value too: there, a value is wrong.
    """
    return {
        name: is_absent(value_of(output, name))
        if is_absent(wanted)
        else same_value(value_of(output, name), wanted)
        for name, wanted in expected.items()
        if absent or not is_absent(wanted)
    }


def is_absent(value: Any) -> bool:
    """Whether there is no value: null, or an empty text."""
    return value is None or value == ""


def same_value(got: Any, wanted: Any) -> bool:
    """Whether two values mean the same: as numbers, as dates (day first), else letter by letter
    without case, white space and punctuation."""
    if got is None or isinstance(got, (dict, list)):
        return bool(got == wanted)
    numbers = _number(got), _number(wanted)
    if None not in numbers:
        return bool(numbers[0] == numbers[1])
    got, wanted = str(got), str(wanted)
    if is_only_date(wanted):
        return parse_date(got) == parse_date(wanted)
    return compact(got).text == compact(wanted).text


def value_of(output: Any, name: str) -> Any:
    """The value of a top-level field; None where there is none."""
    return output.get(name) if isinstance(output, Mapping) else None


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return None
    text = str(value)
    # A number of an invoice ("0042") is a name: its zeros count.
    if re.match(r"0\d", text.strip()):
        return None
    return parse_number(text, decimal_mark(text))
