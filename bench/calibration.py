"""Do promises hold, what do they accept, and what do they save? On labelled rows of your own.

    python bench/calibration.py ROWS.jsonl... [--splits 100] [--keep DIR]
    python bench/calibration.py ROWS.jsonl... --models [--held-out 600] [--llm-rows 300]
        [--sure-rows 100]

Without --models only the head is trained and tested: no model is called. With it the SLM and the
LLM are asked, without and with the nearest labelled rows as past turns, on the same held-out rows;
answers are kept, so a stopped run goes on, and all figures come out of them in seconds. Texts are
treated as published: every row may go to the LLM. ROWS has `input` or `text`, `expected` or `label`
a line, and perhaps `task` (sentiment where it is missing).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from calibration_cascade import cascade
from calibration_models import ask_models, asker_of, say_sure
from calibration_rules import CONFIDENCE, TARGETS, own, rules, told
from numpy.typing import NDArray

from tandem.evals.cache import AnswerCache
from tandem.evals.services import CACHE_NAME, EvalServices, unguarded
from tandem.loop.calibrate import EXAMPLES
from tandem.loop.certifying import Measured
from tandem.loop.labelled import LabelledRows, read_labelled, split
from tandem.models.embeddings import embed_all
from tandem.quality.calibration import curves
from tandem.quality.calibration.head import fit_head
from tandem.quality.calibration.threshold import least_rows
from tandem.settings import load

SIZES = (100, 200, 400, 800)


class Ready(NamedTuple):
    task: str
    rows: LabelledRows
    measured: Measured
    head_seconds: float
    """A text's, beside its embedding."""


def prepare_rows(
    path: Path, services: EvalServices, keep: Path, most: int | None = None
) -> tuple[str, LabelledRows, NDArray[np.float32]]:
    """The task's name, the rows, and their embeddings (kept in `keep`)."""
    first = json.loads(path.read_text("utf-8").split("\n", 1)[0])
    rows = read_labelled(path)
    texts = [text.removeprefix("Q:").removesuffix("A:").strip() for text in rows.texts]
    rows = LabelledRows(texts[:most], rows.labels[:most], rows.names)
    kept = keep / f"{path.stem}-{len(rows.texts)}.npy"
    if not kept.exists():
        keep.mkdir(parents=True, exist_ok=True)
        np.save(kept, embed_all(services.embeddings, list(rows.texts)))
    return first.get("task", "sentiment"), rows, np.load(kept)


def prepare(path: Path, services: EvalServices, keep: Path, most: int | None) -> Ready:
    task, rows, vectors = prepare_rows(path, services, keep, most)
    parts = split(rows)
    started = time.perf_counter()
    head = fit_head(
        [rows.texts[row] for row in parts.fit],
        vectors[parts.fit],
        rows.labels[parts.fit],
        len(rows.names),
    )
    fitted = time.perf_counter() - started
    logs = np.zeros((len(rows.texts), len(rows.names)), dtype=np.float32)
    scores = np.zeros(len(rows.texts))
    logs[parts.fit], scores[parts.fit] = head.log_probabilities, head.scores
    held = np.concatenate([parts.calibrate, parts.test])
    started = time.perf_counter()
    for row in held:
        guess = head.head(rows.texts[row], vectors[row])
        logs[row], scores[row] = guess.log_probabilities, guess.score
    each = (time.perf_counter() - started) / len(held)
    size = len(json.dumps(head.head.packed()))
    print(
        f"\n## {path.stem}: {len(rows.texts)} rows, {len(rows.names)} labels; head of "
        f"{len(parts.fit)} rows trained in {fitted:.0f} s, {size / 1e6:.2f} MB, "
        f"{1000 * each:.2f} ms a text beside its embedding"
    )
    measured = Measured(
        rows.labels, parts, vectors, logs, scores, parts.fit[:0], slm=None, llm=None
    )
    return Ready(task, rows, measured, each)


def head_alone(ready: Ready, splits: int) -> None:
    measured = ready.measured
    held = np.concatenate([measured.split.calibrate, measured.split.test])
    right = measured.head_logs.argmax(axis=1) == measured.labels
    scores = measured.head_scores
    raw = np.exp(measured.head_logs.max(axis=1)).astype(float)
    print(
        f"head on {len(held)} held-out rows: right {right[held].mean():.3f}, AUROC "
        f"{curves.auroc(scores[held], right[held]):.3f}, AURC "
        f"{curves.aurc(scores[held], right[held]):.3f}, calibration error "
        f"{curves.calibration_error(raw[held], right[held]):.3f} before, "
        f"{curves.calibration_error(scores[held], right[held]):.3f} after"
    )
    size = min(400, len(held) // 2)
    print(
        f"rules, {size} calibration rows: accepted share, precision on test rows, and of the "
        f"splits: false / false on the test rows / nothing certified"
    )
    for name, rule, most in rules():
        cells = [
            told(rule, scores, right, measured.split.fit, held, size, target, min(splits, most))
            for target in TARGETS
        ]
        print(f"  {name:<32}", *cells, f"({min(splits, most)} splits)")
    print(f"own rule by calibration rows, {splits} splits")
    for size in (*(n for n in SIZES if n < len(held) - 200), len(held) // 2):
        cells = [
            told(own, scores, right, measured.split.fit, held, size, target, splits)
            for target in TARGETS
        ]
        print(f"  {size:>6} rows                      ", *cells)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--most", type=int, help="take only the first rows of a file")
    parser.add_argument("--keep", type=Path, default=Path(".tandem/bench"))
    parser.add_argument("--models", action="store_true")
    parser.add_argument("--held-out", type=int, default=600)
    parser.add_argument("--score-rows", type=int, default=300, help="0: no cascade")
    parser.add_argument("--llm-rows", type=int, default=300)
    parser.add_argument("--example-rows", type=int, default=None, help="the most with examples")
    parser.add_argument("--sure-rows", type=int, default=0, help="rows on which the SLM is asked")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    return parser.parse_args()


def with_models(ready: Ready, services: EvalServices, args: argparse.Namespace) -> None:
    measured, rows = ready.measured, ready.rows
    fit, logs = measured.split.fit, measured.head_logs
    asker = asker_of(services, ready.task, rows, measured.vectors, fit, logs)
    series = ask_models(asker, measured, args)
    if args.sure_rows:
        say_sure(asker, series, measured, args)
    if args.score_rows:
        cascade(measured, series, ready.head_seconds, args)


def main() -> None:
    args = options()
    settings = unguarded(load())
    cache = AnswerCache(settings.cache_dir / CACHE_NAME)
    services = EvalServices(settings, cache, args.keep / "ledger.sqlite")
    print(f"least calibration rows: { {t: least_rows(t, CONFIDENCE) for t in TARGETS} }")
    for path in args.rows:
        if not path.is_file():
            print(f"skipped: {path} is not there")
            continue
        ready = prepare(path, services, args.keep, args.most)
        head_alone(ready, args.splits)
        if args.models:
            with_models(ready, services, args)
    services.close()
    cache.close()


if __name__ == "__main__":
    main()
