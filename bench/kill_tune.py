"""Does a training that is killed (kill -9) again and again end as an undisturbed one, and does the
tier go on meanwhile?

    python bench/kill_tune.py --settings FILE TASK --data ROWS.jsonl --last-layers 12 [...]

Needs the extra `tune`. What follows the settings is what `tandem tune` gets, twice, but for the
name and --minutes 0 (so that steps end it, and no clock). One training is undisturbed; the other is
killed while it loads, between checkpoints, while a checkpoint is written and while the result is,
and started again each time. The weights of both must be the same to the bit. After each kill the
SLM is asked what it was asked before, and must say the same; what is in force must not have moved.
Both adapters are removed at the end. Prints a table and, as its last line, JSON; ends with 1 where
anything differed. Takes a little more than twice the training: some hundred rows will do.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from common import machine, print_json

from tandem.loop.challenge import asked_label, label_task
from tandem.models.adapters import Adapters
from tandem.services import Services
from tandem.settings import load

COMMAND: Final = """
from tandem.loop.tune import training
training.CHECKPOINT_S = 2.0
from tandem.cli.main import main
main()
"""
"""`tandem` with checkpoints so often that each kill meets another one."""
DEADLINE_S: Final = 3600.0
POLL_S: Final = 0.002
"""A checkpoint takes some tens of milliseconds to write."""
WHOLE, KILLED = "bench-kill-whole", "bench-kill-killed"
TEXT: Final = "A fine film, and a dull ending."
LABELS: Final = ("positive", "negative", "neutral")
NOISE: Final = 0.05
"""How far a server's probability may move that is asked the same twice."""
AT_ONCE: Final = -1.0
Moment = Callable[[float], bool]
"""Whether the moment has come, by the seconds since the start."""


@dataclass(frozen=True)
class Training:
    """A command that trains an adapter, and what it writes into `folder`."""

    words: Sequence[str]
    folder: Path

    def start(self) -> subprocess.Popen[bytes]:
        """The command, from wherever the last one was."""
        words = [sys.executable, "-c", COMMAND, *self.words, "--name", self.folder.name]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def whole(self) -> float:
        """Run to the end; the seconds that it took."""
        began = time.monotonic()
        process = self.start()
        _, told = process.communicate(timeout=DEADLINE_S)
        if process.returncode:
            raise SystemExit(told.decode(errors="replace"))
        return time.monotonic() - began

    def killed(self, moment: Moment) -> bool:
        """Run until `moment`, and kill; False: it ended before."""
        process, began = self.start(), time.monotonic()
        while process.poll() is None and not moment(time.monotonic() - began):
            time.sleep(POLL_S)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL

    def sum(self) -> str:
        """Of the trained weights. (The file for llama.cpp holds the adapter's name too.)"""
        file = self.folder / "peft" / "adapter_model.safetensors"
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def moments(self) -> Iterator[tuple[str, Moment]]:
        """Where it is killed, in this order."""
        checkpoint, half = self.folder / "checkpoint.safetensors", self.folder / ".checkpoint-half"
        yield "while it loads", lambda seconds: seconds > 5.0
        yield "after the first checkpoint", lambda _: checkpoint.is_file()
        for number in (1, 2, 3):
            yield f"writing a checkpoint ({number})", Renewed(half, AT_ONCE)
        for number in (1, 2):
            yield f"between checkpoints ({number})", Renewed(checkpoint, 0.7 * number)
        yield "writing the weights", lambda _: (self.folder / "peft").is_dir()
        yield "writing them for llama.cpp", lambda _: (self.folder / ".adapter.gguf.half").is_file()


@dataclass
class Renewed:
    """The moment `wait_s` seconds after `file` was written anew."""

    file: Path
    wait_s: float
    seen: int = field(init=False)
    since: float = 0.0

    def __post_init__(self) -> None:
        self.seen = self._stamp()

    def __call__(self, seconds: float) -> bool:
        if not self.since and self._stamp() != self.seen:
            self.since = seconds
        return bool(self.since) and seconds - self.since > self.wait_s

    def _stamp(self) -> int:
        return self.file.stat().st_mtime_ns if self.file.is_file() else 0


@dataclass(frozen=True)
class Tier:
    """The running tier, which must not notice."""

    services: Services

    def said(self) -> dict[str, float]:
        """What the SLM says of one and the same text."""
        task = label_task(self.services, "sentiment")
        return asked_label(self.services, task, TEXT, LABELS)[1]

    def in_force(self) -> dict[str, list[str]]:
        """What its file says."""
        return self.services.adapters.promoted()


def tried(training: Training, tier: Tier) -> dict[str, str]:
    """What was found after each kill; empty words: all is as it was."""
    said, force, found = tier.said(), tier.in_force(), dict[str, str]()
    for name, moment in training.moments():
        if not training.killed(moment):
            found[name] = "not met: the training ended before"
            break
        after = tier.said()
        moved = max(abs(said[label] - after.get(label, 0.0)) for label in said)
        found[name] = "" if moved <= NOISE else f"the SLM's answer moved by {moved:.3f}"
        if tier.in_force() != force:
            found[name] = "what is in force moved"
        print(f"killed {name:<32}  {found[name] or 'the tier is as before'}", flush=True)
    return found


def removed(adapters: Adapters) -> None:
    for name in (WHOLE, KILLED):
        if (adapters.folder / name).is_dir():
            adapters.remove(name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--settings", type=Path, required=True)
    chosen, rest = parser.parse_known_args()
    services = Services(load(chosen.settings))
    adapters = services.adapters
    removed(adapters)
    words = ["--settings", str(chosen.settings), "tune", *rest, "--minutes", "0"]
    whole, killed = (Training(words, adapters.folder / name) for name in (WHOLE, KILLED))
    try:
        seconds = whole.whole()
        found = tried(killed, Tier(services))
        if not _finished(adapters):
            killed.whole()
        same = whole.sum() == killed.sum()
        usable = {card.name for card in adapters.all()} >= {WHOLE, KILLED}
    finally:
        removed(adapters)
        services.close()
    print_json(
        {
            "machine": machine(),
            "seconds undisturbed": round(seconds, 1),
            "kills": sum(not words.startswith("not met") for words in found.values()),
            "found": {name: words for name, words in found.items() if words},
            "same weights": same,
            "usable": usable,
        }
    )
    moved = any(words and not words.startswith("not met") for words in found.values())
    sys.exit(0 if same and usable and not moved else 1)


def _finished(adapters: Adapters) -> bool:
    return KILLED in {card.name for card in adapters.all()}


if __name__ == "__main__":
    main()
