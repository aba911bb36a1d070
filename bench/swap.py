"""Requests in flight while an adapter goes live and is taken back: none fails, and each is answered
by the model as it is or by the adapter, never by a mixture.

`python bench/swap.py NAME --settings FILE --rows ROWS.jsonl`; the adapter NAME is in force neither
before nor afterwards.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any

from common import machine, print_json

from tandem.loop.challenge import asked_label, label_task
from tandem.models.adapters import AdapterCard
from tandem.services import Services
from tandem.settings import load

NOISE = 0.15
"""How far a probability may lie from its reference: other requests share the batch, and a prompt's
beginning is read anew or not."""


class Traffic:
    """Threads that ask the same texts in turn until they are told to stop."""

    def __init__(self, services: Services, card: AdapterCard, texts: list[str]) -> None:
        self.services, self.card, self.texts = services, card, texts
        self.answers: list[tuple[float, str, str | None, dict[str, float]]] = []
        self.errors: list[str] = []
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        for number in range(count):
            self.threads.append(threading.Thread(target=self._ask, args=(number,)))
            self.threads[-1].start()

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, offset: int) -> None:
        task = label_task(self.services, self.card.task)
        at = offset
        while not self.stop.is_set():
            text = self.texts[at % len(self.texts)]
            at += 1
            try:
                label, chances, _ = asked_label(self.services, task, text, self.card.labels)
                self.answers.append((time.monotonic(), text, label, chances))
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}")


def references(services: Services, card: AdapterCard, texts: list[str]) -> dict[str, Any]:
    task = label_task(services, card.task)
    return {text: asked_label(services, task, text, card.labels)[1] for text in texts}


def apart(a: dict[str, float], b: dict[str, float]) -> float:
    return max((abs(a[key] - b.get(key, 0.0)) for key in a), default=1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="before, between and after")
    chosen = parser.parse_args()
    services = Services(load(chosen.settings))
    card = services.adapters.get(chosen.name)
    lines = chosen.rows.read_text("utf-8").splitlines()[:12]
    texts = [json.loads(line)["text"] for line in lines]
    model = services.settings.chain("slm", card.task)[0]
    plain = references(services, card, texts)
    traffic = Traffic(services, card, texts)
    traffic.start(chosen.threads)
    time.sleep(chosen.seconds)
    services.servers.warm(model, [card])
    services.adapters.promote(card.name)
    services.servers.retire(model, [])
    live = time.monotonic()
    time.sleep(chosen.seconds)
    services.adapters.rollback(card.name)
    back = time.monotonic()
    time.sleep(chosen.seconds)
    traffic.end()
    services.adapters.promote(card.name)
    tuned = references(services, card, texts)
    services.adapters.rollback(card.name)
    kinds = {"as it is": 0, "adapter": 0, "both alike": 0, "neither": 0}
    for _, text, _, chances in traffic.answers:
        near = (apart(chances, plain[text]) < NOISE, apart(chances, tuned[text]) < NOISE)
        names = {(True, False): "as it is", (False, True): "adapter", (True, True): "both alike"}
        kinds[names.get(near, "neither")] += 1
    print_json(
        {
            "machine": machine(),
            "requests": len(traffic.answers) + len(traffic.errors),
            "failed": len(traffic.errors),
            "errors": sorted(set(traffic.errors))[:5],
            "while live": sum(live <= at < back for at, *_ in traffic.answers),
            "answered by": kinds,
            "furthest between the two": max(apart(plain[text], tuned[text]) for text in texts),
        }
    )


if __name__ == "__main__":
    main()
