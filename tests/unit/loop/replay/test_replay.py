"""Replays of ledgers whose every figure is computed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tandem.errors import InvalidRequest, SettingsError
from tandem.ledger.feedback import give
from tandem.ledger.report import report
from tandem.ledger.store import Ledger
from tandem.loop.replay.agreement import Stratum, combined
from tandem.loop.replay.logged import Window
from tandem.loop.replay.replaying import refuse_empty, replay
from tandem.models.files import record_sum
from tandem.settings import LedgerSettings, Policy, Price, Settings, TaskSettings
from tandem.stats import wilson
from tests.unit.ledger.rows import answer, attempt
from tests.unit.loop.replay.ledgers import LLM, SLM, Writer, llm_try, settings, slm_try


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", texts="all")
    yield opened
    opened.close()


@pytest.fixture
def written(ledger: Ledger) -> Writer:
    return Writer(ledger)


def only(ledger: Ledger, old: Settings, new: Settings, **window: Any) -> Any:
    (line,) = replay(ledger, old, new, Window(**window)).figures["tasks"]
    return line


def margin(folder: Path, least: float, **sections: Any) -> Settings:
    return settings(folder, tasks={"sentiment": TaskSettings(min_margin=least)}, **sections)


def is_exactly(known: Any, value: float) -> bool:
    return known["low"] == known["high"] == known["value"] == pytest.approx(value, abs=1e-12)


def test_the_same_settings_change_nothing(ledger: Ledger, written: Writer, tmp_path: Path) -> None:
    written.accepted("r1")
    written.escalated("r2")
    written.run("r3", slm_try(margin=0.1), rejected={"a1": ("margin",)}, status="needs_review",
                decided={"may_escalate": False})  # fmt: skip
    line = only(ledger, settings(tmp_path), settings(tmp_path))
    assert (line["runs"], line["same"], line["unknown"]) == (3, 3, [])
    assert line["cost"] == {"value": line["cost_then"]} | {
        "low": line["cost_then"], "high": line["cost_then"]
    }  # fmt: skip
    assert is_exactly(line["cost"], 3 * 0.00102 + 0.0112)
    assert line["changed"]["moved"] == {}
    assert (line["p50_then"], line["p50"]["value"]) == (pytest.approx(0.6), pytest.approx(0.6))


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["accepted", "escalated", "direct", "review", "failed"]),
            st.floats(0, 1),
            st.floats(0, 0.5),
        ),
        max_size=12,
    )
)
def test_replaying_the_same_settings_gives_the_same_totals(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float, float]]
) -> None:
    folder = tmp_path_factory.mktemp("same")
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    written = Writer(ledger)
    for number, (kind, lead, cost) in enumerate(rows):
        own, its = slm_try(margin=lead, cost=cost), llm_try(cost=10 * cost)
        name = f"r{number}"
        if kind == "accepted":
            written.run(name, own)
        elif kind == "escalated":
            written.run(name, own, its, rejected={"a1": ("margin",)})
        elif kind == "direct":
            written.run(name, its, decided={"tier": "llm"})
        elif kind == "review":
            written.run(name, own, rejected={"a1": ("schema",)}, status="needs_review",
                        decided={"may_escalate": False})  # fmt: skip
        else:
            written.run(name, own, its, rejected={"a1": ("margin",), "a2": ("schema",)},
                        status="failed")  # fmt: skip
    total = replay(ledger, settings(folder), settings(folder)).figures["total"]
    expected = report(ledger)["total"]
    ledger.close()
    assert (total["runs"], total["same"]) == (expected["runs"], expected["runs"])
    assert total["cost"]["value"] == pytest.approx(expected["cost"], abs=1e-12)
    assert total["cost"]["low"] == total["cost"]["high"] == total["cost"]["value"]
    assert (total["p50"] or {}).get("value") == expected["latency"]["all"]["p50"]


def test_new_prices_are_exact(ledger: Ledger, written: Writer, tmp_path: Path) -> None:
    written.accepted("r1")
    written.escalated("r2")
    dear = Price(per_million_input=100.0, per_million_output=0.0)
    line = only(ledger, settings(tmp_path), settings(tmp_path, llm=dear))
    assert is_exactly(line["cost"], 2 * 0.00102 + 0.11)
    assert line["same"] == 2


def test_seconds_that_were_charged_are_found_again(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    by_time = Price(per_second=0.1)
    written.run("r1", slm_try(cost=0.04))  # 0.4 of its 0.5 s were charged
    line = only(ledger, settings(tmp_path, slm=by_time),
                settings(tmp_path, slm=Price(per_second=0.3)))  # fmt: skip
    assert is_exactly(line["cost"], 0.12)
    assert line["notes"] == []
    new = settings(tmp_path, slm=Price(per_second=0.3))
    line = only(ledger, settings(tmp_path), new)
    assert is_exactly(line["cost"], 0.15)
    assert "waiting included" in line["notes"][0]


def test_accepting_more_drops_what_came_after(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1")
    written.escalated("r2", margin=0.25, by_llm="up")
    written.escalated("r3", margin=0.22, by_llm="down")
    written.escalated("r4", margin=0.1)
    written.run("r5", slm_try(margin=0.9), llm_try(), rejected={"a1": ("label_in_set",)})
    line = only(ledger, settings(tmp_path), margin(tmp_path, 0.2))
    assert (line["same"], line["exact"], line["estimated"]) == (3, 2, 0)
    assert is_exactly(line["cost"], 5 * 0.00102 + 2 * 0.0112)
    assert line["changed"]["moved"] == {"llm to slm": 2}
    assert (line["changed"]["others"], line["changed"]["low"], line["changed"]["high"]) == (1, 1, 1)
    agreed = line["quality"]["agreement"]
    # One of the two that moved; of the answer that stayed nothing is known.
    assert (agreed["n"], agreed["of"], agreed["mean"]) == (2, 3, None)
    assert (agreed["low"], agreed["high"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    # 0.6, 0.6, 0.6, 2.6, 2.6
    assert is_exactly(line["p50"], 0.6)
    assert line["p50_then"] == pytest.approx(2.6)


def test_without_kept_outputs_the_changed_answers_are_bounded_only(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'bare.sqlite'}")
    Writer(ledger).escalated("r1", margin=0.25)
    line = only(ledger, settings(tmp_path), margin(tmp_path, 0.2))
    ledger.close()
    told = line["changed"]
    assert (told["compared"], told["others"], told["low"], told["high"]) == (0, None, 0, 1)


def test_accepting_less_is_estimated_by_the_tasks_own_calls(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    for number in range(30):
        written.escalated(f"e{number}")
    for number in range(40):
        written.accepted(f"a{number}", margin=0.5 if number < 20 else 0.9)
        if number < 10:
            written.shadow(f"a{number}", agreed=number >= 4)
    figures = replay(ledger, settings(tmp_path), margin(tmp_path, 0.6)).figures
    (line,) = figures["tasks"]
    assert (line["same"], line["estimated"]) == (50, 20)
    assert figures["total"]["cost"] == line["cost"]
    assert figures["total"]["p50"] is None  # of several tasks together it is not estimated
    # Every LLM call of this task has the same tokens: the estimate cannot miss.
    assert line["cost"]["value"] == pytest.approx(70 * 0.00102 + 50 * 0.0112)
    told = line["changed"]
    assert told["moved"] == {"slm to llm": 20}
    assert told["compared"] == 10
    assert told["low"] <= 8 <= told["high"]
    assert 4 <= told["low"] <= told["others"] <= told["high"] <= 14
    assert line["p95"]["value"] == pytest.approx(2.6)
    assert line["quality"]["agreement_then"]["n"] == 10
    assert line["quality"]["agreement"]["mean"] is None


def test_a_shadow_that_was_not_always_on_speaks_for_all_that_stayed(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    for number in range(60):
        written.accepted(f"a{number}")
    for number in range(4):  # of the last 8, since it was on
        written.shadow(f"a{number + 52}", agreed=True)
    for number in range(12):
        written.escalated(f"e{number}", margin=0.25, by_llm="up" if number % 2 else "down")
    told = only(ledger, settings(tmp_path), margin(tmp_path, 0.2))["quality"]["agreement"]
    assert (told["n"], told["of"], told["left_out"]) == (16, 72, 0)
    assert told["mean"] == pytest.approx((60 + 6) / 72)
    # The runs that went to the LLM are all known; of the others, Wilson's interval of 4 of 4.
    low = wilson(4, 4).low
    assert told["low"] == pytest.approx((60 * low + 6) / 72)
    assert told["high"] == pytest.approx((60 + 6) / 72)


def test_without_a_sample_of_what_stayed_agreement_is_bounded_only(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    for number in range(6):
        written.accepted(f"a{number}")
        written.escalated(f"e{number}", margin=0.25)
    told = only(ledger, settings(tmp_path), margin(tmp_path, 0.2))["quality"]["agreement"]
    assert (told["mean"], told["low"], told["high"]) == (None, 0.5, 1.0)


def test_answers_that_the_llm_may_not_see_are_told_apart(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    for number in range(5):
        written.accepted(f"s{number}", sensitivity="secret")
        written.accepted(f"a{number}")
        written.shadow(f"a{number}", agreed=True, probability=1.0)
    told = only(ledger, settings(tmp_path), settings(tmp_path))["quality"]["agreement"]
    assert (told["of"], told["left_out"], told["mean"], told["low"]) == (5, 5, 1.0, 1.0)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.booleans()), max_size=4))
def test_strata_are_combined_within_their_bounds(parts: list[tuple[int, int, bool]]) -> None:
    strata = [Stratum(n, wilson(min(k, n), n) if known else None) for n, k, known in parts]
    mean, low, high = combined(strata)
    ends = [(one.answers, *((one.share.low, one.share.high) if one.share else (0, 1)))
            for one in strata]  # fmt: skip
    total = sum(count for count, _, _ in ends) or 1
    slack = 1e-9
    assert sum(n * least for n, least, _ in ends) / total - slack <= low <= high
    assert high <= (sum(n * most for n, _, most in ends) / total if ends else 1) + slack
    assert (mean is None) == (not ends or any(one.share is None for one in strata))
    assert mean is None or low - slack <= mean <= high + slack


def test_too_few_calls_of_the_llm_tell_nothing(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1", margin=0.5)
    written.escalated("r2")
    line = only(ledger, settings(tmp_path), margin(tmp_path, 0.6))
    (unknown,) = line["unknown"]
    assert (unknown["runs"], unknown["cost"]) == (1, pytest.approx(0.00102))
    assert "too few" in unknown["why"]
    assert "[shadow]" in unknown["remedy"]
    assert line["cost_then"] == pytest.approx(0.00102 + 0.0112)


def test_what_began_on_the_llm_and_would_not_is_unknown(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.run("r1", llm_try("a1"), decided={"tier": "llm"}, complexity=0.8)
    written.accepted("r2", complexity=0.2)
    old = settings(tmp_path, policy=Policy(llm_above=0.5))
    line = only(ledger, old, settings(tmp_path, policy=Policy(llm_above=0.9)))
    (unknown,) = line["unknown"]
    assert (unknown["runs"], line["same"]) == (1, 1)
    assert "--rerun" in unknown["remedy"]
    line = only(ledger, old, settings(tmp_path, policy=Policy(llm_above=0.1)))
    assert line["unknown"][0]["runs"] == 1  # no call of the LLM to count by
    for number in range(20):
        written.escalated(f"e{number}", complexity=0.2)
    line = only(ledger, old, settings(tmp_path, policy=Policy(llm_above=0.1)))
    assert (line["same"], line["exact"], line["estimated"]) == (1, 20, 1)
    assert line["cost"]["value"] == pytest.approx(22 * 0.0112)


def test_a_run_of_other_settings_than_the_present_ones_is_unknown(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1", complexity=0.8)
    old = settings(tmp_path, policy=Policy(llm_above=0.5))  # it would have begun on the LLM
    line = only(ledger, old, settings(tmp_path, policy=Policy(llm_above=0.9)))
    assert "other settings" in line["unknown"][0]["why"]


def test_a_rule_that_asks_what_is_not_logged_is_not_guessed(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1")
    rule = {"name": "long", "when": {"text_chars": {"above": 100}}, "first_tier": "llm"}
    line = only(ledger, settings(tmp_path), settings(tmp_path, policy={"rules": [rule]}))
    assert "'long'" in line["unknown"][0]["why"]


def test_rules_that_forbid_or_refuse(ledger: Ledger, written: Writer, tmp_path: Path) -> None:
    written.escalated("r1", tenant="a")
    written.accepted("r2", tenant="b")
    written.accepted("r3", tenant="c")
    rules = [
        {"name": "no llm", "when": {"tenant": "a"}, "may_escalate": False},
        {"name": "none", "when": {"tenant": "b"}, "refuse": "not here"},
    ]
    line = only(ledger, settings(tmp_path), settings(tmp_path, policy={"rules": rules}))
    # A rejected margin is followed by another try of the SLM, which nobody saw.
    assert line["unknown"][0]["why"].startswith("the SLM would be asked once more")
    assert (line["exact"], line["same"]) == (1, 1)
    assert is_exactly(line["cost"], 0.00102)
    assert line["changed"]["moved"] == {"slm to nobody": 1}


def test_another_model_is_another_matter(ledger: Ledger, written: Writer, tmp_path: Path) -> None:
    written.accepted("r1")
    written.escalated("r2")
    new = settings(tmp_path, tiers={"llm": {"model": "slm-embedded"}})
    line = only(ledger, settings(tmp_path), new)
    assert (line["same"], line["unknown"][0]["runs"]) == (1, 1)


@pytest.mark.parametrize("recorded", [True, False])
def test_another_file_of_the_same_size_is_another_model(
    ledger: Ledger, written: Writer, tmp_path: Path, recorded: bool
) -> None:
    written.accepted("r1")
    for name in ("a", "b"):
        (tmp_path / f"{name}.gguf").write_bytes(b"weights")
        if recorded:
            record_sum(tmp_path / f"{name}.gguf", name * 64)
    old, new = (settings(tmp_path, slm_is={"path": str(tmp_path / f"{name}.gguf")})
                for name in ("a", "b"))  # fmt: skip
    line = only(ledger, old, new)
    assert (line["same"], line["unknown"][0]["runs"]) == (0, 1)
    assert "another file" in line["unknown"][0]["why"]
    assert only(ledger, old, old)["same"] == 1


def test_the_same_file_elsewhere_is_the_same_model(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1")
    for name in ("a", "b"):
        (tmp_path / f"{name}.gguf").write_bytes(b"weights")
        record_sum(tmp_path / f"{name}.gguf", "a" * 64)
    old, new = (settings(tmp_path, slm_is={"path": str(tmp_path / f"{name}.gguf")})
                for name in ("a", "b"))  # fmt: skip
    assert only(ledger, old, new)["same"] == 1


def test_a_server_at_another_address_may_be_another_model(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1")
    written.escalated("r2")

    def at(host: str) -> Settings:
        served = {"backend": "openai", "model": "large", "url": f"https://{host}.example/v1"}
        return settings(tmp_path, llm_is=served)

    line = only(ledger, at("a"), at("b"))
    assert (line["same"], line["unknown"][0]["runs"]) == (1, 1)
    assert only(ledger, at("a"), at("a"))["same"] == 2


def test_a_setting_that_no_replay_follows_is_named(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1")
    new = settings(tmp_path, routing={"min_confidence": 0.9})
    line = only(ledger, settings(tmp_path), new)
    assert "routing.min_confidence" in line["unknown"][0]["why"]
    other = settings(tmp_path, research={"document_chars": 4000})
    assert only(ledger, settings(tmp_path), other)["same"] == 1


def test_adapters_concern_every_task_that_one_may_answer(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    new = settings(tmp_path, adapters={"enabled": False})
    for name, same in (("sentiment", 0), ("extraction", 0), ("of_their_own", 0), ("draft", 1)):
        written.accepted(name, task=name)
        line = only(ledger, settings(tmp_path), new, task=name)
        assert line["same"] == same, name
        assert same or "adapters.enabled" in line["unknown"][0]["why"], name


def test_of_outputs_only_what_is_compared_is_held(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    held = {}
    for name, output in (
        ("sentiment", {"label": "up", "probabilities": {"up": 0.9}}),
        ("draft", {"text": "long"}),
        ("of_their_own", {"text": "long"}),
    ):
        written.run(name, slm_try(output=output), task=name)
    for one in replay(ledger, settings(tmp_path), settings(tmp_path)).followed:
        held[one.run.task] = one.run.attempts[0].output
    assert held == {"sentiment": {"label": "up"}, "draft": None, "of_their_own": None}


def test_a_budget_that_would_have_been_spent(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    for number in range(4):
        written.now += 60
        written.run(f"r{number}", slm_try(margin=0.1), llm_try(), rejected={"a1": ("score",)})
    budget = {"per_day": 0.0200}
    line = only(ledger, settings(tmp_path), settings(tmp_path, policy={"budgets": budget}))
    # The first two cost 0.02444 together; the third and fourth find the budget spent.
    assert (line["same"], line["exact"]) == (2, 2)
    assert is_exactly(line["cost"], 2 * 0.01222 + 2 * 0.00102)
    budget["when_spent"] = "refuse"  # type: ignore[assignment]
    line = only(ledger, settings(tmp_path), settings(tmp_path, policy={"budgets": budget}))
    assert is_exactly(line["cost"], 2 * 0.01222)
    assert line["changed"]["moved"] == {"llm to nobody": 2}


def test_a_budget_of_a_day_counts_what_came_before_the_window(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    from datetime import UTC, datetime

    written.now += 60
    written.escalated("r1")
    written.now += 60
    since = datetime.fromtimestamp(written.now, UTC)
    written.escalated("r2")
    policy = {"budgets": {"per_day": 0.012, "when_spent": "refuse"}}
    line = only(ledger, settings(tmp_path), settings(tmp_path, policy=policy), since=since)
    assert (line["runs"], line["exact"]) == (1, 1)
    assert is_exactly(line["cost"], 0.0)


def test_an_agents_parts_are_paid_by_its_task(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    plan = attempt("p1", purpose="plan", tier="llm", cost=0.5)
    written.run("root", plan, decided={"tier": "llm"})
    written.escalated("part", margin=0.25, parent="root")
    same = only(ledger, settings(tmp_path), settings(tmp_path))
    assert (same["runs"], same["same"]) == (1, 1)
    assert is_exactly(same["cost"], 0.5 + 0.01222)
    moved = only(ledger, settings(tmp_path), margin(tmp_path, 0.2))
    assert moved["unknown"][0]["runs"] == 1
    assert moved["unknown"][0]["cost"] == pytest.approx(0.51222)
    assert is_exactly(moved["cost"], 0.0)


def test_feedback_is_told_of_what_stays(ledger: Ledger, written: Writer, tmp_path: Path) -> None:
    written.accepted("r1")
    written.escalated("r2", margin=0.25)
    give(ledger, "r1", correct=True)
    give(ledger, "r2", correct=False)
    told = only(ledger, settings(tmp_path), margin(tmp_path, 0.2))["quality"]
    assert (told["feedback_then"]["mean"], told["feedback"]["mean"]) == (0.5, 1.0)
    assert told["feedback_lost"] == 1


def test_runs_that_have_not_ended_or_count_otherwise_are_left_out(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1")
    ledger.start("open", {"text": "x", "task": "sentiment"})
    euros = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", currency="EUR")
    Writer(euros).accepted("r2")
    euros.close()
    figures = replay(ledger, settings(tmp_path), settings(tmp_path)).figures
    assert (figures["running"], figures["other_currencies"]) == (1, {"EUR": 1})
    assert figures["total"]["runs"] == 1


def test_other_currencies_are_refused(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="EUR"):
        replay(ledger, settings(tmp_path), settings(tmp_path, currency="EUR"))


def test_an_empty_ledger_is_told(ledger: Ledger, tmp_path: Path) -> None:
    figures = replay(ledger, settings(tmp_path), settings(tmp_path)).figures
    with pytest.raises(InvalidRequest, match="no runs yet"):
        refuse_empty(figures)


def test_a_price_that_nobody_knows(ledger: Ledger, written: Writer, tmp_path: Path) -> None:
    written.accepted("r1")
    with pytest.raises(SettingsError, match="No list price"):
        replay(
            ledger, settings(tmp_path), settings(tmp_path, slm=Price(priced_as="nobody/nothing"))
        )


def test_stand_ins_are_told_apart_by_what_they_cost(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    tiers = {"slm": {"model": "slm-embedded", "stand_ins": ["llm-embedded"]}}
    loose = {"stand_ins_may_be_less_private": True}
    old = settings(tmp_path, tiers=tiers, privacy=loose)
    written.run("r1", slm_try(cost=(1000 * 10 + 200) / 1e6))  # at the price of the stand-in
    new = settings(tmp_path, slm=Price(per_million_input=500.0),
                   llm=Price(per_million_input=30.0), tiers=tiers, privacy=loose)  # fmt: skip
    assert is_exactly(only(ledger, old, new)["cost"], 0.03)
    assert LLM != SLM


def test_a_ledger_that_keeps_no_texts_needs_no_setting_of_it(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    written.accepted("r1")
    new = settings(tmp_path, ledger=LedgerSettings(texts="all"))
    assert only(ledger, settings(tmp_path), new)["same"] == 1


def test_what_older_settings_decided_stays_where_nothing_that_decides_differs(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    """The present settings have no budget; the one that these runs met is gone."""
    why = "today's budget of all tenants is spent: 1.0 of 1.0 USD (UTC day): SLM only"
    barred = {"may_escalate": False, "reasons": [why]}
    written.run("kept", slm_try(margin=0.1), rejected={"a1": ("margin",)}, status="needs_review",
                decided=barred)  # fmt: skip
    written.accepted("root")
    error = {"code": "budget_spent", "what": "Nothing was asked.", "remedy": ""}
    ledger.start("part", {"text": "x", "task": "sentiment"}, parent_run_id="root")
    ledger.finish("part", answer("part", status="failed", tier=None, error=error))
    for new in (settings(tmp_path), settings(tmp_path, llm=Price(per_million_input=3.0))):
        line = only(ledger, settings(tmp_path), new)
        assert (line["same"], line["unknown"]) == (2, [])
    bounded = {"policy": {"budgets": {"per_day": 100.0}}}
    line = only(ledger, settings(tmp_path, **bounded), settings(tmp_path, **bounded))
    assert line["same"] == 2


def test_without_its_budget_the_llm_would_have_been_asked(
    ledger: Ledger, written: Writer, tmp_path: Path
) -> None:
    why = "today's budget of all tenants is spent: 1.0 of 1.0 USD (UTC day): SLM only"
    written.run("kept", slm_try(margin=0.1), rejected={"a1": ("margin",)}, status="needs_review",
                decided={"may_escalate": False, "reasons": [why]})  # fmt: skip
    for number in range(20):
        written.escalated(f"e{number}")
    old = settings(tmp_path, policy={"budgets": {"per_day": 0.001}})
    line = only(ledger, old, settings(tmp_path))
    assert (line["same"], line["estimated"]) == (20, 1)
    assert line["changed"]["moved"] == {"nobody to llm": 1}
