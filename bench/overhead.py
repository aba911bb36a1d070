"""What Tandem itself costs a request: the graph, the checks and the ledger, with models that take
no time.

Prints a table of p50 and p95 in milliseconds and, as its last line, JSON. `--profile` shows where a
request's time goes. What a whole `tandem ask` takes: startup.py.

    python bench/overhead.py [--rounds 200] [--profile "task not declared"]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import print_json, table

from tandem.graphs.hybrid import build
from tandem.models.attempts import AnsweredCall, CallLog
from tandem.models.tier import CallContext, Completion, Prompt, Tier, Token, ToolCall
from tandem.nodes.state import Context
from tandem.records import Attempt, ErrorInfo, TierName, Usage
from tandem.runs.keeping import durable_runs
from tandem.runs.working import Runs
from tandem.services import Services
from tandem.settings import LedgerSettings, Settings

USAGE: Usage = {"input_tokens": 40, "output_tokens": 4}
LABELS = ["positive", "negative"]
RECEIPT = "HARBOUR COFFEE\n14 QUAY STREET\n03/02/2026\nFLAT WHITE 3.80\nTOTAL EUR 3.80"
FOUND = '{"company":"HARBOUR COFFEE","date":"03/02/2026","address":"14 QUAY STREET","total":"3.80"}'
REQUESTS: dict[str, dict[str, Any]] = {
    "sentiment, accepted": {"text": "A fine film.", "task": "sentiment", "labels": LABELS},
    "sentiment, escalated": {"text": "A sideways film.", "task": "sentiment", "labels": LABELS},
    "task not declared": {"text": "Write a note that we meet at 3 pm."},
    "receipt extracted": {"text": RECEIPT, "task": "extraction", "output_schema": "receipt"},
}


@dataclass
class InstantCall:
    """A TierCall that answers at once."""

    name: TierName
    context: CallContext
    native_tools: bool = False
    context_tokens: int = 8192
    log: CallLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = CallLog(self.name, self.context.purpose)

    def complete(self, prompt: Prompt) -> Completion:
        text = self._answer(prompt)
        self.log.add(AnsweredCall(text, "instant", "stop", USAGE, 0.0))
        tokens = tuple(Token(word, -0.01, {word: -0.01}) for word in [text])
        return Completion(text, "instant", "stop", USAGE, 0.0, 0.0, tokens)

    def _answer(self, prompt: Prompt) -> str:
        if prompt.choices is None:
            return FOUND if prompt.schema else "We meet at 3 pm."
        if "sideways" in prompt.messages[-1]["content"] and self.name == "slm":
            return "sideways"
        return "message to write" if "message to write" in prompt.choices else prompt.choices[0]

    def choose_calls(self, *_: Any) -> list[ToolCall]:
        return []

    def attempt(
        self, output: Any, *, signals: Any = None, error: ErrorInfo | None = None
    ) -> Attempt:
        return self.log.attempt(output, signals, error)


@dataclass
class InstantTier:
    """A Tier of such calls."""

    name: TierName
    private: bool = True

    def bind(self, context: CallContext) -> InstantCall:
        return InstantCall(self.name, context)

    def price(self, _usage: Usage, _seconds: float = 0.0) -> float:
        return 0.0


class InstantServices(Services):
    """Real settings, guard and ledger; instant tiers."""

    def tier(self, name: TierName, task: str = "") -> Tier:  # noqa: ARG002
        return InstantTier(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--profile", choices=REQUESTS, help="show where this one's time goes")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ledger = LedgerSettings(url=f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        services = InstantServices(Settings(home=Path(folder), ledger=ledger))
        graph = build(services).compile(checkpointer=durable_runs(services, None))
        figures = {name: _timed(graph, request, args.rounds) for name, request in REQUESTS.items()}
        if args.profile:
            _profile(graph, REQUESTS[args.profile], args.rounds)
        services.close()
    print(table("request", figures))
    print_json(figures)


def _run(graph: Any, request: dict[str, Any]) -> Any:
    """As `Tandem.run` does."""
    runs = Runs(graph.services, graph)
    context, config = runs.identified(Context(), "")
    with runs.begin(context, config) as options:
        return graph.invoke({"request": request}, config, context=context, **options)


def _timed(graph: Any, request: dict[str, Any], rounds: int) -> dict[str, float]:
    status = _run(graph, request)["answer"]["status"]  # warm
    assert status == "accepted", status
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        _run(graph, request)
        taken.append((time.perf_counter() - started) * 1000)
    return {"p50_ms": statistics.median(taken), "p95_ms": statistics.quantiles(taken, n=20)[-1]}


def _profile(graph: Any, request: dict[str, Any], rounds: int) -> None:
    with cProfile.Profile() as profile:
        for _ in range(rounds):
            _run(graph, request)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
