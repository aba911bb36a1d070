"""How right an audit is on a log whose truth is known, and what it takes in time and memory.

Prints tables and, as its last line, JSON. FOLDER holds headlines.jsonl, banking77.jsonl,
sst2.jsonl, handbook_faq.jsonl, gsm8k.jsonl, sroie.jsonl and pii.jsonl: one object a line, with
input and expected.

    python -m bench.audit --data FOLDER [--sizes 10000,100000] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from sklearn.metrics import adjusted_rand_score, v_measure_score  # type: ignore[import-untyped]

from bench.audit_log import grown, log_rows
from bench.common import machine, peak_mib, print_json, table
from tandem.graphs.tasks import Tasks
from tandem.loop.audit.audit import Auditor, Looked
from tandem.loop.audit.draft import prompt_hash
from tandem.loop.audit.naming import names_of
from tandem.loop.audit.options import Options
from tandem.loop.audit.reading import Logs
from tandem.loop.audit.report import Audit
from tandem.loop.audit.sampling import Reservoir
from tandem.loop.audit.writing import write
from tandem.services import Services
from tandem.settings import Settings, load
from tandem.stats import wilson

PRICES: Final = {
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-2024-08-06": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
}
"""Dollars a million tokens in and out, as OpenAI lists them."""
SEEDS: Final = 200
Row = dict[str, Any]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--sizes", default="10000,100000")
    asked.add_argument("--settings", type=Path)
    asked.add_argument("--out", type=Path, help="keeps the report of the log with known truth")
    told = asked.parse_args()
    rows = log_rows(told.data)
    settings = load(told.settings)
    with tempfile.TemporaryDirectory() as scratch:
        log = _written(rows, Path(scratch) / "log.jsonl")
        right = _right(rows, log, settings, told.out)
        sizes = {}
        for size in (int(each) for each in told.sizes.split(",") if each):
            path = _written(
                list(grown(rows, size)) if size <= len(rows) else grown(rows, size), log
            )
            sizes[f"{size:,} rows"] = _apart(path, settings)
    print(table("size", sizes))
    print_json({"right": right, "sizes": sizes, **machine()})


def _written(rows: Any, path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row["record"]) + "\n" for row in rows)
    return path


def _auditor(settings: Settings) -> Auditor:
    services = Services(settings)
    return Auditor(services, Tasks(services), Options())


def _right(rows: list[Row], log: Path, settings: Settings, out: Path | None) -> dict[str, Any]:
    auditor = _auditor(settings)
    logs = Logs([log], auditor.options)
    looked = auditor.look(logs.rows())
    audit = auditor.judge(looked, logs.counts, logs.clock.told)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        write(audit, out)
    pairs = _pairs(rows, looked)
    truths, found = [row["workload"] for row, _ in pairs], [name for _, name in pairs]
    tasks = [row["task"] == looked.parts[name].task for row, name in pairs]
    figures = {
        "rows": len(rows),
        "rows assigned": len(pairs),
        "workloads": len(looked.parts),
        "true_workloads": len(set(truths)),
        "v_measure": float(v_measure_score(truths, found)),
        "adjusted_rand": float(adjusted_rand_score(truths, found)),
        **_without_prompt(pairs),
        "task_right": sum(tasks) / len(tasks),
        "spend": audit["totals"]["spend"],
        "true_spend": sum(map(_true_cost, rows)),
    }
    print(table("all", {"figures": {k: float(v) for k, v in figures.items()}}, 3))
    print(table("workload", _lines(rows, looked, audit), 2))
    return figures | {"by_workload": _lines(rows, looked, audit)}


def _without_prompt(pairs: list[tuple[Row, int]]) -> dict[str, float]:
    """The same where nothing but the texts tells workloads apart."""
    bare = [(row["workload"], at) for row, at in pairs if not _texts(row)[0]]
    truths, found = [name for name, _ in bare], [at for _, at in bare]
    return {
        "bare_rows": len(bare),
        "bare_v_measure": float(v_measure_score(truths, found)),
        "bare_adjusted_rand": float(adjusted_rand_score(truths, found)),
    }


def _pairs(rows: list[Row], looked: Looked) -> list[tuple[Row, int]]:
    """Each row with the number of the part that it is in; of a stratum that was split, only
    sampled rows are in one."""
    by_prompt = {part.stratum.prompt: at for at, part in enumerate(looked.parts) if part.whole}
    by_text = {
        each.row.text: at
        for at, part in enumerate(looked.parts)
        if not part.whole
        for each in part.seen
    }
    made = []
    for row in rows:
        prompt, text = _texts(row)
        at = by_prompt.get(prompt) if prompt in by_prompt else by_text.get(text)
        if at is not None:
            made.append((row, at))
    return made


def _texts(row: Row) -> tuple[str, str]:
    messages = row["record"]["request"]["messages"]
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    return prompt_hash(system), messages[-1]["content"]


def _true_cost(row: Row) -> float:
    record = row["record"]
    price_in, price_out = PRICES[record["request"]["model"]]
    used = record["response"]["usage"]
    cost = used["prompt_tokens"] * price_in + used["completion_tokens"] * price_out
    return float(cost) / 1e6


def _lines(rows: list[Row], looked: Looked, audit: Audit) -> dict[str, dict[str, float]]:
    """Each workload that was found beside the true one that most of its rows are of."""
    pairs, named = _pairs(rows, looked), {each["name"]: each for each in audit["workloads"]}
    made = {}
    names = names_of(looked.parts, looked.profiler.services.detector, Options().min_rows)
    for at, name in enumerate(names):
        inside = Counter(row["workload"] for row, number in pairs if number == at)
        if not inside or name not in named:
            continue
        truth, of_it = inside.most_common(1)[0]
        line = named[name]
        known = [row["sensitive"] for row in rows if row["workload"] == truth]
        sensitive = [each for each in known if each is not None]
        made[f"{name} = {truth}"] = {
            "pure": of_it / inside.total(),
            "rows": line["rows"]["value"],
            "low": line["rows"]["low"],
            "high": line["rows"]["high"],
            "true_rows": len(known),
            "spend": line["spend"]["value"] if line["spend"] else 0.0,
            "true_spend": sum(_true_cost(row) for row in rows if row["workload"] == truth),
            "sensitive": line["sensitive"]["value"],
            "sens_low": line["sensitive"]["low"],
            "sens_high": line["sensitive"]["high"],
        }
        if sensitive:
            made[f"{name} = {truth}"] |= {
                "sens_labelled": sum(sensitive) / len(sensitive),
                **_detected(rows, truth, looked),
            }
    return made


def _detected(rows: list[Row], workload: str, looked: Looked) -> dict[str, float]:
    """The share that the detector finds sensitive where it sees every row, and how often the
    interval of a sample holds it, over SEEDS samples."""
    texts = [_texts(row)[1] for row in rows if row["workload"] == workload]
    services = looked.profiler.services
    found = [services.assess({"text": text}).sensitivity for text in texts]
    sensitive = [each in ("personal", "secret") for each in found]
    share, held = sum(sensitive) / len(sensitive), 0
    for seed in range(SEEDS):
        sample: Reservoir[bool] = Reservoir(Options().prompt_sample, random.Random(seed))
        for each in sensitive:
            sample.offer(each)
        interval = wilson(sum(sample.items), len(sample.items))
        held += interval.low <= share <= interval.high
    return {"sens_all_rows": share, "held": held / SEEDS}


def _apart(path: Path, settings: Settings) -> dict[str, float]:
    """Seconds and peak memory of an audit in a process of its own."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_measured, args=(path, settings, theirs))
    process.start()
    figures: dict[str, float] = mine.recv()
    process.join()
    return figures


def _measured(path: Path, settings: Settings, pipe: Any) -> None:
    auditor, begun = _auditor(settings), time.perf_counter()
    logs = Logs([path], auditor.options)
    counted = 0
    for _ in logs.rows():
        counted += 1
    read = time.perf_counter() - begun
    before = peak_mib()
    again = Logs([path], auditor.options)
    begun = time.perf_counter()
    auditor.judge(auditor.look(again.rows()), again.counts, again.clock.told)
    pipe.send(
        {
            "rows": counted,
            "reading_alone_s": read,
            "audit_s": time.perf_counter() - begun,
            "before_MB": before,
            "peak_MB": peak_mib(),
        }
    )


if __name__ == "__main__":
    main()
