"""Whether the numbers of an answer come from somewhere: its sources, or a sum in it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tandem.quality.arithmetic import Equation, equations
from tandem.quality.support import content_words
from tandem.quality.values import FoundNumber, find_numbers


def readings_of(text: str) -> set[Decimal]:
    """The numbers of `text` in every reading, number words up to twelve among them."""
    found = {reading for number in find_numbers(text) for reading in number.readings}
    # content_words writes number words in digits.
    return found | {Decimal(word) for word in content_words(text) if word.isdecimal()}


def written(text: str) -> list[FoundNumber]:
    """Numbers of an answer, each once: not both 5 and 100 and, across the space, "5 100"."""
    found = find_numbers(text)  # by start, then by end
    kept: list[FoundNumber] = []
    least_end = len(text) + 1
    for at in range(len(found) - 1, -1, -1):
        number = found[at]
        holds_before = at > 0 and found[at - 1].start == number.start
        if not holds_before and number.end < least_end:
            kept.append(number)
        least_end = min(least_end, number.end)
    return kept[::-1]


def ungrounded(text: str, sources: Iterable[str]) -> list[str]:
    """Numbers of `text`, as written, that no source holds, and that no right equation in `text`
    gives whose own numbers are grounded. A result may be rounded."""
    known = set().union(*(readings_of(source) for source in sources))
    sums = [equation for equation in equations(text) if equation.right]
    computed = _computed(sums, known)
    return [
        text[number.start : number.end]
        for number in written(text)
        if not number.readings & (known | computed) and not rounds_to(number, computed)
    ]


def _computed(sums: Iterable[Equation], known: set[Decimal]) -> set[Decimal]:
    """Results of the equations whose numbers are all known, or results of those before them."""
    results: set[Decimal] = set()
    for equation in sums:
        operands = written(equation.expression)
        if all(one.readings & (known | results) for one in operands):
            results |= {_decimal(equation.value), _decimal(equation.written)}
    return results


def _decimal(number: float) -> Decimal:
    return abs(Decimal(str(number)))


def rounds_to(number: FoundNumber, results: Iterable[Decimal]) -> bool:
    """Whether a written number is one of `results`, rounded to the places that are written."""
    rounded = [abs(result) for result in results]
    return any(_is_near(reading, rounded) for reading in number.readings)


def _is_near(reading: Decimal, results: Iterable[Decimal]) -> bool:
    exponent = reading.as_tuple().exponent
    # Of the last place that is written; a half is rounded up. (quantize refuses large numbers.)
    half = Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)
    return any(reading - half <= result < reading + half for result in results)
