"""Numbers and amounts of logs, whoever wrote them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.loop.audit.numbers import Numbers
from tandem.loop.audit.row import Unreadable
from tests.unit.loop.audit.logs import OPTIONS, SECRET, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0,0125", 0.0125),
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("1.234.567", 1234567),
        ("1'234.5", 1234.5),
        ("1 234,5", 1234.5),
        (".5", 0.5),
        ("1e-05", 1e-05),
        ("1,5E-4", 1.5e-4),
        ("12", 12),
        ("0.125", 0.125),
        ("1234.567", 1234.567),
    ],
)
def test_a_number_that_leaves_no_doubt_is_read_anywhere(text: str, value: float) -> None:
    assert Numbers(plain=False).number(text, "cost") == pytest.approx(value)


@pytest.mark.parametrize("text", ["1,2,3", "1.2.3", "12,34.5", "1,23,456.7.8", "one", ",", "--5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="field `cost` is no number"):
        Numbers().number(text, "cost")
    assert Numbers().number("", "cost") is None


def test_what_hangs_on_the_sign_is_read_by_the_logs_other_numbers() -> None:
    comma, point, neither = Numbers(), Numbers(), Numbers()
    comma.look(["0,5", "x", None, 3])
    point.look(["$0.5"])
    assert (comma.number("1.234", "cost"), comma.number("1,234", "cost")) == (1234, 1.234)
    assert (point.number("1.234", "cost"), point.number("1,234", "cost")) == (1.234, 1234)
    assert neither.number("1.234", "cost") == 1.234
    with pytest.raises(Unreadable, match="--decimal"):
        neither.number("1,234", "cost")
    with pytest.raises(Unreadable, match="--decimal"):
        Numbers(plain=False).number("1.234", "cost")
    assert Numbers(",").number("1.234", "cost") == 1234
    with pytest.raises(Unreadable, match="is no number"):
        Numbers(",").number("0.5", "cost")
    mixed = Numbers(seen=Counter(".,"))
    with pytest.raises(Unreadable, match="--decimal"):
        mixed.number("1.234", "cost")


@given(st.floats(0, 1e9), st.integers(0, 6), st.booleans(), st.sampled_from([".", ","]))
def test_what_is_written_with_a_known_sign_is_read_back(
    value: float, places: int, grouped: bool, sign: str
) -> None:
    text = f"{value:{',' if grouped else ''}.{places}f}"
    written = text if sign == "." else text.translate(str.maketrans(".,", ",."))
    assert Numbers(sign).number(written, "cost") == float(text.replace(",", ""))


@pytest.mark.parametrize(
    ("cost", "currency", "expected"),
    [
        ("€0.50", "", (0.5, "EUR")),
        ("0,50 €", "", (0.5, "EUR")),
        ("EUR 0,50", "eur", (0.5, "EUR")),
        ("$2.50", "CAD", (2.5, "CAD")),
        ("$2.50", "", (2.5, "USD")),
        ("2.50", "€", (2.5, "EUR")),
        (2.5, "", (2.5, "")),
    ],
)
def test_the_sign_tells_the_currency(
    cost: object, currency: str, expected: tuple[float, str]
) -> None:
    assert Numbers().amount(cost, currency) == expected


@pytest.mark.parametrize(("cost", "currency"), [("€0.50", "USD"), ("$1.50", "EUR"), ("£1.5", "$")])
def test_a_sign_that_contradicts_the_column_is_told(cost: str, currency: str) -> None:
    with pytest.raises(Unreadable, match="different currencies"):
        Numbers().amount(cost, currency)


def test_a_european_csv_is_read_with_its_own_signs(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("text;cost;ms;latency_ms\na;1.234;1;2,5\nb;0,0125;1;1.250\nc;€0,50;1;1\n")
    rows, _ = read(path)
    assert [(row.cost, row.currency) for row in rows] == [(1234, ""), (0.0125, ""), (0.5, "EUR")]
    assert [row.seconds for row in rows] == [0.0025, 1.25, 0.001]


def test_a_csv_that_tells_no_sign_has_its_doubtful_rows_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"text;cost\n{SECRET};1.234\nb;12\n")
    rows, logs = read(path)
    assert [row.cost for row in rows] == [12]
    (skipped,) = logs.counts[0].told()["skipped"]
    assert (skipped["count"], skipped["lines"]) == (1, [2])
    assert "--decimal" in skipped["reason"]
    assert [row.cost for row in read(path, replace(OPTIONS, decimal=","))[0]] == [1234, 12]


def test_an_odd_cell_costs_no_later_row(tmp_path: Path) -> None:
    lines = [
        f"t{at},{0.5 if at != 300 else chr(34) + '0,012' + chr(34)},1.234" for at in range(1000)
    ]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["text,cost,latency_ms", *lines]) + "\n", "utf-8")
    rows, logs = read(path)
    assert [row.seconds for row in rows[301:]] == [0.001234] * 699
    assert (len(rows), logs.counts[0].told()["skipped"]) == (1000, [])


def test_the_sign_of_most_first_numbers_decides_and_later_ones_do_not() -> None:
    numbers = Numbers()
    numbers.look(["0,5", "0.5", "0.25"])
    assert [numbers.number(told, "cost") for told in ("0,5", "0,25", "0,1", "1.234")] == [
        *(0.5, 0.25, 0.1),
        1.234,
    ]
