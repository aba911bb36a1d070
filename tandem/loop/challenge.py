"""Champion and challenger: an adapter goes live only where it beats what is in force, on rows that
its training never saw, by a paired test.

Its server is up before it goes live, so that no request waits for it, and the old one finishes what
it is at work on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from tandem.errors import InvalidRequest, ModelError, SettingsError, from_info
from tandem.graphs.tasks import Tasks
from tandem.loop.duels import FIRST, Duels, Try, noted
from tandem.loop.measuring import OF_THE_ROW, profile_of
from tandem.loop.promoting import (
    WithChallenger,
    note_duel,
    put_in_force,
    refuse_other_base,
    retire,
)
from tandem.loop.seen import is_kept
from tandem.loop.tune.learning import Labelled, LearningSet
from tandem.loop.tune.tuning import Learnable, remember
from tandem.models.adapters import AdapterCard, Adapters
from tandem.models.embeddings import embed_all
from tandem.models.tier import CallContext
from tandem.nodes.labels import LabelTask
from tandem.nodes.run_task import attempted
from tandem.nodes.task import Task
from tandem.quality.calibration.head import fit_head
from tandem.records import Attempt, Request
from tandem.services import Services
from tandem.stats import Comparison, Interval, compare, quantile, wilson

AS_IT_IS: Final = "the model as it is"
PROBES: Final = 20
MOST_APART: Final = 0.05
"""How far a label's probability may move between two servers, in the mean of the probes. The same
server, asked again, moves it by 0.01 and up to 0.04: it reads a prompt's beginning anew or not."""
MOST_FLIPPED: Final = 0.1
"""Share of the probes whose label may differ, for the same reason."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Side:
    """How a candidate did on the held-out rows."""

    name: str
    right: Interval
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True)
class Duel:
    """The comparison. `comparison` is of the challenger against the champion."""

    champion: Side
    challenger: Side
    comparison: Comparison
    head: Side
    """A linear head trained on the same rows: where it is no worse, it is the cheaper answer."""
    others_unmoved: bool
    """Whether prompts without an adapter are answered as before."""
    which: Try = FIRST

    @property
    def won(self) -> bool:
        """Whether the challenger may go live."""
        return self.comparison.finding == "better" and self.others_unmoved

    def told(self) -> dict[str, Any]:
        """JSON-plain, for the card."""
        return asdict(self)


def services_with(services: Services, adapters: Adapters) -> Services:
    """Services of the same settings that hold `adapters`."""
    made = Services(services.settings)
    made.__dict__["adapters"] = adapters
    return made


@dataclass(frozen=True)
class Challenge:
    """Compares adapters with what is in force, and puts the better one in force.

    Parameters
    ----------
    beside: gives the services that hold the challenger.
    """

    services: Services
    progress: Progress = lambda _what, _done, _of: None
    beside: Callable[[Services, Adapters], Services] = services_with

    def duel(self, card: AdapterCard, given: LearningSet) -> Duel:
        """`card` against what is in force for its slot, on the held-out rows of `given`.
        It counts as a try on these rows, and stands on the card, however it ends.

        Raises
        ------
        InvalidRequest: the rows are not those that the adapter's training left out.
        ModelFileError: the adapter's file is not as it was made, or the tries cannot be counted.
        SettingsError: it was made for another base model, or adapters are switched off.
        ModelError: a model gave no answer; nothing was changed.
        """
        refuse_strange(self.services, card, given)
        rows, incumbent = given.held_out, champion_of(self.services, card)
        services = self.beside(self.services, WithChallenger(self.services.adapters, card))
        before = self._ask(self.services, "champion", card, rows)
        after = self._ask(services, "challenger", card, rows)
        unmoved = self._unmoved(services, card, rows[:PROBES])
        head = self._head(given)
        which = Duels(self.services.adapters).another(card, [row.text for row in rows])
        duel = Duel(
            champion=_side(incumbent, before),
            challenger=_side(card.name, after),
            comparison=compare(after.right, before.right, which.confidence),
            head=head,
            others_unmoved=unmoved,
            which=which,
        )
        right = (sum(before.right), sum(after.right))
        about = noted(incumbent, right, duel.comparison, which, given.card["held_out_sum"])
        note_duel(self.services.adapters, card, {**about, "won": duel.won})
        if not duel.won:
            retire(self.services, card.task, services.adapters.served_with(card.base_sha256))
        return duel

    def promote(self, card: AdapterCard, duel: Duel) -> AdapterCard:
        """Put the winner in force, and note on its card how it won.

        Raises
        ------
        InvalidRequest: it did not win, or something else is in force by now; nothing was changed.
        """
        if not duel.won:
            raise InvalidRequest(
                f"{card.name} did not beat what is in force; nothing was changed.", why_not(duel)
            )
        return put_in_force(self.services, card, duel.told(), incumbent_of(duel.champion))

    def _ask(
        self, services: Services, what: str, card: AdapterCard, rows: Sequence[Labelled]
    ) -> _Said:
        task = label_task(services, card.task)
        said = _Said()
        for done, row in enumerate(rows, start=1):
            label, _, seconds = asked_label(services, task, row.text, card.labels)
            said.right.append(float(label == row.label))
            said.seconds.append(seconds)
            self.progress(what, done, len(rows))
        return said

    def _unmoved(self, services: Services, card: AdapterCard, rows: Sequence[Labelled]) -> bool:
        """Whether the model without an adapter says the same on the challenger's server."""
        plain = replace(label_task(self.services, card.task), adapter=None)
        apart, flipped = 0.0, 0
        for done, row in enumerate(rows, start=1):
            old, before, _ = asked_label(self.services, plain, row.text, card.labels)
            new, after, _ = asked_label(services, plain, row.text, card.labels)
            apart += max((abs(before[k] - after.get(k, 0.0)) for k in before), default=0.0)
            flipped += old != new
            self.progress("the base on both servers", done, len(rows))
        count = max(1, len(rows))
        return apart / count <= MOST_APART and flipped / count <= MOST_FLIPPED

    def _head(self, given: LearningSet) -> Side:
        texts = [row.text for row in (*given.train, *given.held_out)]
        vectors = embed_all(self.services.embeddings, texts)
        at = {label: number for number, label in enumerate(given.labels)}
        learnt = np.array([at[row.label] for row in given.train])
        count = len(given.train)
        head = fit_head(texts[:count], vectors[:count], learnt, len(given.labels)).head
        said = _Said()
        for row, vector in zip(given.held_out, vectors[count:], strict=True):
            began = time.perf_counter()
            guess = head(row.text, vector)
            said.seconds.append(time.perf_counter() - began)
            said.right.append(float(guess.label == at[row.label]))
        return _side("head", said)


class _Said:
    def __init__(self) -> None:
        self.right: list[float] = []
        self.seconds: list[float] = []


def why_not(duel: Duel) -> str:
    """Why the challenger may not go live, in words."""
    if not duel.others_unmoved:
        return "With it loaded, the model without it answers otherwise than before."
    low, high = duel.comparison.difference.low, duel.comparison.difference.high
    return (
        f"The difference is {duel.comparison.difference.mean:+.3f} ({low:+.3f} to {high:+.3f}, "
        f"p {duel.comparison.p:.3f}): {duel.comparison.finding}. {duel.which.words}"
    )


def refuse_strange(services: Services, card: AdapterCard, given: Learnable) -> None:
    """Raise where `card` cannot be compared on the held-out rows of `given`; see Challenge.duel.

    An adapter that came without a record of what it learnt gets one: these are its rows.
    """
    services.adapters.check(card)
    if not services.settings.adapters.enabled:
        raise SettingsError("Adapters are switched off.", "Set adapters.enabled = true.")
    refuse_other_base(services, card)
    same = given.card["held_out_sum"] == card.data.get("held_out_sum")
    if not same or given.card["train_sum"] != card.data.get("train_sum"):
        raise InvalidRequest(
            "These are not the rows that the adapter was tuned with, so some of those to judge "
            "by may have been learnt.",
            "Give the same files as to `tandem tune`; nothing was changed.",
        )
    if not is_kept(services.adapters, card.name):
        remember(services.adapters, card.name, given)


def champion_of(services: Services, card: AdapterCard) -> str:
    """The name of what is in force in the slot of `card`."""
    incumbent = services.adapters.in_force().get(card.slot)
    return incumbent.name if incumbent else AS_IT_IS


def incumbent_of(champion: Side) -> str:
    """The adapter that the champion is; empty: none."""
    return "" if champion.name == AS_IT_IS else champion.name


def label_task(services: Services, name: str) -> LabelTask:
    """The label task `name` as it is in force, without its calibration: the model's own answer.

    Raises InvalidRequest where there is no such label task.
    """
    task = Tasks(services).get(name)
    if not isinstance(task, LabelTask):
        raise InvalidRequest(f"{name!r} is no task that ends in a label.", "Such as sentiment.")
    return replace(task, calibrated=None)


def asked_label(
    services: Services, task: LabelTask, text: str, labels: Sequence[str]
) -> tuple[str | None, dict[str, float], float]:
    """The small model's label, its probabilities, and the seconds it took."""
    attempt = asked(services, task, {"text": text, "labels": list(labels)})
    output = attempt["output"] or {}
    return output.get("label"), output.get("probabilities", {}), attempt["seconds"]


def asked(services: Services, task: Task, request: Request) -> Attempt:
    """What the small model answers to `request`, before any gate.

    Raises ModelError where it gave no answer; one that the row itself makes impossible counts.
    """
    profile = profile_of(services, task.name, request)
    call = services.tier("slm", task.name).bind(
        CallContext(
            profile=profile,
            deadline=time.time() + services.settings.limits.deadline_s,
            task=task.name,
        )
    )
    prepared = task.prepare(request, profile)
    attempt = attempted(call, lambda: task.attempt(prepared, call))
    error = attempt["error"]
    if error is not None and error["code"] not in OF_THE_ROW:
        raised = from_info(error)
        raise raised if isinstance(raised, ModelError) else ModelError(str(raised))
    return attempt


def _side(name: str, said: _Said) -> Side:
    seconds = said.seconds
    right = wilson(sum(said.right), len(said.right))
    return Side(name, right, quantile(seconds, 0.5), quantile(seconds, 0.95))
