"""What the check costs a request, beside the models: gates, score, threshold, and their rows in the
ledger. No model is asked: requests whose answers no evaluation or calibration kept are left out.

    python bench/calibration_check.py --settings demo/tandem.toml --data FOLDER [--most 300]

`quality_check` is the whole node, its ledger row with it; `CPU` the thread's own time in it: wall
seconds of a busy machine are its neighbours', too. `head` is the stage before the SLM, the text's
embedding with it (each text is new to it). `around the call` is what the task's node does beside
head and model call: retrieval, signals, fusion, the ledger. FOLDER holds headlines.jsonl,
banking77.jsonl, sroie.jsonl and handbook_faq.jsonl. Extraction and faq are measured under
calibrations that are made here of the kept answers, since none ships.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from calibration_kept import KeptServices, known, opened
from common import machine, print_json, table

from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks, calibrations
from tandem.loop.calibrate_fields import FieldCalibrator
from tandem.loop.calibrate_signals import KnownRow, SignalCalibrator
from tandem.loop.options import Options
from tandem.nodes.labels import LabelTask
from tandem.nodes.quality_check import QualityCheck
from tandem.nodes.run_task import RunTask

TARGET = 0.8
"""What a few dozen kept answers can certify."""
SUITES = ("sroie", "handbook_faq")
LABEL_SETS = {"headlines": "sentiment", "banking77": "document_classification"}


@dataclass
class Clock:
    """Milliseconds of the request under way, by what took them."""

    taken: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def watch(self, owner: type, method: str, name: str) -> None:
        """Time a method of a class, whoever calls it."""
        work: Callable[..., Any] = getattr(owner, method)

        @functools.wraps(work)
        def timed(*given: Any, **named: Any) -> Any:
            started, worked = time.perf_counter(), time.thread_time()
            try:
                return work(*given, **named)
            finally:
                self.taken[name] += 1000 * (time.perf_counter() - started)
                self.taken[f"{name}, CPU"] += 1000 * (time.thread_time() - worked)

        setattr(owner, method, timed)


def label_requests(data: Path, name: str, task: str, most: int) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (data / f"{name}.jsonl").open(encoding="utf-8")]
    labels = sorted({row["expected"] for row in rows})
    step = max(1, len(rows) // most)
    return [{"text": row["input"], "task": task, "labels": labels} for row in rows[::step]]


def asked_slm(services: KeptServices, suite: str, data: Path) -> list[KnownRow]:
    """Rows to which the SLM's answer is kept; what a rule answers has no score."""
    kept = known(services, suite, data)
    pairs = zip(kept.rows, kept.slm, strict=True)
    return [row for row, answer in pairs if answer.attempt["tier"] == "slm"]


def calibrate(services: KeptServices, suites: Mapping[str, Sequence[KnownRow]]) -> None:
    """Put calibrations of extraction and faq in force, each of the kept answers."""
    tasks, options = Tasks(services), Options(target=TARGET)
    store = calibrations(services.settings)
    extraction = FieldCalibrator(services, tasks["extraction"], options)
    store.save(extraction.run(list(suites["sroie"])).calibration)
    answers = SignalCalibrator(services, tasks["faq"], options)
    store.save(answers.run(list(suites["handbook_faq"])).calibration)


def measured(
    services: KeptServices, requests: Sequence[Mapping[str, Any]], clock: Clock
) -> dict[str, float]:
    """Every request through the whole graph; those whose first answer is not kept do not count (an
    LLM that has no answer kept is an attempt with an error, which takes no time to judge)."""
    graph, found = build(services).compile(), defaultdict[str, list[float]](list)
    graph.invoke({"request": requests[0]})
    for request in requests[1:]:
        clock.taken.clear()
        services.stopwatch.reset()
        started = time.perf_counter()
        answer = graph.invoke({"request": request})["answer"]
        whole, models = time.perf_counter() - started, services.stopwatch.seconds
        if not answer["attempts"] or answer["attempts"][0]["error"]:
            continue
        around = clock.taken["task node"] - clock.taken["head"] - 1000 * models
        told = {**clock.taken, "around the call": around, "whole run": 1000 * (whole - models)}
        for name, taken in told.items():
            found[name].append(taken)
    figures = {"n": float(len(found["whole run"]))}
    for name in ("quality_check", "quality_check, CPU", "head", "around the call", "whole run"):
        if any(found[name]):
            figures[f"{name} p50"] = float(np.median(found[name]))
            figures[f"{name} p95"] = float(np.quantile(found[name], 0.95))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--most", type=int, default=300)
    chosen = parser.parse_args()
    clock, figures = Clock(), {}
    with (
        tempfile.TemporaryDirectory() as own,
        opened(chosen.settings, KeptServices, {"dir": own, "target": TARGET}) as services,
    ):
        suites = {name: asked_slm(services, name, chosen.data) for name in SUITES}
        calibrate(services, suites)
        for owner, method, name in (
            (QualityCheck, "__call__", "quality_check"),
            (LabelTask, "first", "head"),
            (RunTask, "__call__", "task node"),
        ):
            clock.watch(owner, method, name)
        for name, task in LABEL_SETS.items():
            asked = label_requests(chosen.data, name, task, chosen.most)
            figures[name] = measured(services, asked, clock)
        for name, rows in suites.items():
            figures[name] = measured(services, [row.request for row in rows], clock)
    print(table("milliseconds", figures, 2))
    print_json({"machine": machine(), "ms": figures})


if __name__ == "__main__":
    main()
