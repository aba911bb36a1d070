"""Receipts: escalate the doubtful fields, or the whole answer? Quality, LLM tokens and seconds.

    python bench/calibration_receipts.py --settings demo/tandem.toml --data FOLDER [--ask N]

Doubtful is what a hard gate of the SLM's answer refuses. Ways to go on from there: `whole` the LLM
does the receipt anew; `field-wise` the LLM is asked for the refused fields alone, the others are
kept; `view, field-wise` a total that the gate second_view refuses gives way to the one total that
the view sees, where it sees just one, and what is refused then goes to the LLM. All are judged on
the same receipts: those to which both tiers' whole answers are kept. Without --ask no model is
asked, and receipts whose second try is not kept are left out; with it N of them are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from calibration_kept import KeptServices, Known, answered, known, opened
from common import machine, print_json, table

from tandem.errors import TandemError
from tandem.evals.services import EvalServices
from tandem.graphs.tasks import Tasks
from tandem.loop.calibrate_signals import KnownRow, Tried
from tandem.loop.measuring import profile_of
from tandem.models.tier import CallContext
from tandem.nodes.scored_fields import refused_fields
from tandem.nodes.task import Task
from tandem.quality.same_value import judged, value_of
from tandem.quality.second_view import second_view_gate, total_candidates
from tandem.records import Attempt, GateFailure

TOTAL = "total"


@dataclass
class Way:
    """What became of the receipts."""

    right: list[dict[str, bool]] = field(default_factory=list)
    touched: list[bool] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, output: Any, row: KnownRow, llm: Attempt | None) -> None:
        self.right.append(judged(output, row.expected))
        self.touched.append(llm is not None)
        self.tokens.append(llm["usage"]["output_tokens"] if llm else 0)
        self.seconds.append(llm["seconds"] if llm else 0.0)

    def figures(self) -> dict[str, float]:
        fields = [right for one in self.right for right in one.values()]
        short = [right for one in self.right for name, right in one.items() if name != "address"]
        return {
            "receipts": float(len(self.right)),
            "fields": float(np.mean(fields)),
            "no_address": float(np.mean(short)),
            "all_right": float(np.mean([all(one.values()) for one in self.right])),
            "touch_LLM": float(np.mean(self.touched)),
            "LLM_tokens": float(np.mean(self.tokens)),
            "LLM_seconds": float(np.mean(self.seconds)),
        }


def viewed(task: Task, tried: Tried) -> Tried:
    """The answer with the view's total, where the view refuses the SLM's and sees just one."""
    output, source = tried.attempt["output"], tried.prepared["source"]
    seen = total_candidates(source)
    if len(seen) != 1 or not isinstance(output, Mapping):
        return tried
    if not any(one["detail"].startswith(f"{TOTAL}:") for one in second_view_gate(output, source)):
        return tried
    attempt: Any = {**tried.attempt, "output": {**output, TOTAL: float(seen[0])}}
    return Tried(tried.prepared, attempt, task.check(tried.prepared, attempt))


def again(services: EvalServices, task: Task, row: KnownRow, tried: Tried) -> Attempt | None:
    """The LLM's answer to the refused fields; None: nothing is refused."""
    if not tried.failed:
        return None
    context = CallContext(
        profile=profile_of(services, task.name, row.request), deadline=4e9, task=task.name
    )
    call = services.tier("llm", task.name).bind(context)
    return task.repair(tried.prepared, tried.attempt, verdict(tried.failed), call)


def verdict(failed: Sequence[GateFailure]) -> Any:
    return {"accepted": False, "score": None, "threshold": None, "failed": list(failed)}


def foreseen(services: EvalServices, kept: Known) -> dict[str, Way]:
    """Field by field with the values of the LLM's whole answer: no second try is needed for it, but
    neither does it tell tokens and seconds."""
    task, ways = Tasks(services)["extraction"], {name: Way() for name in FORESEEN}
    for at in kept.llm:
        row, slm = kept.rows[at], kept.slm[at]
        llm = answered(services, task, row, "llm")
        assert llm is not None
        starts = {"SLM alone": None, "LLM alone": llm, "field-wise": slm}
        for name, start in {**starts, "view, field-wise": viewed(task, slm)}.items():
            if start is None or start is llm:
                output = llm.attempt["output"] if start else slm.attempt["output"]
                ways[name].add(output, row, llm.attempt if start else None)
                continue
            refused = refused_fields(start.failed, judged(None, row.expected))
            names = set(row.expected) if refused is None else refused
            found = {name: value_of(llm.attempt["output"], name) for name in names}
            output = {**start.attempt["output"], **found}
            ways[name].add(output, row, llm.attempt if names else None)
    return ways


def measured(services: EvalServices, kept: Known, most: int) -> dict[str, Way]:
    """Every way, on the receipts for which all that it takes is known."""
    task, ways = Tasks(services)["extraction"], {name: Way() for name in WAYS}
    asked = 0
    for at in kept.llm:
        row, slm = kept.rows[at], kept.slm[at]
        llm = answered(services, task, row, "llm")
        asked += bool(slm.failed)
        if llm is None or (most and asked > most):
            break
        by_view = viewed(task, slm)
        try:
            fields, rest = again(services, task, row, slm), again(services, task, row, by_view)
        except TandemError:
            continue
        for name, start, second in (
            ("SLM alone", slm, None),
            ("LLM alone", llm, llm.attempt),
            ("whole", slm, llm.attempt if slm.failed else None),
            ("field-wise", slm, fields),
            ("view alone", by_view, None),
            ("view, field-wise", by_view, rest),
        ):
            output = second["output"] if second else start.attempt["output"]
            ways[name].add(output, row, second)
        print(f"  … {len(ways['whole'].right)} receipts", flush=True)
    return ways


FORESEEN = ("SLM alone", "LLM alone", "field-wise", "view, field-wise")
WAYS = ("SLM alone", "LLM alone", "whole", "field-wise", "view alone", "view, field-wise")


def touches(services: EvalServices, kept: Known) -> dict[str, float]:
    """The share of all receipts with a kept SLM answer that would go on to the LLM, and how often
    the view's only total is right where the SLM's is refused."""
    task = Tasks(services)["extraction"]
    by_view = [viewed(task, one) for one in kept.slm]
    replaced = [
        judged(new.attempt["output"], row.expected).get(TOTAL, False)
        for row, old, new in zip(kept.rows, kept.slm, by_view, strict=True)
        if new is not old
    ]
    return {
        "receipts": float(len(kept.rows)),
        "by gates": float(np.mean([bool(one.failed) for one in kept.slm])),
        "after the view": float(np.mean([bool(one.failed) for one in by_view])),
        "totals by the view": float(len(replaced)),
        "right of these": float(np.mean(replaced)) if replaced else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--ask", type=int, default=0, help="receipts to ask again")
    chosen = parser.parse_args()
    with opened(chosen.settings, KeptServices) as services:
        kept = known(services, "sroie", chosen.data)
        share = touches(services, kept)
        guess = {name: way.figures() for name, way in foreseen(services, kept).items()}
    print(table("share of receipts", {"to the LLM": share}, 3))
    print(table("by the LLM's whole answer", guess, 3))
    with opened(chosen.settings, EvalServices if chosen.ask else KeptServices) as services:
        ways = measured(services, kept, chosen.ask)
    figures = {name: way.figures() for name, way in ways.items() if way.right}
    print(table("way", figures, 3))
    print_json({"machine": machine(), "touch": share, "foreseen": guess, "ways": figures})


if __name__ == "__main__":
    main()
