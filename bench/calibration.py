"""Do promises hold, what do they accept, and what do they save? On labelled rows of your own.

    python bench/calibration.py ROWS.jsonl... [--splits 100] [--keep DIR]
    python bench/calibration.py ROWS.jsonl... --models [--held-out 600] [--llm-rows 300]

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
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from calibration_rules import CONFIDENCE, TARGETS, own, rules, told
from numpy.typing import NDArray

from tandem.evals.cache import AnswerCache
from tandem.evals.services import CACHE_NAME, EvalServices, unguarded
from tandem.graphs.tasks import Tasks
from tandem.loop import certifying
from tandem.loop.calibrate import EXAMPLES, MANY_LABELS, SHORTLIST
from tandem.loop.certifying import Measured
from tandem.loop.labelled import LabelledRows, read_labelled, split
from tandem.loop.measuring import Asker, TierAnswers
from tandem.models.embeddings import embed_all
from tandem.nodes.calibrated import shortlist
from tandem.nodes.labels import LabelTask
from tandem.quality.calibration import curves
from tandem.quality.calibration.calibration import Asking
from tandem.quality.calibration.examples import Examples
from tandem.quality.calibration.head import Guess, fit_head
from tandem.quality.calibration.threshold import least_rows
from tandem.records import TierName
from tandem.settings import load

SIZES = (100, 200, 400, 800)
Ints = NDArray[np.int64]


class Ready(NamedTuple):
    task: str
    rows: LabelledRows
    measured: Measured


def prepare(path: Path, services: EvalServices, keep: Path, most: int | None) -> Ready:
    first = json.loads(path.read_text("utf-8").split("\n", 1)[0])
    rows = read_labelled(path)
    texts = [text.removeprefix("Q:").removesuffix("A:").strip() for text in rows.texts]
    rows = LabelledRows(texts[:most], rows.labels[:most], rows.names)
    kept = keep / f"{path.stem}-{len(rows.texts)}.npy"
    if not kept.exists():
        keep.mkdir(parents=True, exist_ok=True)
        np.save(kept, embed_all(services.embeddings, list(rows.texts)))
    vectors, parts = np.load(kept), split(rows)
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
    return Ready(first.get("task", "sentiment"), rows, measured)


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


def ask_models(
    ready: Ready, services: EvalServices, args: argparse.Namespace
) -> dict[str, TierAnswers]:
    """Each series on the same held-out rows; the SLM's on rows for its score too."""
    rows, measured = ready.rows, ready.measured
    task = Tasks(services)[ready.task]
    assert isinstance(task, LabelTask)
    fit = measured.split.fit
    examples = Examples(
        [rows.texts[row] for row in fit], rows.labels[fit].tolist(), measured.vectors[fit]
    )
    asker = Asker(
        services,
        replace(task, calibrated=None),
        rows.names,
        rows.texts,
        measured.vectors,
        examples,
        lambda row, count: shortlist(rows.names, Guess(0, 0.0, measured.head_logs[row]), count),
        progress,
    )
    held = held_out(ready, args.held_out)
    cut = SHORTLIST if len(rows.names) > MANY_LABELS else 0
    series: dict[str, TierAnswers] = {}
    tiers: tuple[tuple[TierName, Ints], ...] = (
        ("slm", np.concatenate([fit[: args.score_rows], held])),
        ("llm", held[: args.llm_rows]),
    )
    for tier, wanted in tiers:
        for k in (0, args.examples):
            name = f"{tier} + {k}" if k else tier
            answers = TierAnswers(len(rows.texts), len(rows.names))
            series[name] = asker.ask(tier, Asking(k, cut), wanted, answers)
            say_series(name, series[name], measured.labels, held)
    return series


def progress(what: str, done: int, of: int) -> None:
    if done == of or done % 50 == 0:
        print(f"  … {what}: {done} of {of}", flush=True)


def held_out(ready: Ready, most: int) -> Ints:
    parts = ready.measured.split
    return np.concatenate([parts.calibrate, parts.test])[:most]


def say_series(name: str, answers: TierAnswers, labels: Ints, held: Ints) -> None:
    rows = answers.answered(held)
    right = answers.labels[rows] == labels[rows]
    best = np.sort(answers.probabilities[rows], axis=1)
    top, margin = best[:, -1].astype(float), (best[:, -1] - best[:, -2]).astype(float)
    p50, p95 = np.quantile(answers.seconds[rows], [0.5, 0.95])
    print(
        f"{name:<8} n {len(rows)}: right {right.mean():.3f}; AUROC of its probability "
        f"{curves.auroc(top, right):.3f}, of its margin {curves.auroc(margin, right):.3f}; "
        f"calibration error {curves.calibration_error(top, right):.3f}; seconds p50 {p50:.2f} "
        f"p95 {p95:.2f}; cost {np.nanmean(answers.cost[rows]):.2e}"
    )


def cascade(ready: Ready, series: dict[str, TierAnswers], args: argparse.Namespace) -> None:
    """The three stages: head, SLM, LLM at its better prompt; promises over many splits."""
    held = held_out(ready, args.held_out)
    labels = ready.measured.labels

    def accuracy(name: str) -> float:
        rows = series[name].answered(held)
        return float((series[name].labels[rows] == labels[rows]).mean())

    slm, llm = (
        max((n for n in series if n.startswith(tier)), key=accuracy) for tier in ("slm", "llm")
    )
    print(f"cascade of the head, {slm} and {llm} (the better prompts)")
    measured = replace(
        ready.measured,
        slm=series[slm],
        llm=series[llm],
        score_rows=ready.measured.split.fit[: args.score_rows],
    )
    scored = certifying.score_answers(measured.resplit(held[::2], held[1::2]))
    say_score(measured.resplit(held[:0], held), scored)
    say_curve(measured, scored, series[llm].answered(held))
    for target in TARGETS:
        for names in (*certifying.STAGES, ("slm",)):
            say_promise(measured, scored, names, target, held, args.splits)


def say_score(measured: Measured, scored: certifying.Scored) -> None:
    assert scored.score
    used = scored.score.score
    way = "one regression" if used.linear else f"pool {tuple(round(w, 2) for w in used.pool or ())}"
    print(f"score of the SLM's answers: {' and '.join(used.views)}, {way}")
    for name, one in certifying.figures(measured, scored).items():
        print(f"  {name}:", ", ".join(f"{key} {value:.3f}" for key, value in one.items()))


def say_curve(measured: Measured, scored: certifying.Scored, rows: Ints) -> None:
    """Cost and quality over the threshold, on rows that the LLM was asked."""
    assert measured.slm
    assert measured.llm
    head, slm = certifying.stages_of(measured, scored, ("head", "slm"), rows)
    by_head = head.scores >= slm.scores
    local = np.where(by_head, head.right, slm.right)
    llm = measured.llm.labels[rows] == measured.labels[rows]
    best = np.maximum(head.scores, slm.scores)
    zero = np.zeros(len(rows))
    curve, _cost = curves.cost_quality(best, local, llm, zero, measured.llm.cost[rows])
    weak, strong = float(local.mean()), float(llm.mean())
    print(
        f"on {len(rows)} rows: head {head.right.mean():.3f}, SLM fused {slm.right.mean():.3f}, "
        f"better of both {weak:.3f}, LLM {strong:.3f}, oracle {(local | llm).mean():.3f}; best mix "
        f"{curve.y.max():.3f} at an LLM share of {curve.x[curve.y.argmax()]:.2f}; "
        f"APGR {curves.apgr(curve, weak, strong):.2f}, CPT(50) "
        f"{curves.cpt(curve, weak, strong, 0.5):.2f}, CPT(80) "
        f"{curves.cpt(curve, weak, strong, 0.8):.2f}"
    )
    for share in (0, 0.05, 0.1, 0.2, 0.4, 1):
        at = round(share * len(rows))
        random = (1 - share) * weak + share * strong
        print(f"  LLM share {share:.2f}: quality {curve.y[at]:.3f} (random mix {random:.3f})")


def say_promise(
    measured: Measured,
    scored: certifying.Scored,
    names: tuple[str, ...],
    target: float,
    held: Ints,
    splits: int,
) -> None:
    generator = np.random.default_rng(6)
    found, false = [], 0
    for _ in range(splits):
        drawn = generator.permutation(held)
        one = measured.resplit(drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :])
        made = certifying.promise(one, scored, names, target, CONFIDENCE)
        found.append(certifying.outlook(one, scored, made))
        if made.threshold is not None:
            false += not certifying.outlook(one.resplit(drawn, drawn), scored, made).kept
    certified = [one for one in found if one.promise.threshold is not None]
    line = f"  {target:.2f} {'+'.join(names):<9}"
    if not certified:
        print(line, "nothing certified")
        return
    quality = [one.quality for one in certified if one.quality is not None]
    print(
        line,
        f"head {np.mean([one.head for one in found]):.2f} "
        f"SLM {np.mean([one.slm for one in found]):.2f} "
        f"LLM {np.mean([one.llm for one in found]):.2f}; precision "
        f"{np.mean([one.precision.mean for one in certified if one.precision.n]):.3f}, false "
        f"{false}, on test rows {sum(not one.kept for one in certified)}, nothing "
        f"{splits - len(certified)} of {splits}; "
        f"quality {np.mean(quality) if quality else float('nan'):.3f}; cost / all-LLM "
        f"{np.mean([one.cost for one in found if one.cost is not None]):.3f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--most", type=int, help="take only the first rows of a file")
    parser.add_argument("--keep", type=Path, default=Path(".tandem/bench"))
    parser.add_argument("--models", action="store_true")
    parser.add_argument("--held-out", type=int, default=600)
    parser.add_argument("--score-rows", type=int, default=300)
    parser.add_argument("--llm-rows", type=int, default=300)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    args = parser.parse_args()
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
            cascade(ready, ask_models(ready, services, args), args)
    services.close()
    cache.close()


if __name__ == "__main__":
    main()
