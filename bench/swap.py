"""Requests in flight while adapters go live and are taken back: none fails, and each is answered by
a model that was in force while it was under way, never by a mixture.

`python bench/swap.py FIRST [SECOND] --settings FILE --rows ROWS.jsonl`; with two adapters of the
same slot the way is: none, FIRST, SECOND, back to FIRST, back to none. The adapters are copied:
whatever becomes of this run, what is in force for anybody else stays as it is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import machine, print_json
from swap_told import (
    EITHER,
    EXPECTED,
    PLAIN,
    Answer,
    Chances,
    Change,
    by_state,
    pairs_told,
    telling,
)

from tandem.loop.challenge import asked_label, label_task
from tandem.loop.promoting import put_in_force, take_out_of_force
from tandem.models.adapters import CARD, FILE, AdapterCard
from tandem.services import Services
from tandem.settings import AdapterSettings, Settings, load
from tandem.stats import quantile

TEXTS = 12
LEAST_TOLD = 3
"""Texts that must tell two that follow one another apart."""


class Traffic:
    """Threads that ask the same texts in turn until they are told to stop; the last of them asks
    for the model without an adapter."""

    def __init__(self, services: Services, card: AdapterCard, texts: Sequence[str]) -> None:
        self.services, self.card, self.texts = services, card, texts
        self.answers: list[Answer] = []
        self.errors: list[str] = []
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        for number in range(count + 1):
            own = (number, number == count)
            self.threads.append(threading.Thread(target=self._ask, args=own, daemon=True))
            self.threads[-1].start()

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, offset: int, plain: bool) -> None:
        task = label_task(self.services, self.card.task)
        task = replace(task, adapter=None) if plain else task
        at = offset
        while not self.stop.is_set():
            text = self.texts[at % len(self.texts)]
            at, asked = at + 1, time.monotonic()
            try:
                _, chances, _ = asked_label(self.services, task, text, self.card.labels)
                self.answers.append(Answer(asked, time.monotonic(), text, chances, plain))
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}")


class Operator:
    """Puts adapters in force and takes them back, as another process would; notes when."""

    def __init__(self, settings: Settings, cards: Sequence[AdapterCard]) -> None:
        self.services, self.cards = Services(settings), {card.name: card for card in cards}
        self.changes = [Change(PLAIN)]

    def promote(self, name: str) -> None:
        before, card = self.changes[-1].state, self.cards[name]
        model = self.services.settings.chain("slm", card.task)[0]
        self.services.servers.warm(model, [card])  # so that the moment of the change is known well
        began = time.monotonic()
        put_in_force(self.services, card, {}, "" if before == PLAIN else before)
        self.changes.append(Change(name, began, time.monotonic()))

    def rollback(self) -> None:
        began = time.monotonic()
        before = take_out_of_force(self.services, self.changes[-1].state)
        self.changes.append(Change(before or PLAIN, began, time.monotonic()))

    def undo(self) -> None:
        while self.changes[-1].state != PLAIN:
            self.rollback()

    def wait_for_ends(self, seconds: float) -> None:
        """Until no server holds one of the adapters: the change under load starts from nothing."""
        latest = time.monotonic() + seconds
        while any(set(one.adapters) & set(self.cards) for one in self.services.servers.running()):
            if time.monotonic() > latest:
                raise SystemExit("a retired server does not end")
            time.sleep(1)


def references(
    services: Services, operator: Operator, texts: Sequence[str]
) -> dict[str, Mapping[str, Chances]]:
    """What each answers, with nothing else under way; of texts that tell them apart so far."""
    card = next(iter(operator.cards.values()))
    task = label_task(services, card.task)

    def said() -> dict[str, Chances]:
        return {text: asked_label(services, task, text, card.labels)[1] for text in texts}

    known: dict[str, Mapping[str, Chances]] = {PLAIN: said()}
    for name in operator.cards:
        operator.promote(name)
        known[name] = said()
        operator.undo()
        texts = telling(known)
    return known


def settings_of(own: Settings, names: Sequence[str], scratch: Path) -> Settings:
    """`own` with copies of the adapters."""
    for name in names:
        (scratch / name).mkdir()
        for file in (CARD, FILE):
            shutil.copyfile(own.path(own.adapters.dir) / name / file, scratch / name / file)
    return own.model_copy(update={"adapters": AdapterSettings(dir=str(scratch))})


def measured(
    operator: Operator, settings: Settings, texts: Sequence[str], threads: int, pause: float
) -> tuple[Traffic, list[Change]]:
    """The traffic, and what was in force when."""
    names = list(operator.cards)
    operator.changes = [Change(PLAIN)]
    traffic = Traffic(Services(settings), operator.cards[names[0]], texts)
    traffic.start(threads)
    try:
        time.sleep(pause)
        for name in names:
            operator.promote(name)
            time.sleep(pause)
        for _ in names:
            operator.rollback()
            time.sleep(pause)
    finally:
        traffic.end()
    return traffic, operator.changes


def told(traffic: Traffic, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    waits = [one.answered - one.asked for one in traffic.answers]
    fine = sum(count.get(kind, 0) for count in counts.values() for kind in (EXPECTED, EITHER))
    return {
        "machine": machine(),
        "requests": len(traffic.answers) + len(traffic.errors),
        "failed": len(traffic.errors),
        "errors": sorted(set(traffic.errors))[:5],
        "wrong": len(traffic.answers) - fine,
        "p50_s": quantile(waits, 0.5),
        "longest_s": max(waits, default=0.0),
        "answers": counts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME", help="one adapter or two of a slot")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--candidates", type=int, default=60, help="texts to choose from")
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="between the changes")
    chosen = parser.parse_args()
    lines = chosen.rows.read_text("utf-8").splitlines()[: chosen.candidates]
    with tempfile.TemporaryDirectory() as scratch:
        settings = settings_of(load(chosen.settings), chosen.names, Path(scratch))
        cards = [Services(settings).adapters.get(name) for name in chosen.names]
        if len({card.slot for card in cards}) > 1:
            raise SystemExit("the adapters are not for the same task and labels")
        operator = Operator(settings, cards)
        try:
            known = references(
                Services(settings), operator, [json.loads(line)["text"] for line in lines]
            )
            texts = telling(known)[:TEXTS]
            pairs = pairs_told(known, texts)
            if min(pairs.values()) < LEAST_TOLD:
                raise SystemExit(f"too few of the texts tell them apart: {pairs}")
            operator.wait_for_ends(90)
            traffic, changes = measured(operator, settings, texts, chosen.threads, chosen.seconds)
        finally:
            operator.undo()
    figures = told(traffic, by_state(traffic.answers, changes, known))
    print_json({**figures, "texts": len(texts), "texts_that_tell_apart": pairs})
    raise SystemExit(int(figures["failed"] + figures["wrong"] > 0))


if __name__ == "__main__":
    main()
