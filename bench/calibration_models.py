"""What the two tiers say of the held-out rows, with and without examples, and how sure they say
that they are. For calibration.py."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tandem.evals.services import EvalServices
from tandem.graphs.tasks import Tasks
from tandem.loop.calibrate import MANY_LABELS, SHORTLIST
from tandem.loop.certifying import Measured
from tandem.loop.labelled import LabelledRows
from tandem.loop.measuring import Asker, TierAnswers, profile_of
from tandem.models.tier import CallContext, Prompt
from tandem.nodes.calibrated import shortlist
from tandem.nodes.labels import LABEL_TOKENS, LabelTask, speakable
from tandem.quality.calibration import curves
from tandem.quality.calibration.calibration import Asking
from tandem.quality.calibration.examples import Examples
from tandem.quality.calibration.head import Guess
from tandem.quality.signals import token_signals
from tandem.records import TierName

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SURE_WORDS: Final = ("wrong", "doubtful", "possible", "likely", "certain")
HOW_SURE: Final = (
    "How sure are you that this answer is right? Answer with one of these words, and nothing else: "
    + ", ".join(SURE_WORDS)
    + "."
)
SURE_TOKENS: Final = 8


def held_out(measured: Measured, most: int) -> Ints:
    return np.concatenate([measured.split.calibrate, measured.split.test])[:most]


def asker_of(
    services: EvalServices,
    task: str,
    rows: LabelledRows,
    vectors: NDArray[np.float32],
    fit: Ints,
    head_logs: NDArray[np.float32] | None,
) -> Asker:
    """Asks with the rows `fit` as examples, and labels that the head (if any) finds likeliest."""
    found = Tasks(services)[task]
    assert isinstance(found, LabelTask)
    examples = Examples([rows.texts[row] for row in fit], rows.labels[fit].tolist(), vectors[fit])

    def likeliest(row: int, count: int) -> list[str]:
        assert head_logs is not None
        return shortlist(rows.names, Guess(0, 0.0, head_logs[row]), count)

    plain = replace(found, calibrated=None)
    return Asker(services, plain, rows.names, rows.texts, vectors, examples, likeliest, progress)


def progress(what: str, done: int, of: int) -> None:
    if of > 1 and (done == of or done % 50 == 0):
        print(f"  … {what}: {done} of {of}", flush=True)


def ask_models(
    asker: Asker, measured: Measured, args: argparse.Namespace
) -> dict[str, TierAnswers]:
    """Each series on the same held-out rows; the SLM's on rows for its score too."""
    held, fit = held_out(measured, args.held_out), measured.split.fit
    scoring = fit[: args.score_rows]
    series: dict[str, TierAnswers] = {}
    tiers: tuple[TierName, ...] = ("slm", "llm")
    for tier in tiers:
        for k in (0, args.examples):
            most = held[: args.example_rows] if k else held
            wanted = np.concatenate([scoring, most]) if tier == "slm" else most[: args.llm_rows]
            name = f"{tier} + {k}" if k else tier
            answers = TierAnswers(len(measured.labels), len(asker.names))
            series[name] = asker.ask(tier, asking(asker, k), wanted, answers)
            rows = series[name].answered(held)
            mean = mean_logprobs(asker, tier, asking(asker, k), rows)
            say_series(name, series[name], rows, measured.labels[rows], mean)
    return series


def asking(asker: Asker, examples: int) -> Asking:
    return Asking(examples, SHORTLIST if len(asker.names) > MANY_LABELS else 0)


def best(series: dict[str, TierAnswers], tier: str, labels: Ints, held: Ints) -> str:
    """The name of the tier's better prompt, on the rows that it was asked in both ways."""
    names = [name for name in series if name.startswith(tier)]
    rows = held
    for name in names:
        rows = series[name].answered(rows)
    return max(names, key=lambda name: float((series[name].labels[rows] == labels[rows]).mean()))


def say_series(name: str, answers: TierAnswers, rows: Ints, labels: Ints, mean: Floats) -> None:
    right = answers.labels[rows] == labels
    top, margin = confidences(answers, rows)
    told = {"probability": top, "margin": margin, "mean log-probability": mean}
    areas = ", ".join(f"{what} {curves.auroc(one, right):.3f}" for what, one in told.items())
    p50, p95 = np.quantile(answers.seconds[rows], [0.5, 0.95])
    print(
        f"{name:<8} n {len(rows)}: right {right.mean():.3f}; AUROC of its {areas}; AURC "
        f"{curves.aurc(top, right):.3f}; calibration error "
        f"{curves.calibration_error(top, right):.3f}; seconds p50 {p50:.2f} p95 {p95:.2f}; cost "
        f"{np.nanmean(answers.cost[rows]):.2e}"
    )


def mean_logprobs(asker: Asker, tier: TierName, asked: Asking, rows: Ints) -> Floats:
    """Of each answer's tokens; the answers are kept, so nothing is asked again."""
    found = []
    for row in rows.tolist():
        prepared = asker.prepared(row, asked)
        choices = tuple(speakable(prepared["labels"]))  # type: ignore[arg-type]
        said = _ask(asker, tier, row, asker.task.rendered(prepared), choices, LABEL_TOKENS)
        found.append(token_signals(said.tokens)["mean_logprob"])
    return np.array(found)


def confidences(answers: TierAnswers, rows: Ints) -> tuple[Floats, Floats]:
    """Of each answer: the label's probability, and its lead over the next label's."""
    ordered = np.sort(answers.probabilities[rows], axis=1).astype(float)
    return ordered[:, -1], ordered[:, -1] - ordered[:, -2]


def how_sure(asker: Asker, tier: TierName, answers: TierAnswers, rows: Ints) -> dict[str, Floats]:
    """What the tier says of its own answers (given without examples) when it is asked, from 0 to
    1: the word that it says, and the mean over what it might say."""
    said: dict[str, list[float]] = {"word": [], "mean": []}
    for done, row in enumerate(rows.tolist(), start=1):
        prepared = asker.prepared(row, asking(asker, 0))
        label = asker.names[answers.labels[row]].replace("_", " ")
        turns = [*asker.task.rendered(prepared), label]
        found = _ask(asker, tier, row, [*turns, HOW_SURE], SURE_WORDS)
        chances = found.choice_probabilities(SURE_WORDS)
        places = enumerate(SURE_WORDS)
        said["mean"].append(sum(at * chances[word] for at, word in places) / 4)
        said["word"].append(SURE_WORDS.index(found.text.strip()) / 4)
        progress(f"{tier.upper()}, how sure", done, len(rows))
    return {name: np.array(values) for name, values in said.items()}


def _ask(
    asker: Asker,
    tier: TierName,
    row: int,
    turns: list[str],
    choices: tuple[str, ...],
    most: int = SURE_TOKENS,
) -> Any:
    roles = ["system", *(("user", "assistant")[at % 2] for at in range(len(turns) - 1))]
    messages: Any = [
        {"role": role, "content": turn} for role, turn in zip(roles, turns, strict=True)
    ]
    services, name = asker.services, asker.task.name
    context = CallContext(
        profile=profile_of(services, name, {"text": asker.texts[row]}),
        deadline=time.time() + services.settings.limits.deadline_s,
        task=name,
    )
    prompt = Prompt(messages=messages, max_tokens=most, choices=list(choices))
    return services.tier(tier, name).bind(context).complete(prompt)


def say_sure(
    asker: Asker, series: dict[str, TierAnswers], measured: Measured, args: argparse.Namespace
) -> None:
    """AUROC and calibration error of what the SLM says beside what its tokens say, same rows."""
    held = held_out(measured, args.held_out)
    answers = series["slm"]
    rows = answers.answered(held)[: args.sure_rows]
    right = answers.labels[rows] == measured.labels[rows]
    top, margin = confidences(answers, rows)
    signals = {"probability": top, "margin": margin} | how_sure(asker, "slm", answers, rows)
    told = ", ".join(
        f"{name} AUROC {curves.auroc(one, right):.3f} ECE "
        f"{curves.calibration_error(one, right):.3f} ({len(np.unique(one))} values)"
        for name, one in signals.items()
    )
    print(f"SLM asked how sure it is of its zero-shot answers, {len(rows)} rows: {told}")
