"""Does anything sensitive reach a public model? Generated requests over every path of the graph.

Three parts: (1) sensitive values of every type, in encodings, split, in requests, tool results,
passages and the small model's own output, with a recorder as the public model; (2) the same with a
detector that fails; (3) `--real N`: N requests with the real embedded SLM. Counted is what the
recorder can read out of what it got (letters and digits, after undoing encodings). The bar is 0 for
values that the detector's contract covers; the others are listed as the limit.

Prints tables and, as its last line, JSON. Exit code 1: the bar was missed.

    python -m bench.adversarial [-n 10000] [--failing 300] [--seed 5] [--real 0] [--json FILE]
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

from bench.adversarial_cases import SETUPS, SPLIT_RESULTS, Case, cases, request_of
from bench.adversarial_models import PRIVATE, PUBLIC, Models, installed
from bench.adversarial_values import compact, readable
from tandem.app import Tandem
from tandem.errors import TandemError
from tandem.models import slm
from tandem.nodes.state import Context
from tandem.privacy.egress import Guard
from tandem.records import LLM_TASKS
from tandem.settings import Settings
from tandem.tools.base import Tool, parameters

LONGEST_S: Final = 30.0


@dataclass
class House:
    """A Tandem a setup, with a tool and a knowledge base that say what a case planted."""

    models: Models
    folder: Path
    tandems: dict[str, Tandem] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    passage: str = ""
    attempts: Counter[str] = field(default_factory=Counter)
    """What the models' attempts came to: `slm answered`, `llm egress_blocked`..."""

    def tandem(self, setup: str) -> Tandem:
        """The Tandem of a setup, made on first use."""
        if setup not in self.tandems:
            home = self.folder / setup
            made = Tandem(settings(setup, home), tools=[self._lookup()])
            made.services.search = self._search  # type: ignore[method-assign,assignment]
            made.services.has_knowledge = lambda _tenant: True  # type: ignore[method-assign]
            self.tandems[setup] = made
        return self.tandems[setup]

    def _lookup(self) -> Tool:
        return Tool(
            name="lookup",
            description="looks a note up",
            parameters=parameters({"key": {"type": "string"}}),
            run=lambda _arguments: self.told.pop(0) if self.told else "Nothing.",
        )

    def _search(self, text: str, k: int, *_: Any, **__: Any) -> list[dict[str, Any]]:
        del text, k
        chunk: dict[str, Any] = {
            "id": "1",
            "source": "a.md",
            "heading": "Notes",
            "text": self.passage,
        }
        chunk |= {"start": 0, "end": len(self.passage)}
        return [{"chunk": chunk, "score": 0.9, "cosine": 0.9}]

    def close(self) -> None:
        """Close all."""
        for made in self.tandems.values():
            made.close()


def settings(setup: str, home: Path) -> Settings:
    """Settings of fake models: which of them is public, and what the policy says."""
    common = {"backend": "openai", "dialect": "openai", "native_tools": False}
    private = {**common, "url": PRIVATE, "model": "private", "private": True}
    public = {**common, "url": PUBLIC, "model": "public", "private": False}
    leave = {"default": "redact", "API_KEY": "redact", "PASSWORD": "redact"}
    return Settings.model_validate(
        {
            "home": home,
            "models": {"private": private, "public": public},
            "tiers": {
                "slm": {
                    "model": "public" if setup == "both_public" else "private",
                    "stand_ins": ["public"] if setup == "stand_in" else [],
                },
                "llm": {"model": "public"},
            },
            "privacy": {
                "leave": leave if setup == "redact" else {},
                "stand_ins_may_be_less_private": True,
            },
            # What cases plant reads like no contract, and is to reach the models all the same.
            "contracts": {"contracts_only": False},
            "limits": {"breaker_failures": 10**9, "deadline_s": LONGEST_S},
        }
    )


def ask(house: House, case: Case, request: dict[str, Any]) -> list[str]:
    """Run a case; gives what the public model was sent."""
    written = case.written
    half = len(written) // 2
    in_two = [f"Note: {case.value.before}{written[:half]}", written[half:]]
    told = in_two if case.place == SPLIT_RESULTS else [case.carrier]
    house.told = [*told] if "tool result" in case.place else ["Nothing much."]
    house.passage = case.carrier if case.place == "passage" else "Meetings are on Mondays."
    says = case.carrier if case.place == "SLM output" else "A short note."
    failing = {PUBLIC: 1} if case.retried else {}
    house.models.begin(says, ("lookup",) * len(told), {**failing, PRIVATE: 9 * case.slm_down})
    tandem = house.tandem(case.setup)
    house.attempts.update(_attempts(tandem, request, streamed=case.streamed))
    return [body.decode() for body in house.models.sent]


def _attempts(tandem: Tandem, request: dict[str, Any], *, streamed: bool = False) -> list[str]:
    """Run a request; what its attempts came to. A refusal is an answer too."""
    try:
        if streamed:
            context = Context(stream_unverified=True)
            answer = list(tandem.stream(dict(request), context=context))[-1].get("answer")
        else:
            answer = tandem.run(dict(request))
    except TandemError as error:
        answer = error.answer
    found = answer["attempts"] if answer else []
    return [f"{a['tier']} {a['error']['code'] if a['error'] else 'answered'}" for a in found]


def received(case: Case, sent: Sequence[str]) -> bool:
    """Whether the value, or both its halves, can be read out of what was sent."""
    said: set[str] = set()
    for body in sent:
        for message in json.loads(body)["messages"]:
            said |= readable(message["content"] or "")
        said |= readable(json.dumps(json.loads(body), ensure_ascii=False))
    whole = compact(case.value.text)
    if any(whole in each for each in said):
        return True
    if "split" not in case.place:
        return False
    half = len(case.written) // 2
    halves = [compact(case.written[:half]), compact(case.written[half:])]
    return all(part and any(part in each for each in said) for part in halves)


def attack(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Part one: what a public model received of so many sensitive requests."""
    random, models = Random(seed), Models(random=Random(seed))
    tried, got, reached = Counter[str](), Counter[str](), Counter[str]()
    by_path, examples = Counter[str](), list[str]()
    with installed(models), closing(House(models, folder)) as house:
        for case in cases(random, count):
            sent = ask(house, case, request_of(case, random))
            class_ = "covered" if case.covered else _limit(case)
            tried[class_] += 1
            by_path[f"{case.path}/{case.setup}"] += 1
            reached[case.place] += bool(sent)
            if received(case, sent):
                got[class_] += 1
                examples.append(
                    f"{class_}: {case.value.kind}, {case.encoding}, {case.place}, "
                    f"{case.path}, {case.setup}"
                )
        controls = _controls(house, random)
    return {
        "requests": count,
        "model_calls": models.calls,
        "tried": dict(tried),
        "received": {name: got[name] for name in tried},
        "reached_public": dict(reached),
        "attempts": dict(house.attempts),
        "paths": len(by_path),
        "controls_answered": controls,
        "covered_examples": [each for each in examples if each.startswith("covered")][:20],
    }


def _limit(case: Case) -> str:
    return f"limit: {case.place if case.place == SPLIT_RESULTS else case.encoding}"


def _controls(house: House, random: Random) -> float:
    """Share of harmless requests for the LLM that it saw and answered: the recorder works, and the
    guard does not simply stop everything."""
    asked, there = 0, 0
    for setup, path in itertools.product(SETUPS, LLM_TASKS):
        house.models.begin("A short note.", ("lookup",), {})
        number = random.randint(2, 9)
        request: dict[str, Any] = {"text": f"Why are there {number} meetings?", "task": path}
        if path == "contract_review":  # what a head answers alone is no control
            text = f"1. Meetings.\nThe parties shall hold {number} meetings a year."
            request["documents"] = [{"name": "c.txt", "text": text}]
        ended = _attempts(house.tandem(setup), request)
        asked, there = asked + 1, there + ("llm answered" in ended and bool(house.models.sent))
    return there / asked


def _raises(text: str) -> Any:
    raise ValueError(text)


def _hangs(_text: str) -> Any:
    threading.Event().wait(LONGEST_S)


FAILURES: Final[dict[str, Callable[[str], Any]]] = {
    "raises": _raises,
    "hangs": _hangs,
    "gives None": lambda _text: None,
    "gives a text": lambda text: text,
    "gives an empty text": lambda _text: "",
    "gives a dict": lambda _text: {},
    "gives wrong spans": lambda _text: [("EMAIL", 0, 10**9, 1.0, "none")],
}


def break_detector(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Part two: bytes that a public model received while the detector failed."""
    random, models = Random(seed), Models(random=Random(seed))
    sent: dict[str, int] = {}
    for name, scan in FAILURES.items():
        sent[name] = 0
        with installed(models), closing(House(models, folder / name.replace(" ", "_"))) as house:
            for setup in SETUPS:
                _replace_guard(house.tandem(setup), scan)
            number = min(count, 40) if name == "hangs" else count
            for case in cases(random, number):
                bodies = ask(house, case, request_of(case, random))
                sent[name] += sum(len(body) for body in bodies)
    return {"requests_each": count, "bytes": sent}


def _replace_guard(tandem: Tandem, scan: Callable[[str], Any]) -> None:
    own = tandem.services.guard
    broken = Guard(own.public_may_see, scan, own.max_chars, own.leave, seconds=0.01)
    tandem.services.__dict__["guard"] = broken
    tandem.services.__dict__.pop("pool", None)


def with_real_slm(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Part three: the real embedded SLM in place of the fake private one."""
    random, models = Random(seed), Models(random=Random(seed))
    got, tried = Counter[str](), Counter[str]()
    house = House(models, folder)
    for setup in ("block", "redact", "stand_in"):
        fake = settings(setup, folder / setup)
        tiers = fake.tiers.model_copy(
            update={"slm": fake.tiers.slm.model_copy(update={"model": "slm-embedded"})}
        )
        limits = fake.limits.model_copy(update={"deadline_s": 300.0})
        made = Tandem(fake.model_copy(update={"tiers": tiers, "limits": limits}))
        made.services.search = house._search  # type: ignore[method-assign,assignment]
        made.services.has_knowledge = lambda _tenant: True  # type: ignore[method-assign]
        house.tandems[setup] = made
    with _installed_for_public(models), closing(house):
        for case in map(_for_real, cases(random, count)):
            sent = ask(house, case, request_of(case, random))
            class_ = "covered" if case.covered else _limit(case)
            tried[class_] += 1
            got[class_] += received(case, sent)
    return {"requests": count, "tried": dict(tried), "received": {n: got[n] for n in tried}}


def _for_real(case: Case) -> Case:
    setup = "block" if case.setup == "both_public" else case.setup
    place = "text" if case.place in ("SLM output", "tool result", SPLIT_RESULTS) else case.place
    return replace(case, setup=setup, place=place, slm_down=False)


@contextmanager
def _installed_for_public(models: Models) -> Iterator[None]:
    """The public model is faked; the SLM's own client is left alone."""
    real = slm.http_client
    with installed(models), mock.patch.object(slm, "http_client", real):
        yield


@contextmanager
def closing(house: House) -> Iterator[House]:
    """The house, closed at the end."""
    try:
        yield house
    finally:
        house.close()


def passed(found: dict[str, Any]) -> bool:
    """Whether the bars hold."""
    covered = [part["received"].get("covered", 0) for part in found.values() if "received" in part]
    return sum(covered) == 0 and sum(found.get("failing", {}).get("bytes", {}).values()) == 0


def _print(found: dict[str, Any]) -> None:
    for name in ("attack", "real"):
        if part := found.get(name):
            print(f"\n{name}: {part['requests']:,} requests, {part.get('seconds', 0):.0f} s")
            print(f"{'class':<28} {'requests':>9} {'received':>9}")
            for class_ in sorted(part["tried"]):
                print(f"{class_:<28} {part['tried'][class_]:>9,} {part['received'][class_]:>9,}")
    if part := found.get("failing"):
        print(f"\n{'detector':<28} {'bytes to the public model':>26}")
        for name, sent in part["bytes"].items():
            print(f"{name:<28} {sent:>26,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("-n", type=int, default=10_000, help="requests of part one")
    parser.add_argument("--failing", type=int, default=300, help="requests for each failure")
    parser.add_argument("--real", type=int, default=0, help="requests with the real SLM")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    found: dict[str, Any] = {}
    parts = {"attack": (attack, args.n), "failing": (break_detector, args.failing)}
    parts["real"] = (with_real_slm, args.real)
    with tempfile.TemporaryDirectory() as folder:
        for name, (run, count) in parts.items():
            if count:
                started = time.perf_counter()
                found[name] = run(count, args.seed, Path(folder) / name)
                found[name]["seconds"] = round(time.perf_counter() - started, 1)
    _print(found)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found))
    sys.exit(0 if passed(found) else 1)


if __name__ == "__main__":
    main()
