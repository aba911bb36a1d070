"""Does a side effect happen once, and does no finished step run twice, when a run is killed?

An agent's run of three steps (look, note, look) whose second step has a side effect: it adds a line
to a file. Its process is killed (kill -9) at each point in turn: before and after every node, every
checkpoint, every write to the ledger, and inside the tool, before and after the line is written.
Then another process goes on with it. A person approves; asked whether a step may have happened, the
person looks into the file. Fake models answer behind the real client.

Prints a table and, as its last line, JSON. Ends with 1 where an effect did not happen just once, or
where a finished step ran again.

    python bench/kill_steps.py [--part 1/1]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Final
from unittest import mock

from adversarial_models import PRIVATE, Models, installed
from common import print_json, table

from tandem.app import Tandem
from tandem.checkpoints.durable import DurableRuns
from tandem.errors import RunStateError
from tandem.ledger import effects
from tandem.nodes.closing import Closing
from tandem.settings import Settings
from tandem.tools.base import Tool, parameters

REQUEST: Final = "Look up the word, note it, and look up what was noted."
PLAN: Final = {
    "s1": {"tool": "look", "arguments": {"word": "blue"}},
    "s2": {"tool": "note", "arguments": {"line": "$s1.word"}},
    "s3": {"tool": "look", "arguments": {"word": "$s2.noted"}},
}
ANSWER: Final = {"text": "It is noted.", "citations": []}


class Planner(Models):
    """Plans, then answers."""

    def _answer(self, body: dict[str, Any], url: str) -> str:  # noqa: ARG002
        planning = '"s1"' in json.dumps(body.get("response_format", {}))
        return json.dumps(PLAN if planning else ANSWER)


@dataclass
class Points:
    """Where a process may be killed; at the `last`th it is."""

    last: int
    file: Path
    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.last:
            self.file.write_text(name)
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Points before and after whatever writes, and round every node."""
        watched = [
            (Closing, "__call__", "node"),
            (DurableRuns, "put", "checkpoint"),
            (DurableRuns, "put_writes", "writes"),
            (effects, "ask", "ask"),
            (effects, "claim", "claim"),
            (effects, "end", "end"),
        ]
        with ExitStack() as stack:
            for owner, name, told in watched:
                around = self._around(getattr(owner, name), told)
                stack.enter_context(mock.patch.object(owner, name, around))
            yield

    def _around(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        @wraps(work)
        def around(*args: Any, **kwargs: Any) -> Any:
            self(f"before {name}")
            result = work(*args, **kwargs)
            self(f"after {name}")
            return result

        return around


@dataclass
class House:
    """One run's folder: ledger, checkpoints, and what its tools did."""

    folder: Path

    @property
    def notes(self) -> list[str]:
        return _lines(self.folder / "notes.txt")

    @property
    def looked(self) -> list[str]:
        return _lines(self.folder / "looked.txt")

    def settings(self) -> Settings:
        model = {"backend": "openai", "url": PRIVATE, "model": "fake", "private": True}
        model |= {"dialect": "openai", "native_tools": False}
        return Settings.model_validate(
            {
                "home": self.folder,
                "models": {"fake": model},
                "tiers": {"slm": {"model": "fake"}, "llm": {"model": "fake"}},
            }
        )

    def tools(self, point: Callable[[str], None]) -> list[Tool]:
        def look(arguments: Mapping[str, Any]) -> Any:
            _add(self.folder / "looked.txt", arguments["word"])
            return {"word": arguments["word"]}

        def note(arguments: Mapping[str, Any]) -> Any:
            point("before effect")
            _add(self.folder / "notes.txt", arguments["line"])
            point("after effect")
            return {"noted": f"{arguments['line']} noted"}

        return [
            Tool("look", "looks a word up", parameters({"word": {"type": "string"}}), look),
            Tool("note", "notes a line", parameters({"line": {"type": "string"}}), note, True),
        ]


def begin(house: House, points: Points) -> None:
    """The first process: asks, and waits."""
    with points.watched(), installed(Planner()), _tandem(house, points) as tandem:
        answer = tandem.run(REQUEST, task="agent", context=_context())
        assert answer["status"] == "waiting", answer["reasons"]


def approve(house: House, points: Points) -> None:
    """The second process: a person approves."""
    with points.watched(), installed(Planner()), _tandem(house, points) as tandem:
        tandem.approve("run")


def go_on(house: House, _points: Points) -> None:
    """The last process: goes on where the run was, and tells how that went."""
    with installed(Planner()), _tandem(house, print_nothing) as tandem:
        done, looked = _finished(tandem), house.looked
        answer, again = _resumed(tandem)
        while answer["status"] == "waiting":
            for asked in answer["approvals"]:
                may_have = asked["question"] == "may_have_happened"
                seen = may_have and bool(house.notes)
                told = {"again": may_have and not seen, "happened": seen}
                answer = tandem.approve(answer["run_id"], asked["step_id"], **told)
    words = {"s1": "blue", "s3": "blue noted"}
    repeated = [s for s in done if s in words and house.looked.count(words[s]) > 1]
    told = {
        "status": answer["status"],
        "notes": house.notes,
        "asked_anew": again,
        "finished": done,
        "looked_before": looked,
        "repeated": repeated,
    }
    (house.folder / "told.json").write_text(json.dumps(told))


def _resumed(tandem: Tandem) -> tuple[Any, bool]:
    """The run, gone on with; a new one where it was killed before there was anything to keep."""
    try:
        return tandem.resume("run"), False
    except RunStateError as error:
        if "has ended" in error.what:
            return tandem.runs.answer("run"), False
        return tandem.run(REQUEST, task="agent"), True


def _finished(tandem: Tandem) -> list[str]:
    """Steps that had ended, by the checkpoints, when the process was killed."""
    try:
        answer = tandem.runs.answer("run")
    except RunStateError:
        answer = None
    return [step["id"] for step in answer["steps"] if step["status"] == "done"] if answer else []


def _tandem(house: House, point: Callable[[str], None]) -> Tandem:
    return Tandem(house.settings(), tools=house.tools(point))


def _context() -> Any:
    from tandem.nodes.state import Context

    return Context(run_id="run")


def print_nothing(_name: str) -> None:
    """A point at which nothing happens."""


def in_a_process(work: Callable[[House, Points], None], house: House, last: int = 0) -> list[str]:
    """Do `work` in a process of its own, killed at the `last`th point; the points it came to."""
    points = Points(last, house.folder / "killed.txt")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(house, points)
            (house.folder / "points.json").write_text(json.dumps(points.names))
            code = 0
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if killed == (last == 0) or (not killed and status):
        raise SystemExit(f"{work.__name__} ended by {status}, killed at {last}")
    file = house.folder / "points.json"
    return [] if killed else json.loads(file.read_text())


def trial(leg: Callable[[House, Points], None], last: int) -> dict[str, Any]:
    """One run that is killed at a point of `leg`."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        if leg is approve:
            in_a_process(begin, house)
        in_a_process(leg, house, last)
        in_a_process(go_on, house)
        told: dict[str, Any] = json.loads((house.folder / "told.json").read_text())
        return {**told, "leg": leg.__name__, "at": (house.folder / "killed.txt").read_text()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--part", default="1/1", help="1/2: every second point, from the first")
    part, parts = map(int, parser.parse_args().part.split("/"))
    with tempfile.TemporaryDirectory() as folder:
        whole = House(Path(folder))
        legs = {leg: len(in_a_process(leg, whole)) for leg in (begin, approve)}
        assert whole.notes == ["blue"], whole.notes
    points = [(leg, last) for leg, count in legs.items() for last in range(1, count + 1)]
    print(f"{len(points)} points")
    report([trial(leg, last) for leg, last in points[part - 1 :: parts]])


def report(told: list[dict[str, Any]]) -> None:
    """Print what came of the runs; end with 1 where it was not what it must be."""
    rows: dict[str, dict[str, float]] = {}
    for one in told:
        row = rows.setdefault(one["at"], {"killed": 0, "once": 0, "repeated": 0, "asked_anew": 0})
        row["killed"] += 1
        row["once"] += one["notes"] == ["blue"] and one["status"] == "accepted"
        row["repeated"] += len(one["repeated"])
        row["asked_anew"] += one["asked_anew"]
    total = {key: sum(row[key] for row in rows.values()) for key in next(iter(rows.values()))}
    print(table("killed", {**rows, "all": total}, digits=0))
    print_json(total)
    if total["once"] != total["killed"] or total["repeated"]:
        print([one for one in told if one["notes"] != ["blue"] or one["repeated"]])
        raise SystemExit(1)


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _add(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8") as opened:
        opened.write(line + "\n")


if __name__ == "__main__":
    main()
