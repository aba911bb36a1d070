from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from typer.testing import CliRunner

from tandem.cli.report import command, started_since
from tandem.errors import InvalidRequest, TandemError
from tandem.ledger import tables
from tandem.ledger.figures import _quantile
from tandem.ledger.report import report
from tandem.ledger.store import Ledger
from tandem.settings import Settings
from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.from_settings(Settings(home=tmp_path))
    yield opened
    opened.close()


def slm_run(ledger: Ledger, run_id: str, task: str = "faq", **fields: Any) -> None:
    parent = fields.pop("parent", None)
    what = profile(task=task, tenant=fields.pop("tenant", ""))
    ledger.start(run_id, {"text": "x"}, what, decision(), parent_run_id=parent)
    ledger.add_attempt(run_id, attempt())
    ledger.add_verdict(run_id, verdict())
    ledger.finish(run_id, answer(run_id, profile=what, **fields))


def escalated_run(ledger: Ledger, run_id: str, **fields: Any) -> None:
    ledger.start(run_id, {"text": "x"}, profile(), decision())
    ledger.add_attempt(run_id, attempt("a1"))
    ledger.add_verdict(run_id, verdict("a1", accepted=False, gates=("grounded", "schema")))
    ledger.add_attempt(run_id, attempt("a2", tier="llm", cost=0.02, calls=2))
    ledger.add_verdict(run_id, verdict("a2"))
    done = {"tier": "llm", "all_llm_cost": 0.02, "all_llm_estimated": False, "seconds": 3.0}
    ledger.finish(run_id, answer(run_id, **{**done, **fields}))


def test_an_empty_ledger_reports_nothing(ledger: Ledger) -> None:
    figures = report(ledger)
    assert figures["tasks"] == []
    assert figures["total"]["runs"] == 0
    assert figures["total"]["saving_share"] is None
    assert figures["total"]["latency"]["all"] == {"count": 0, "p50": None, "p95": None}


def test_rejected_slm_calls_count_as_cost(ledger: Ledger) -> None:
    slm_run(ledger, "r1")
    escalated_run(ledger, "r2")
    total = report(ledger)["total"]
    assert math.isclose(total["cost"], 0.001 + 0.001 + 0.02)
    assert math.isclose(total["all_llm_cost"], 0.01 + 0.02)
    assert math.isclose(total["saving"], 0.03 - 0.022)
    assert total["saving_share"] == pytest.approx(0.008 / 0.03)
    assert total["estimated_share"] == pytest.approx(0.01 / 0.03)
    assert (total["local_runs"], total["escalated"], total["escalated_share"]) == (2, 1, 0.5)
    assert total["answered_by"] == {"llm": 1, "slm": 1}
    assert total["calls"] == {"llm": 2, "slm": 2}
    assert total["tokens"]["slm"] == {"input": 200, "output": 20}
    assert total["gates"] == [{"gate": "grounded", "count": 1}, {"gate": "schema", "count": 1}]
    assert total["latency"]["slm"] == {"count": 1, "p50": 1.0, "p95": 1.0}
    assert total["latency"]["all"]["p50"] == 2.0


def test_what_a_head_rejected_and_the_llm_answered_is_escalated(ledger: Ledger) -> None:
    """The shares of an audit rest on it: else every ledger of a head would show no failure."""
    slm_run(ledger, "r1")
    ledger.start("r2", {"text": "x"}, profile(task="faq"), decision())
    ledger.add_attempt("r2", attempt("a1", tier="head"))
    ledger.add_verdict("r2", verdict("a1", accepted=False, gates=("score",)))
    ledger.add_attempt("r2", attempt("a2", tier="llm"))
    ledger.finish("r2", answer("r2", tier="llm", profile=profile(task="faq")))
    figures = report(ledger)
    assert (figures["total"]["local_runs"], figures["total"]["escalated"]) == (2, 1)


def test_the_llm_alone_being_cheaper_shows_as_a_negative_saving(ledger: Ledger) -> None:
    escalated_run(ledger, "r1")
    saving = report(ledger)["total"]["saving"]
    assert saving == pytest.approx(-0.001)


def test_reading_the_task_is_no_attempt_at_it(ledger: Ledger) -> None:
    ledger.start("r1", {"text": "x"}, profile(task="reasoning"), decision(tier="llm"))
    ledger.add_attempt("r1", attempt("c", purpose="classify"))
    ledger.add_attempt("r1", attempt("a", tier="llm"))
    ledger.finish("r1", answer("r1", tier="llm"))
    total = report(ledger)["total"]
    assert (total["local_runs"], total["escalated"]) == (0, 0)
    assert total["cost"] == pytest.approx(0.002)


def test_sub_runs_add_their_attempts_and_no_runs(ledger: Ledger) -> None:
    ledger.start("agent", {"text": "x"}, profile(task="agent"), decision(tier="llm"))
    ledger.add_attempt("agent", attempt("plan", tier="llm", purpose="plan", cost=0.02))
    slm_run(ledger, "sub", task="sentiment", parent="agent", all_llm_cost=0.5)
    done = answer("agent", tier="llm", profile=profile(task="agent"), all_llm_cost=0.6)
    ledger.finish("agent", done)
    figures = report(ledger)
    assert [line["task"] for line in figures["tasks"]] == ["agent"]
    total = figures["total"]
    assert (total["runs"], total["sub_runs"], total["accepted"]) == (1, 1, 1)
    assert total["cost"] == pytest.approx(0.021)
    assert total["all_llm_cost"] == pytest.approx(0.6)
    assert total["calls"] == {"llm": 1, "slm": 1}
    assert report(ledger, task="sentiment")["total"]["runs"] == 0


def test_a_sub_run_whose_parent_is_elsewhere_is_not_lost(ledger: Ledger) -> None:
    slm_run(ledger, "r1", parent="in-another-ledger")
    assert report(ledger)["total"]["runs"] == 1


def test_what_killed_runs_spent_is_cost_but_no_loss_of_saving(ledger: Ledger) -> None:
    ledger.start("r1", {"text": "x"}, profile(), decision())
    ledger.add_attempt("r1", attempt(cost=0.5))
    total = report(ledger)["total"]
    assert (total["runs"], total["running"]) == (1, 1)
    assert total["cost"] == 0.5
    assert (total["finished_cost"], total["saving"]) == (0.0, 0.0)


def test_failed_and_reviewed_runs_are_nobody_s_answer(ledger: Ledger) -> None:
    error: Any = {"code": "model_unavailable", "what": "The LLM is down.", "remedy": ""}
    slm_run(ledger, "r1", status="failed", tier=None, error=error)
    slm_run(ledger, "r2", status="needs_review", tier=None)
    total = report(ledger)["total"]
    assert (total["failed"], total["needs_review"], total["answered_by"]) == (1, 1, {})
    assert total["errors"] == {"model_unavailable": 1}
    assert (total["latency"]["all"]["count"], total["latency"]["slm"]["count"]) == (2, 0)


def test_tasks_add_up_to_the_total(ledger: Ledger) -> None:
    for number, task in enumerate(("faq", "sentiment", "faq", "extraction")):
        slm_run(ledger, f"r{number}", task=task)
    figures = report(ledger)
    assert [line["task"] for line in figures["tasks"]] == ["extraction", "faq", "sentiment"]
    for key in ("runs", "cost", "all_llm_cost", "accepted"):
        lines: list[Any] = [line[key] for line in figures["tasks"]]
        assert sum(lines) == pytest.approx(figures["total"][key])


def test_filters(ledger: Ledger) -> None:
    slm_run(ledger, "old", tenant="acme")
    slm_run(ledger, "new", task="sentiment")
    now = datetime.now(UTC)
    with ledger._engine.begin() as connection:
        past = (now - timedelta(days=9)).timestamp()
        connection.execute(update(tables.runs).where(tables.runs.c.id == "old"), {"started": past})
    week = now - timedelta(days=7)
    assert report(ledger, since=week)["total"]["accepted"] == 1
    assert [line["task"] for line in report(ledger, until=week)["tasks"]] == ["faq"]
    assert report(ledger, task="sentiment")["total"]["runs"] == 1
    assert report(ledger, tenant="acme")["total"]["cost"] == pytest.approx(0.001)
    assert report(ledger, tenant="nobody")["total"]["runs"] == 0


def test_money_of_another_currency_is_left_out(tmp_path: Path, ledger: Ledger) -> None:
    slm_run(ledger, "r1")
    euros = Ledger.from_settings(Settings(home=tmp_path, currency="EUR"))
    slm_run(euros, "r2")
    figures = report(euros)
    assert (figures["currency"], figures["other_currencies"]) == ("EUR", ["USD"])
    assert figures["total"]["runs"] == 2
    assert figures["total"]["cost"] == pytest.approx(0.001)
    euros.close()


@given(
    st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=30),
    st.floats(0, 1, allow_nan=False),
)
def test_quantiles_are_numpy_s(values: list[float], share: float) -> None:
    ours = _quantile(sorted(values), share)
    assert ours == pytest.approx(float(np.quantile(values, share)), rel=1e-9, abs=1e-9)


def shell(settings: Settings, *arguments: str) -> Any:
    app = typer.Typer()
    app.command("report")(command)

    @app.callback()
    def options(ctx: typer.Context) -> None:
        ctx.obj = settings

    return CliRunner().invoke(app, ["report", *arguments], env={"COLUMNS": "200"})


def test_the_command_says_that_there_is_nothing_yet(tmp_path: Path) -> None:
    result = shell(Settings(home=tmp_path))
    assert result.exit_code == 0
    assert "No runs yet" in result.output


def test_the_command_prints_tables_and_json(tmp_path: Path, ledger: Ledger) -> None:
    slm_run(ledger, "r1")
    escalated_run(ledger, "r2")
    shown = shell(Settings(home=tmp_path)).output
    for part in ("faq", "total", "1/2 (50.0%)", "26.7%", "grounded 1", "ledger.sqlite"):
        assert part in shown
    told = json.loads(shell(Settings(home=tmp_path), "--json").output)
    assert told == report(ledger)
    nothing = shell(Settings(home=tmp_path), "--task", "agent", "--since", "7d")
    assert "matches" in nothing.output


def test_since_is_a_date_or_a_span() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert started_since("24h", now) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert started_since("2026-11-01T00:00+00:00", now) == datetime(2026, 11, 1, tzinfo=UTC)
    for wrong in ("yesterday", "7", "999999w", "0001-01-01"):
        with pytest.raises(TandemError) as caught:
            started_since(wrong, now)
        assert isinstance(caught.value, InvalidRequest)
