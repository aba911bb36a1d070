"""Replay against truth: requests are run under settings A, replayed to B, and really run under B.

    python bench/replay.py [--seeds 20] [--requests 150]

The models are fakes behind the real client and graph: deterministic, with tokens, seconds and
scores that vary as real ones do (long texts are harder and cost more). What the replay calls exact
must be equal; of what it estimates the table tells how often the 95 % interval holds what was
measured. Seconds are what the models were told to take, written into both ledgers: the clock of a
busy machine would tell of the machine.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from common import machine, print_json, table
from replay_models import LABELS, PRIVATE, PUBLIC, Models, installed, row, seconds
from sqlalchemy import delete, select, update

from tandem.app import Tandem
from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, runs, shadow
from tandem.loop.replay.replaying import replay
from tandem.nodes.state import Context
from tandem.settings import Settings

NEAR: Final = 1e-9
OVERHEAD_S: Final = 0.01
SCENARIOS: Final[dict[str, dict[str, Any]]] = {
    "the same": {},
    "other prices": {"llm_price": 25.0},
    "accept more": {"tasks": {"sentiment": {"min_margin": 0.3}}},
    "accept less": {"tasks": {"sentiment": {"min_margin": 0.75}}},
    "LLM first": {"tasks": {"sentiment": {"first_tier": "llm", "min_margin": 0.5}}},
    "no escalation for b": {
        "rules": [{"name": "own", "when": {"tenant": "b"}, "may_escalate": False}]
    },
    "a budget": {"budgets": {"per_day": 0.012, "refresh_s": 0.0}},
}
LATE: Final = "accept more"
"""The scenario that is replayed once more as if the shadow had been off for most of the time."""
OFF: Final = 0.7
BASE: Final[dict[str, Any]] = {"tasks": {"sentiment": {"min_margin": 0.5}}}


class Truth(NamedTuple):
    """What came of really running the requests."""

    cost: float
    outputs: dict[str, str | None]
    by_llm: set[str]
    p50: float
    p95: float


def settings(home: Path, share: float, told: dict[str, Any]) -> Settings:
    """The settings of a scenario, with a ledger in `home`."""
    common = {"backend": "openai", "dialect": "vllm"}
    price = {"per_million_input": told.get("llm_price", 10.0), "per_million_output": 40.0}
    return Settings.model_validate(
        {
            "home": home,
            "models": {
                "private": {
                    **common, "url": PRIVATE, "model": "small", "private": True,
                    "price": {"per_million_input": 0.5, "per_million_output": 1.0},
                },
                "public": {**common, "url": PUBLIC, "model": "large", "price": price},
            },
            "tiers": {"slm": {"model": "private"}, "llm": {"model": "public"}},
            "tasks": told.get("tasks", BASE["tasks"]),
            "policy": {
                "slm_retries": 0,
                "rules": told.get("rules", []),
                "budgets": told.get("budgets", {}),
            },
            "calibration": {"shipped": False},
            "checkpoints": {"url": "off"},
            "ledger": {"texts": "all"},
            "shadow": {"share": share, "per_day": 1e9, "queue": 100_000, "close_s": 120},
        }
    )  # fmt: skip


def run(seed: int, count: int, chosen: Settings) -> Truth:
    """Ask all requests, one after the other."""
    outputs: dict[str, str | None] = {}
    by_llm, cost = set(), 0.0
    with installed(Models(seed)), Tandem(chosen) as tandem:
        for number in range(count):
            name = f"{seed}-{number}"
            answer = tandem.run(
                {
                    "text": row(seed, number).text,
                    "task": "sentiment",
                    "labels": list(LABELS),
                    "tenant": "ab"[number % 2],
                },
                context=Context(run_id=name),
            )
            outputs[name] = answer["output"] and answer["output"]["label"]
            if answer["tier"] == "llm":
                by_llm.add(name)
            cost += answer["cost"]
    took = with_seconds(seed, chosen)
    twentieths = statistics.quantiles(took, n=20, method="inclusive")
    return Truth(cost, outputs, by_llm, statistics.median(took), twentieths[-1])


def with_seconds(seed: int, chosen: Settings) -> list[float]:
    """Writes the seconds that the models take, and 10 ms around them, into the ledger, as if the
    runs had followed each other; gives those of its runs."""
    ledger = Ledger.from_settings(chosen)
    with ledger.writing() as connection:
        took: dict[str, float] = defaultdict(lambda: OVERHEAD_S)
        for name, key, tier in connection.execute(
            select(attempts.c.run_id, attempts.c.id, attempts.c.tier)
        ).all():
            own = seconds(seed, int(name.split("-")[1]), tier)
            took[name] += own
            which = (attempts.c.run_id == name, attempts.c.id == key)
            connection.execute(update(attempts).where(*which).values(seconds=own))
        ordered = select(runs.c.id, runs.c.started).order_by(runs.c.started)
        found = connection.execute(ordered).all()
        now = found[0].started
        for name, _ in found:
            told = {"seconds": took[name], "started": now}
            connection.execute(update(runs).where(runs.c.id == name).values(**told))
            now += took[name] + OVERHEAD_S
        for (name,) in connection.execute(select(shadow.c.run_id)).all():
            own = seconds(seed, int(name.split("-")[1]), "llm")
            connection.execute(update(shadow).where(shadow.c.run_id == name).values(seconds=own))
    ledger.close()
    return list(took.values())


def compared(seed: int, count: int, folder: Path, share: float) -> dict[str, dict[str, float]]:
    """Each scenario's prediction beside what was measured."""
    before = settings(folder / "a", share, {})
    then = run(seed, count, before)
    found = {}
    for name, told in SCENARIOS.items():
        after = settings(folder / name, 0.0, told)
        ledger = Ledger.from_settings(before)
        (line,) = replay(ledger, before, after.model_copy(update={"home": folder / "a"})).figures[
            "tasks"
        ]
        ledger.close()
        now = run(seed, count, after)
        found[name] = _row(seed, line, then, now)
        if name == LATE:
            late = _late(before, count, folder, after)
            found[f"{name}, shadow on late"] = _row(seed, late, then, now)
    return found


def _late(before: Settings, count: int, folder: Path, after: Settings) -> Any:
    """The replayed line where the shadow was on for the last runs only."""
    home = folder / "late"
    shutil.copytree(folder / "a", home)
    ledger = Ledger.from_settings(before.model_copy(update={"home": home}))
    with ledger.writing() as connection:
        for (name,) in connection.execute(select(shadow.c.run_id)).all():
            if int(name.split("-")[1]) < OFF * count:
                connection.execute(delete(shadow).where(shadow.c.run_id == name))
    (line,) = replay(ledger, before, after.model_copy(update={"home": folder / "a"})).figures[
        "tasks"
    ]
    ledger.close()
    return line


def _row(seed: int, line: Any, then: Truth, now: Truth) -> dict[str, float]:
    unknown = sum(one["runs"] for one in line["unknown"])
    differing = sum(now.outputs[name] != label for name, label in then.outputs.items())
    local = [name for name, label in now.outputs.items() if label and name not in now.by_llm]
    agreeing = [now.outputs[name] == row(seed, int(name.split("-")[1])).llm for name in local]
    share = sum(agreeing) / len(agreeing) if agreeing else math.nan
    cost, told = line["cost"], line["quality"]["agreement"]
    exact = not line["estimated"]
    held = {
        "exact": float(exact),
        "equal": float(exact and math.isclose(cost["value"], now.cost, rel_tol=NEAR)),
        "unknown": float(unknown),
        "cost_off": abs(cost["value"] / now.cost - 1),
        "cost_held": _held(cost, now.cost),
        "cost_width": (cost["high"] - cost["low"]) / now.cost,
        "others_held": float(line["changed"]["low"] <= differing <= line["changed"]["high"]),
        "others_width": line["changed"]["high"] - line["changed"]["low"],
        "others": float(differing),
        "p50_held": _held(line["p50"], now.p50),
        "p95_held": _held(line["p95"], now.p95),
    }
    if told["mean"] is not None and not math.isnan(share):
        held["agreement_held"] = _held(told, share)
        held["agreement_off"] = abs(told["mean"] - share)
    return held


def _held(told: dict[str, float], measured: float) -> float:
    return float(told["low"] - NEAR <= measured <= told["high"] + NEAR)


def main() -> None:
    """Print the table and, last, JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--shadow", type=float, default=0.3)
    given = parser.parse_args()
    every: dict[str, list[dict[str, float]]] = defaultdict(list)
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            rows = compared(seed, given.requests, Path(folder), given.shadow)
            for name, figures in rows.items():
                every[name].append(figures)
    shown = {name: _means(rows) for name, rows in every.items()}
    title = f"means of {given.seeds} seeds, {given.requests} requests each"
    print(table(title, shown, digits=3))
    print_json({"machine": machine(), "scenarios": shown})


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    keys = dict.fromkeys(key for one in rows for key in one)
    return {key: statistics.fmean(one[key] for one in rows if key in one) for key in keys}


if __name__ == "__main__":
    main()
