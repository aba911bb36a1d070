"""The agent with an MCP server that others wrote: mcp-server-time, in a virtual environment of its
own, accepted as a person would, then called directly and by the agent with the real models.

    python -m bench.mcp_third_party [--settings FILE] [--no-models]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any, Final

from bench.common import machine, print_json, seconds
from tandem.app import Tandem
from tandem.errors import TandemError
from tandem.mcp import catalogue
from tandem.settings import LedgerSettings, McpServer, McpSettings, Settings, load

PACKAGE: Final = "mcp-server-time"
TOOLS: Final = ("get_current_time", "convert_time")
CASES: Final = (
    ("UTC", "09:00", "Asia/Tokyo", "18:00"),
    ("Asia/Kolkata", "12:00", "UTC", "06:30"),
    ("UTC", "22:15", "Asia/Dubai", "02:15"),
)
QUESTION: Final = "What time is it in {target} when it is {time} in {source}? Use convert_time."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--no-models", action="store_true", help="only call the tools")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = with_server(load(options.settings), Path(scratch))
        figures: dict[str, Any] = {"machine": machine(), "direct": direct(settings)}
        if not options.no_models:
            figures["agent"] = agent(settings)
    print_json(figures)


def with_server(settings: Settings, scratch: Path) -> Settings:
    """`settings` with the server, installed in `scratch`, and everything written there."""
    venv.create(scratch / "venv", with_pip=True)
    scripts = scratch / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "-qq", PACKAGE], check=True)
    server = McpServer(
        command=str(scripts / PACKAGE),
        args=("--local-timezone", "UTC"),
        tools=TOOLS,
        read_only=TOOLS,
    )
    own = {
        "mcp": McpSettings(servers={"time": server}, accepted=str(scratch / "accepted.json")),
        "ledger": LedgerSettings(url=f"sqlite:///{scratch / 'ledger.sqlite'}"),
    }
    return settings.model_copy(update=own)


def direct(settings: Settings) -> dict[str, Any]:
    """The tools called without any model: a first call, and the median of further ones."""
    with Tandem(settings) as tandem:
        sessions = tandem.services.mcp
        opened = seconds(lambda: accept(settings, sessions.listing("time")))
        offer = sessions.accepted()["time"]["convert_time"]
        right, spent = 0, []
        for source, time, target, gold in CASES:
            arguments = {"source_timezone": source, "time": time, "target_timezone": target}
            told: list[Any] = []
            spent.append(seconds(lambda: told.append(sessions.call("time", offer, arguments))))  # noqa: B023
            right += gold in told[0]["target"]["datetime"]
    print(f"direct: {right} of {len(CASES)} right; opened in {opened:.2f} s, called in", end=" ")
    print(", ".join(f"{one * 1000:.0f} ms" for one in spent))
    return {"right": right, "calls": len(CASES), "open_s": opened, "call_s": spent}


def accept(settings: Settings, listing: Any) -> None:
    offers = [each.offer for each in listing if each.offer and each.name in TOOLS]
    catalogue.accept(catalogue.path_of(settings), "time", offers)


def agent(settings: Settings) -> dict[str, Any]:
    """The agent's answers, by the real models of the settings."""
    rows = []
    with Tandem(settings) as tandem:
        for source, time, target, gold in CASES:
            question = QUESTION.format(source=source, time=time, target=target)
            try:
                rows.append(row(tandem.run(question, task="agent"), gold))
            except TandemError as error:
                rows.append({"error": error.code, "called": False, "answered": False})
            print(f"agent: {question}", rows[-1])
    return {
        "requests": len(rows),
        "called": sum(each["called"] for each in rows),
        "answered": sum(each["answered"] for each in rows),
        "rows": rows,
    }


def row(answer: Any, gold: str) -> dict[str, Any]:
    steps = [step for step in answer["steps"] if step["tool"].startswith("time_")]
    return {
        "status": answer["status"],
        "steps": [(step["tool"], step["status"]) for step in answer["steps"]],
        "called": any(gold in str(step["result"]) for step in steps),
        "answered": gold.lstrip("0") in str(answer["output"]),
        "seconds": answer["seconds"],
    }


if __name__ == "__main__":
    main()
