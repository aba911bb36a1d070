"""Work in assignments: what has a value, what a number may be, and when a question asks for one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.calculated import answer_of, steps_of, told, unknown_results, wrong_steps
from tandem.nodes.number_words import worded_numbers
from tandem.nodes.numeric_question import asks_for_number, with_number

ROWS = st.integers(0, 10**6)


def value(work: str) -> float | None:
    return answer_of(steps_of(work))


@pytest.mark.parametrize(
    ("work", "result"),
    [
        ("answer = 3 * 60", 180),
        ("day = 3 * 60\nanswer = day * 3", 540),
        ("total = 3 * 60 = 190\nanswer = total", 180),
        ("a = 10  # pens\na = a - 3\nanswer = a / 2", 3.5),
        ("boxes = math.ceil(22 / 4)\nanswer = boxes", 6),
        ("- price = $1,200\n- answer = price * 15%", 180),
        ("```python\nanswer = 7 // 2\n```", 3),
        ("total = 4 + 4\nprint(total)", 8),
        ("answer = unknown + 1", None),
        ("a = 1 / 0\nanswer = a", None),
        ("answer = __import__('os').getpid()", None),
        ("answer = 9 ** 9 ** 9", None),
        ("if 3 == 3: pass", None),
        ("", None),
    ],
)
def test_expressions_are_computed(work: str, result: float | None) -> None:
    assert value(work) == result


@given(ROWS, ROWS, ROWS)
def test_names_stand_for_values(a: int, b: int, c: int) -> None:
    assert value(f"a = {a}\nb = a + {b}\nanswer = b - {c}") == a + b - c


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    steps = steps_of(text)
    assert isinstance(told(steps), str)
    assert isinstance(wrong_steps(steps, text), list)


def test_a_reader_sees_reasons_expressions_and_results() -> None:
    work = "# Half of them stay.\nstay = 36 / 2  # guests\npaid = 4\nodd = stay + x"
    assert told(steps_of(work)) == (
        "Half of them stay. guests\nstay = 36 / 2 = 18\npaid = 4\nodd = stay + x = ?"
    )


@pytest.mark.parametrize(
    ("question", "work", "gates"),
    [
        ("36 guests, half stay.", "answer = 36 / 2", []),
        ("Sixteen seconds for twenty feet.", "answer = 20 / 16", []),
        ("25% of 120", "answer = 120 * 0.75", []),
        ("A year at $40 a month.", "answer = 40 * 12", []),
        ("36 guests", "a = 36 * 36\nanswer = 1296 + 36", []),
        ("36 guests", "answer = 36 + 17", ["given"]),
        ("36 guests and 4 men", "answer = 36 * 2", ["used"]),
        ("36 guests at $1.50", "a = 36 * 2\nanswer = 36 * 1.5", ["used"]),
        ("36 guests, 25% of them men", "men = 36 * 0.25\nanswer = 36 - men", []),
        ("36 guests, a fee of 1,200", "answer = 1200 / 36", []),
        (f"36 guests of {' '.join(map(str, range(40, 60)))}", "answer = 36 * 2", []),
        ("How many of 3 are left after 5?", "answer = 3 - 5", ["plausible"]),
        ("What is 3 less 5?", "answer = 3 - 5", []),
        ("36 guests", "answer = 36 + x", ["calculated"]),
        ("36 guests", "No idea.", ["calculated"]),
    ],
)
def test_numbers_come_from_the_question(question: str, work: str, gates: list[str]) -> None:
    assert [failure["gate"] for failure in wrong_steps(steps_of(work), question)] == gates


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        ("540", True),
        ("180", False),
        (540, True),
        ({"m": 540, "days": [3]}, True),
        ({"m": 540, "far": True}, True),
        ({"m": 541}, False),
        ({"m": 180}, False),
        ({"far": "yes"}, True),
    ],
)
def test_an_answer_is_what_the_work_comes_to(answer: Any, fits: bool) -> None:
    steps = steps_of("day = 3 * 60\nanswer = day * 3")
    assert (unknown_results(answer, steps, "3 sprints of 60 m") == []) is fits


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("He has 3 boxes of 12 pens. How many pens is that?", True),
        ("Each of two classes has half of 120 seats. What is the total capacity?", True),
        ("Calculate 3 * 4.", True),
        ("How many pens are there?", False),
        ("There are 3 men and 4 women. Who is the oldest?", False),
        ("How many? " + "1 2 " * 1000, False),
    ],
)
def test_which_questions_are_calculated(text: str, asks: bool) -> None:
    assert asks_for_number(text) is asks


@pytest.mark.parametrize(
    ("schema", "number", "typed"),
    [
        ({"type": "number"}, 2.5, 2.5),
        ({"type": "integer"}, 2.5, None),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, 2.0, {"n": 2}),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, 2.5, None),
        ({"type": "object", "properties": {"n": {"type": "string"}}}, 2.0, None),
        ({"type": "object", "properties": {}}, 2.0, None),
        ({"type": "string"}, 2.0, None),
    ],
)
def test_typed_answers_of_one_number(schema: Any, number: float, typed: Any) -> None:
    assert with_number(schema, number) == typed


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("twenty-five pens", [25]),
        ("Two hundred and five", [205]),
        ("two thousand five hundred or fifteen", [2500, 15]),
        ("one and a half", [1.5]),
        ("someone often", []),
    ],
)
def test_numbers_in_words(text: str, numbers: list[float]) -> None:
    assert worded_numbers(text) == numbers
