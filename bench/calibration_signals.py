"""What the scores of extraction (field by field) and of faq are worth, from answers that are kept.

No model is asked: rows whose answer is not in the evaluation cache are left out and counted. Fill
it by `tandem --settings FILE eval sroie --data FOLDER --policy slm_only,llm_only --n N`.

    python bench/calibration_signals.py --settings demo/tandem.toml --data FOLDER

Scores are always of rows that their score was not fitted on. Splits are random; each fits a score
on 40 % of the rows, certifies on 40 % and tells of the rest what the thresholds do there.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from calibration_kept import KeptServices, Known, known, opened
from common import print_json, table
from numpy.typing import NDArray

from tandem.loop.calibrate_fields import FieldRows, by_field, promised, scored
from tandem.loop.calibrate_signals import is_right
from tandem.quality.calibration import curves
from tandem.quality.calibration.linear import folds
from tandem.quality.calibration.small_score import LEAST_OF_A_KIND
from tandem.quality.calibration.threshold import Stage
from tandem.quality.same_value import judged

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TARGETS = (0.8, 0.9, 0.95)
CONFIDENCE = 0.9
FOLDS = 5


def cross_validated(rows: FieldRows, dealt: NDArray[np.int64]) -> Floats:
    """Scores of all rows, each by a score that was fitted on the other folds."""
    scores = np.zeros(len(rows.right))
    for fold in range(FOLDS):
        fitting = dealt != fold
        scores[~fitting] = scored(rows, fitting)[2]
    return scores


def auroc(scores: Floats, right: Bools) -> float | None:
    """None where there are too few of a kind for it to mean anything."""
    few = min(int(right.sum()), int((~right).sum())) < LEAST_OF_A_KIND
    return None if few else curves.auroc(scores, right)


def figures(rows: FieldRows, scores: Floats, logprob: Floats) -> dict[str, Any]:
    """Of the rows that pass the hard gates: AUROC, calibration error, risk at coverage."""
    kept = rows.passed
    right, scores, logprob = rows.right[kept], scores[kept], logprob[kept]
    risk = curves.risk_coverage(scores, right)
    told: dict[str, Any] = {
        "rows": float(len(rows.right)),
        "right": float(rows.right.mean()),
        "pass_gates": float(kept.mean()),
        "right_passed": float(right.mean()),
        "wrong_passed": float((~right).sum()),
        "AUROC": auroc(scores, right),
        "AUROC_logprob": auroc(logprob, right),
        "AURC": curves.aurc(scores, right),
        "AURC_logprob": curves.aurc(logprob, right),
        "ECE": curves.calibration_error(scores, right),
        "ECE_logprob": curves.calibration_error(np.exp(logprob), right),
    }
    at = {share: int(np.ceil(share * len(right))) - 1 for share in (0.25, 0.5, 0.75)}
    return told | {f"risk_{int(100 * share)}": float(risk.y[row]) for share, row in at.items()}


def certified(rows: FieldRows, splits: int, targets: Sequence[float]) -> dict[str, float]:
    """Over random splits: how often nothing is certified, and of the test rows what is accepted."""
    generator = np.random.default_rng(0)
    told: dict[str, list[float]] = {}
    for _ in range(splits):
        drawn = generator.permutation(len(rows.right)) / len(rows.right)
        _, fit_scores, scores = scored(rows, drawn < 0.4)
        right, certifying = rows.right[drawn >= 0.4], drawn[drawn >= 0.4] < 0.8
        stage = Stage(scores[certifying], right[certifying])
        for target in targets:
            threshold = promised(fit_scores, stage, target, CONFIDENCE).threshold
            accepted = scores[~certifying] >= (np.inf if threshold is None else threshold)
            entry = [float(threshold is None), float(accepted.mean())]
            entry += [float((accepted & right[~certifying]).sum()), float(accepted.sum())]
            entry.append(
                float(threshold is not None and broken(scores >= threshold, right, target))
            )
            told.setdefault(f"{target}", []).append(entry)  # type: ignore[arg-type]
    found = {}
    for target, entries in told.items():
        nothing, share, hits, accepted_rows, false = np.array(entries).T
        found[f"none_{target}"] = float(nothing.mean())
        found[f"share_{target}"] = float(share.mean())
        found[f"precision_{target}"] = float(hits.sum() / max(accepted_rows.sum(), 1))
        found[f"broken_{target}"] = float(false.mean())
    return found


def broken(accepted: Bools, right: Bools, target: float) -> bool:
    """Whether a promise is false of all rows that its score was not fitted on."""
    return bool(accepted.any() and right[accepted].mean() < target)


def cascade(
    kept: Known,
    fields: Mapping[str, FieldRows],
    scores: Mapping[str, Floats],
    least: float,
    without: str = "",
) -> dict[str, float]:
    """Field-wise escalation at the score `least`, where the LLM's answer is kept too."""
    slm_right, mixed_right, llm_right, touched, asked = [], [], [], [], []
    for row, llm_output in kept.llm.items():
        llm = judged(llm_output, kept.rows[row].expected)
        llm.pop(without, None)
        slm = judged(kept.slm[row].attempt["output"], kept.rows[row].expected)
        slm.pop(without, None)
        again = []
        for name in llm:
            at = np.flatnonzero(fields[name].rows == row)[0]
            again.append(bool(scores[name][at] < least))
        slm_right += list(slm.values())
        llm_right += list(llm.values())
        mixed_right += [llm[name] if up else slm[name] for name, up in zip(llm, again, strict=True)]
        touched.append(any(again))
        asked += again
    return {
        "receipts": float(len(touched)),
        "touch_llm": float(np.mean(touched)),
        "fields_asked": float(np.mean(asked)),
        "slm": float(np.mean(slm_right)),
        "field_wise": float(np.mean(mixed_right)),
        "llm": float(np.mean(llm_right)),
    }


def extraction(services: KeptServices, data: Path, splits: int) -> dict[str, Any]:
    """Receipts, field by field."""
    kept = known(services, "sroie", data)
    fields = by_field(kept.rows, kept.slm)
    scores, told, promises = {}, {}, {}
    for name, rows in fields.items():
        dealt = folds(rows.right.astype(np.int64), FOLDS)
        scores[name] = cross_validated(rows, dealt)
        logprob = np.array(
            [kept.slm[row].attempt["signals"].get("mean_logprob", 0.0) for row in rows.rows]
        )
        told[name] = figures(rows, scores[name], logprob)
        own = np.array([features.get("logprob", -9.0) for features in rows.features])
        told[name]["AUROC_field"] = auroc(own[rows.passed], rows.right[rows.passed])
        promises[name] = certified(rows, splits, TARGETS)
    told["whole, no address"] = whole_answers(kept)
    levels = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
    mixed = {
        f"{least}{f', no {without}' * bool(without)}": cascade(kept, fields, scores, least, without)
        for without in ("", "address")
        for least in levels
    }
    return {"missing": kept.missing, "fields": told, "certified": promises, "cascade": mixed}


def whole_answers(kept: Known) -> dict[str, Any]:
    """The receipt as one answer: all its fields but the address are right, by one score."""
    features = [dict(slm.attempt["signals"]) for slm in kept.slm]
    outputs = (slm.attempt["output"] for slm in kept.slm)
    verdicts = [judged(out, row.expected) for out, row in zip(outputs, kept.rows, strict=True)]
    right = [all(ok for name, ok in one.items() if name != "address") for one in verdicts]
    passed = np.array([not slm.failed for slm in kept.slm], dtype=bool)
    rows = FieldRows(np.arange(len(right)), features, passed, np.array(right, dtype=bool))
    scores = cross_validated(rows, folds(rows.right.astype(np.int64), FOLDS))
    return figures(rows, scores, np.array([one.get("mean_logprob", 0.0) for one in features]))


def faq(services: KeptServices, data: Path, splits: int) -> dict[str, Any]:
    """Answers from the handbook."""
    kept = known(services, "handbook_faq", data)
    right = [
        is_right("faq", slm.attempt["output"], row)
        for slm, row in zip(kept.slm, kept.rows, strict=True)
    ]
    features = [dict(slm.attempt["signals"]) for slm in kept.slm]
    passed = np.array([not slm.failed for slm in kept.slm], dtype=bool)
    rows = FieldRows(np.arange(len(right)), features, passed, np.array(right, dtype=bool))
    asked = np.array([slm.attempt["tier"] == "slm" for slm in kept.slm], dtype=bool)
    scores = cross_validated(rows, folds(rows.right.astype(np.int64), FOLDS))
    logprob = np.array([one.get("mean_logprob", 0.0) for one in features])
    told = figures(rows, scores, logprob)
    told["asked"] = float(asked.mean())
    alone = {
        name: auroc(
            np.array([one.get(name, 0.0) for one in features])[passed & asked],
            rows.right[passed & asked],
        )
        for name in sorted({name for one in features for name in one})
    }
    llm = [is_right("faq", output, kept.rows[row]) for row, output in kept.llm.items()]
    return {
        "missing": kept.missing,
        "answers": told,
        "signals_alone": alone,
        "certified": certified(rows, splits, TARGETS),
        "llm_rows": len(llm),
        "llm_right": float(np.mean(llm)) if llm else None,
        "slm_right_there": float(np.mean([right[row] for row in kept.llm])) if llm else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=50)
    chosen = parser.parse_args()
    with opened(chosen.settings) as services:
        receipts = extraction(services, chosen.data, chosen.splits)
        answers = faq(services, chosen.data, chosen.splits)
    print(table("receipts", receipts["fields"], 3), "\n")
    print(table(f"certified, {chosen.splits} splits", receipts["certified"], 2), "\n")
    print(table("LLM below", receipts["cascade"], 3), "\n")
    print(table("faq", {"answers": answers["answers"]}, 3), "\n")
    print(table("faq, AUROC alone", {"signals": answers["signals_alone"]}, 3), "\n")
    print(table("faq, certified", {"answers": answers["certified"]}, 2), "\n")
    print_json({"extraction": receipts, "faq": answers})


if __name__ == "__main__":
    main()
