"""Work as assignments: the model writes the expressions, the tool `calculate` computes them.

The form is that of a few lines of Python, which code models write well: a comment that says what
follows from what, then `name = expression`. It is read line by line and never run: an expression is
arithmetic over numbers and the names of earlier lines, or it has no value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from typing_extensions import TypedDict

from tandem.nodes.number_words import worded_numbers
from tandem.quality.values import find_numbers
from tandem.records import GateFailure
from tandem.tools.base import ToolArgumentError
from tandem.tools.calculate import calculate

ANSWER: Final = "answer"
_LINE: Final = re.compile(r"^[\s>*`-]*([A-Za-z_]\w*)\s*=(?!=)\s*(.+?)\s*$")
_COMMENT: Final = re.compile(r"^[\s>*-]*#+\s*(.+?)\s*$")
_NAME: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_FUNCTION: Final = re.compile(r"^(?:math\.)?(ceil|floor|round|int|abs)\((.*)\)$")
_FUNCTIONS: Final[Mapping[str, Any]] = {
    "ceil": math.ceil,
    "floor": math.floor,
    "round": round,
    "int": int,
    "abs": abs,
}
_LITERAL: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_COMMON: Final = frozenset(
    Decimal(number) for number in (*range(11), 12, 24, 30, 31, 52, 60, 100, 365, 366, 1000, 3600)
)
"""Numbers that a problem need not name: counts of what it lists, and units of time and measure."""
_SPOKEN: Final = {"half": 2, "twice": 2, "double": 2, "triple": 3, "quarter": 4, "dozen": 12}
MANY: Final = 12
"""A question with more numbers than this has some that nobody needs."""
_COUNTS: Final = re.compile(r"\bhow (?:many|much|long|far|old|tall|often)\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[a-z]+")


class Step(TypedDict):
    """A line of work."""

    name: str
    why: str
    """What the model says of it."""
    expression: str
    value: float | None
    """None where the expression has none."""


def steps_of(work: str) -> list[Step]:
    """The steps of the work, computed in order; a name may be given a new value."""
    steps: list[Step] = []
    values: dict[str, float] = {}
    why: list[str] = []
    for line in work.splitlines():
        if comment := _COMMENT.match(line):
            why.append(comment[1])
        elif found := _LINE.match(line):
            expression, _, told = found[2].partition("#")
            # "total = 3 * 60 = 180": the result is computed again.
            expression = expression.split("=")[0].strip(" `;")
            value = _value(expression, values)
            said = " ".join([*why, told.strip()]).strip()
            steps.append(Step(name=found[1], why=said, expression=expression, value=value))
            if value is None:
                values.pop(found[1], None)
            else:
                values[found[1]] = value
            why = []
    return steps


def answer_of(steps: Sequence[Step]) -> float | None:
    """The value of the last line `answer = ...`, or of the last line where there is none such."""
    named = [step for step in steps if step["name"].casefold() == ANSWER]
    last = named or steps
    return last[-1]["value"] if last else None


def told(steps: Sequence[Step]) -> str:
    """The steps as a reader may follow them: what for, the expression, and what it gives."""
    lines: list[str] = []
    for step in steps:
        if step["why"]:
            lines.append(step["why"])
        result = "?" if step["value"] is None else plain(step["value"])
        same = result == step["expression"]
        lines.append(f"{step['name']} = {step['expression']}" + ("" if same else f" = {result}"))
    return "\n".join(lines)


def plain(value: float) -> str:
    """A number as text: 540, 2.5."""
    return str(int(value)) if float(value).is_integer() else f"{value:.12g}"


def wrong_steps(steps: Sequence[Step], question: str) -> list[GateFailure]:
    """The gates of calculated work.

    `calculated`: every expression has a value. `given`: every number in one stands in the question,
    or was computed, or is a common one such as 60 or 100. `used`: every number that the question
    gives in digits, and every step but the last, is used (not asked of questions with more than
    MANY numbers). `plausible`: what is counted or measured is not negative.
    """
    failed = []
    open_steps = sum(step["value"] is None for step in steps)
    if open_steps or not steps:
        detail = f"{open_steps} of {len(steps)} expressions cannot be computed"
        failed.append(GateFailure(gate="calculated", detail=detail))
    if strange := _strange(steps, question):
        detail = f"{strange} numbers of the work stand neither in the question nor in a result"
        failed.append(GateFailure(gate="given", detail=detail))
    if idle := _unused(steps, question) if steps else 0:
        detail = f"{idle} numbers of the question or results are not used"
        failed.append(GateFailure(gate="used", detail=detail))
    if _COUNTS.search(question) and (answer_of(steps) or 0) < 0:
        failed.append(GateFailure(gate="plausible", detail="the answer is negative"))
    return failed


def _value(expression: str, values: Mapping[str, float]) -> float | None:
    try:
        if function := _FUNCTION.match(expression):
            inner = calculate(_substituted(function[2], values))
            return float(_FUNCTIONS[function[1]](inner))
        return float(calculate(_substituted(expression, values)))
    except (ToolArgumentError, OverflowError, ValueError):
        return None


def _substituted(expression: str, values: Mapping[str, float]) -> str:
    return _NAME.sub(
        lambda name: f"({values[name[0]]!r})" if name[0] in values else name[0], expression
    )


def _strange(steps: Sequence[Step], question: str) -> int:
    known = _COMMON | _numbers_of(question)
    strange = 0
    for step in steps:
        for literal in _LITERAL.findall(step["expression"]):
            strange += Decimal(literal) not in known
        if step["value"] is not None:
            known = known | {Decimal(repr(step["value"])), Decimal(plain(step["value"]))}
    return strange


def _unused(steps: Sequence[Step], question: str) -> int:
    numbers = [number.readings for number in find_numbers(question)]
    if len(numbers) > MANY:
        return 0
    written = {Decimal(one) for step in steps for one in _LITERAL.findall(step["expression"])}
    shares = {100 * one for one in written} | {100 * abs(1 - one) for one in written}
    idle = sum(not readings & (written | shares | {Decimal(1)}) for readings in numbers)
    later = [" ".join(one["expression"] for one in steps[at:]) for at in range(1, len(steps))]
    return idle + sum(not _is_used(step, text) for step, text in zip(steps, later, strict=False))


def _is_used(step: Step, later: str) -> bool:
    """Whether a later expression has the step's name, or its value as a number."""
    if step["name"].casefold() == ANSWER or step["name"] in _NAME.findall(later):
        return True
    return step["value"] is not None and plain(step["value"]) in _LITERAL.findall(later)


def _numbers_of(text: str) -> frozenset[Decimal]:
    """Numbers of a text in digits and words; as shares too, since 25 % may be written 0.25, 0.75
    (what is left) or 1.25."""
    found = {reading for number in find_numbers(text) for reading in number.readings}
    found |= {Decimal(str(number)) for number in worded_numbers(text)}
    found |= {Decimal(_SPOKEN[word]) for word in _WORD.findall(text.casefold()) if word in _SPOKEN}
    shares = {one / 100 for one in found if one < 1000}
    return frozenset(found | shares | {1 - one for one in shares} | {1 + one for one in shares})


def unknown_results(answer: Any, steps: Sequence[Step], question: str) -> list[GateFailure]:
    """Gate `concludes`: every number of the answer is the last result, another one, or one of the
    question; a number alone is the last result."""
    last = answer_of(steps)
    if isinstance(answer, str) or last is None:
        wrong = last is not None and answer != plain(last)
    else:
        known = {Decimal(plain(s["value"])) for s in steps if s["value"] is not None}
        known |= _numbers_of(question)
        numbers = {Decimal(str(number)) for number in _numbers_in(answer)}
        wrong = not numbers <= known or (bool(numbers) and Decimal(plain(last)) not in numbers)
    detail = "the answer is not what the work comes to"
    return [GateFailure(gate="concludes", detail=detail)] if wrong else []


def _numbers_in(value: Any) -> list[float]:
    if isinstance(value, bool):
        return []
    if isinstance(value, (int, float)):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [number for one in inner for number in _numbers_in(one)]
