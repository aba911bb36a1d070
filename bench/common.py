"""What the benchmarks share: a pair of servers of their own, a clock, a table and JSON."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.models import files
from tandem.models.threads import cores
from tandem.settings import LedgerSettings, Settings, load

SLM, LLM = "slm-embedded", "llm-embedded"
_TELL_PEAK = """
import atexit, pathlib, sys
told = pathlib.Path(sys.argv.pop(1))
def tell():
    status = pathlib.Path("/proc/self/status").read_text("ascii")
    told.write_text(status.split("VmHWM:")[1].split()[0])
atexit.register(tell)
"""
"""Before the code of a child: at its end it writes its own peak (KiB) where its first word says."""


def own_settings(scratch: Path, threads: int = 0, slots: int = 0) -> Settings:
    """The default pair, served from a cache folder of this run's own, with a ledger there.

    `threads` and `slots` of 0 leave Tandem's choice. Children of this process get the same cache.
    """
    found = {name: files.locate(name, load()) for name in (SLM, LLM)}
    (scratch / "models").mkdir()
    for path in found.values():
        (scratch / "models" / path.name).symlink_to(path)
    os.environ["TANDEM_CACHE"] = str(scratch)
    default = Settings()
    chosen = {name: count for name, count in (("threads", threads), ("slots", slots)) if count}
    models = {name: default.models[name].model_copy(update=chosen) for name in (SLM, LLM)}
    return Settings(
        models=models,
        ledger=LedgerSettings(url=f"sqlite:///{scratch / 'ledger.sqlite'}"),
    )


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Each column's median over the rounds."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def peak_mib() -> float:
    """The most memory that this process has held (Linux). Not `ru_maxrss`: a new process takes that
    over from the one that started it, and keeps it wherever it is larger."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def with_peak(code: str, words: Sequence[str], folder: Path) -> tuple[str, float]:
    """What `code` prints in a process of its own with `words` as arguments, and the most MiB that
    this process held: as it tells it itself, see `peak_mib`."""
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch) / "peak"
        command = (sys.executable, "-c", _TELL_PEAK + code, str(told), *words)
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout, int(told.read_text("ascii")) / 1024


def machine() -> dict[str, float]:
    """What the figures depend on besides the code."""
    return {"cores": cores(), "load_average": round(os.getloadavg()[0], 2)}


def table(title: str, rows: Mapping[str, Mapping[str, float]], digits: int = 1) -> str:
    """A row a name, a column a figure; `p50_ms` is headed "p50 ms"."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    heads = [column.replace("_", " ") for column in columns]
    first = max(len(name) for name in (title, *rows))
    lines = [f"{title:<{first}}" + "".join(f"  {head:>8}" for head in heads)]
    for name, row in rows.items():
        cells = [_cell(row.get(column), digits) for column in columns]
        widths = [max(8, len(head)) for head in heads]
        padded = (f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{name:<{first}}" + "".join(padded))
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def print_json(figures: Mapping[str, Any]) -> None:
    """The run's last line, for programs."""
    print(json.dumps(figures))
