"""The shadow's rows: weighted agreement, what was spent, an older ledger, the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, update

from tandem.errors import LedgerError
from tandem.ledger import tables
from tandem.ledger.report import report
from tandem.ledger.shadow import ShadowRow, add_shadow, agreement, has_shadow, shadow_spent
from tandem.ledger.spend import Spend
from tandem.ledger.store import Ledger
from tandem.stats import wilson
from tests.unit.ledger.rows import answer, attempt, profile

PAIRS = st.lists(st.tuples(st.booleans(), st.floats(0.001, 1.0)), max_size=30)


def row(run_id: str = "r1", **fields: object) -> ShadowRow:
    made: ShadowRow = {
        "run_id": run_id,
        "probability": 0.5,
        "agreed": True,
        "model": "large",
        "output_sum": "0" * 64,
        "cost": 0.25,
        "seconds": 1.0,
        "error_code": None,
    }
    return {**made, **fields}  # type: ignore[typeddict-item]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    for name in ("r1", "r2", "r3"):
        made.start(name, {"text": "x", "tenant": "acme"}, profile(tenant="acme"))
        made.add_attempt(name, attempt("a1", cost=0.001))
        made.finish(name, answer(name, profile=profile(tenant="acme")))
    return made


def test_rows_weigh_what_they_stand_for() -> None:
    found = agreement([(True, 1.0), (False, 0.25)])
    assert found.mean == pytest.approx(0.2)
    assert found.n == 1
    assert agreement([]).n == 0


@given(PAIRS)
def test_the_interval_holds_the_share(pairs: list[tuple[bool, float]]) -> None:
    found = agreement(pairs)
    assert 0 <= found.low <= found.high <= 1
    assert found.n <= len(pairs)
    if found.n:
        assert found.low - 1e-9 <= found.mean <= found.high + 1e-9


@given(st.lists(st.booleans(), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_equal_probabilities_are_wilsons_interval(agreed: list[bool], probability: float) -> None:
    found = agreement([(each, probability) for each in agreed])
    assert found.n == len(agreed)
    expected = wilson(sum(agreed), len(agreed))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_cost_belongs_to_the_day_and_not_to_the_run(ledger: Ledger) -> None:
    before = Spend(ledger, 0).today()["acme"]
    add_shadow(ledger, row("r1"))
    add_shadow(ledger, row("r2", agreed=False))
    add_shadow(ledger, row("r3", agreed=None, error_code="rejected"))
    assert shadow_spent(ledger) == pytest.approx(0.75)
    assert Spend(ledger, 0).today()["acme"] == pytest.approx(before + 0.75)
    told = report(ledger)
    assert told["total"]["cost"] == pytest.approx(0.003)
    (line,) = told["shadow"]
    assert (line["task"], line["asked"], line["compared"], line["agreed"]) == ("faq", 3, 2, 1)
    assert (line["agreement"], line["cost"]) == (0.5, 0.75)
    assert line["errors"] == {"rejected": 1}
    assert report(ledger, tenant="other")["shadow"] == []


def test_a_run_is_compared_once(ledger: Ledger) -> None:
    assert not has_shadow(ledger, "r1")
    add_shadow(ledger, row())
    assert has_shadow(ledger, "r1")
    with pytest.raises(LedgerError):
        add_shadow(ledger, row())
    assert shadow_spent(ledger) == 0.25


def test_a_ledger_of_version_3_gets_the_table(tmp_path: Path, ledger: Ledger) -> None:
    ledger.close()
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.sqlite")
    with engine.begin() as connection:
        tables.shadow.drop(connection)
        connection.execute(update(tables.schema).values(version=3))
    engine.dispose()
    again = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    add_shadow(again, row())
    assert report(again)["total"]["runs"] == 3
    again.close()
