"""How long until the first answer, and how much memory: `tandem ask` cold and warm, the import.

Cold: no server runs, the command starts it; the model's file is in the system's page cache. Warm:
the server is up; each request is new, so that no prompt cache has its text. The servers are this
run's own and end with it. Prints tables and, as its last line, JSON: medians of the rounds.

    python bench/startup.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from common import LLM, machine, medians, own_settings, print_json, table, with_peak

from tandem.models.embedded import EmbeddedServers

TANDEM = "from tandem.cli.main import main; main()"
"""The console script's own code."""
LABELS = "positive,negative"
TIMED = "import time; begun = time.perf_counter(); {}; print(time.perf_counter() - begun)"
IMPORTS = {
    "import tandem": TIMED.format("import tandem"),
    "tandem.Tandem()": TIMED.format("import tandem; tandem.Tandem()"),
}
MIB = 1024 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = own_settings(folder)
        # A margin of none: the SLM's answer is always accepted, and the LLM never started.
        (folder / "tandem.toml").write_text("[tasks.sentiment]\nmin_margin = 0.0\n", "utf-8")
        servers = EmbeddedServers(settings)
        try:
            report(run(servers, folder, rounds))
        finally:
            servers.stop()


def run(servers: EmbeddedServers, folder: Path, rounds: int) -> dict[str, Any]:
    # Not measured: what this machine never ran is compiled first, unless the environment forbids
    # to keep it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    asked(folder, "A first film.")
    imports = {name: timed(folder, code, rounds) for name, code in IMPORTS.items()}
    cold, warm = [], []
    for number in range(rounds):
        servers.stop()
        cold.append(asked(folder, f"A fine film, seen {number} times."))
        warm.append(asked(folder, f"A dull evening, but {number} good songs."))
    servers.endpoint(LLM)
    memory = {server.name: server.resident_bytes / MIB for server in servers.running()}
    memory["tandem ask (peak)"] = medians(warm)["mib"]
    return {
        **machine(),
        "rounds": rounds,
        "start": {
            **imports,
            "tandem ask, cold": without(medians(cold), "mib"),
            "tandem ask, warm": without(medians(warm), "mib"),
        },
        "resident_mib": memory,
    }


def timed(folder: Path, code: str, rounds: int) -> dict[str, float]:
    """Median of what `code` prints, its seconds, in a fresh interpreter each time."""
    return medians([{"seconds": float(with_peak(code, (), folder)[0])} for _ in range(rounds)])


def asked(folder: Path, text: str) -> dict[str, float]:
    """Seconds of a whole `tandem ask`, those outside the model calls, and its peak memory."""
    words = ("ask", text, "--task", "sentiment", "--labels", LABELS, "--json")
    begun = time.perf_counter()
    printed, peak = with_peak(TANDEM, words, folder)
    whole = time.perf_counter() - begun
    models = sum(attempt["seconds"] for attempt in json.loads(printed)["attempts"])
    return {"seconds": whole, "without_model": whole - models, "mib": peak}


def without(row: dict[str, float], name: str) -> dict[str, float]:
    return {column: value for column, value in row.items() if column != name}


def report(found: dict[str, Any]) -> None:
    print(f"{found['cores']} cores, load average {found['load_average']}; {found['rounds']} rounds")
    print(table("medians, seconds", found["start"], digits=2))
    resident = {name: {"MiB": value} for name, value in found["resident_mib"].items()}
    print(table("resident memory", resident, digits=0))
    print_json(found)


if __name__ == "__main__":
    main()
