"""Gate on written sums: "3 * 60 = 180" is computed again.

Only what is plain arithmetic on both sides of one equals sign is judged: digits, + - * / and
brackets on the left, one number on the right. Units, variables and words make an equation none of
this gate's business: a wrong alarm would throw away a right answer.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Final

from simpleeval import InvalidExpression, simple_eval  # type: ignore[import-untyped]

from tandem.records import GateFailure

_NUMBER: Final = r"[$€£]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?"
# Possessive: nothing is tried again, or a number of thirty digits would take hours.
_LEFT: Final = re.compile(rf"(?:[\s()+\-*/]|{_NUMBER})*+$")
_RIGHT: Final = re.compile(rf"\s*(-?\s*{_NUMBER})(?![\d,.]*\d)(?!\s*[+\-*/^(])")
_OPERATOR: Final = re.compile(r"(?<=[\d)%])\s*[+\-*/]\s*(?=[\d(\-$€£])")
_LATEX: Final = (
    (re.compile(r"\\(?:times|cdot)\b"), "*"),
    (re.compile(r"\\div\b"), "/"),
    (re.compile(r"\\d?frac\{([\d.,]+)\}\{([\d.,]+)\}"), r"(\1/\2)"),
    (re.compile(r"\\text\{[^{}]*\}|\\[()\[\],;!]|[*_]{2}"), " "),
    (re.compile(r"\\([$%])"), r"\1"),
)
_SIGNS: Final = str.maketrans(
    dict.fromkeys("\u00d7\u00b7", "*") | dict.fromkeys("\u2212\u2013", "-") | {"\u00f7": "/"}
)
_TIMES: Final = re.compile(r"(?<=\d)\s*[xX]\s*(?=[\d$€£(])")
_MAX_CHARS: Final = 120


@dataclass(frozen=True)
class Equation:
    """A written equation: `expression`, the `written` result and the `value` that it has."""

    expression: str
    written: float
    value: float
    tolerance: float

    @property
    def right(self) -> bool:
        """Whether the result is the value, rounded to the places that are written."""
        return abs(self.value - self.written) <= self.tolerance * (1 + 1e-9) + 1e-9


def equations(text: str) -> list[Equation]:
    """The plain equations of `text`, in order; what cannot be read is left out."""
    found = []
    for line in _plain(text).splitlines():
        sides = re.split(r"(?<![<>!=])=(?!=)", line)
        for left, right in itertools.pairwise(sides):
            if equation := _equation(left, right):
                found.append(equation)
    return found


def right_arithmetic(text: str) -> list[GateFailure]:
    """Fails on every written equation whose result is wrong; the detail counts, without text."""
    checked = equations(text)
    wrong = sum(not equation.right for equation in checked)
    if not wrong:
        return []
    detail = f"{wrong} of {len(checked)} written sums are wrong"
    return [GateFailure(gate="arithmetic", detail=detail)]


def _plain(text: str) -> str:
    for pattern, plain in _LATEX:
        text = pattern.sub(plain, text)
    return _TIMES.sub(" * ", text.translate(_SIGNS))


def _equation(left: str, right: str) -> Equation | None:
    tail = _LEFT.search(left[-_MAX_CHARS:])
    result = _RIGHT.match(right[:_MAX_CHARS])
    if not tail or not result or re.match(r"\s*(?:remainder|r\b)", right[result.end() :], re.I):
        return None
    expression = tail[0].strip()
    if _attached(left, tail[0]) or not _OPERATOR.search(expression):
        return None
    try:
        value = float(simple_eval(_computable(expression)))
        written = float(simple_eval(_computable(result[1])))
    except (InvalidExpression, SyntaxError, ValueError, ArithmeticError, TypeError):
        return None
    return Equation(expression, written, value, _tolerance(result[1]))


def _attached(left: str, tail: str) -> bool:
    """Whether `tail` is only the end of a longer expression: "2x + 3", "x - 3", "5 pens + 3"."""
    if tail.lstrip()[:1] in ("+", "*", "/", "-", ")"):
        return True
    before = left[: len(left) - len(tail)]
    glued = bool(before) and not tail[:1].isspace() and before[-1] not in ":;,.([{$'\""
    return glued or before.rstrip()[-1:] in ("^", "=", "<", ">", "\u2248")


def _computable(expression: str) -> str:
    bare = re.sub(r"[$€£]|(?<=\d),(?=\d{3})", "", expression)
    return re.sub(r"(\d+(?:\.\d+)?)%", r"(\1/100)", bare)


def _tolerance(written: str) -> float:
    """Half a unit of the last place that is written."""
    digits = written.strip().rstrip("%")
    places = len(digits.partition(".")[2])
    return float(0.5 * 10.0**-places * (0.01 if written.strip().endswith("%") else 1.0))
