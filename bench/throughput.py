"""How many requests a second: Tandem against the raw llama.cpp server with the same bytes.

What Tandem sends for each request is recorded once; then both sides send it in turn, round by
round, to the same server: Tandem through its whole graph, checks and ledger, the raw side through
plain HTTP. The server is this run's own, and keeps no prompts beside those in its slots, which hold
the same at the start of each measurement: so neither side finds the other's work done. Prints a
table and, as its last line, JSON: medians of the rounds; ratios are taken round by round.

    python bench/throughput.py [--rounds 5] [--requests 32] [--threads 0] [--slots 0]
"""

from __future__ import annotations

import argparse
import asyncio
import queue
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from common import SLM, machine, medians, own_settings, print_json, seconds, table

from tandem import Tandem
from tandem.evals.loading import load_cases
from tandem.models import slm
from tandem.models.embedded import EmbeddedServers
from tandem.records import Request
from tandem.settings import CalibrationSettings, Dialect, Settings, TaskSettings

CONCURRENCY = (1, 2, 4, 8)
SUITE = "headlines"
TASK = "sentiment"
WITHOUT_PROMPT_CACHE = (
    sys.executable,
    "-c",
    "from tandem.models import server; server.PROMPT_CACHE_MIB = 0; server.main()",
)
Side = Callable[[int], float]
"""From the concurrency to the requests a second."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=32, help="of each measurement")
    parser.add_argument("--threads", type=int, default=0, help="of the server; 0: Tandem's choice")
    parser.add_argument("--slots", type=int, default=0, help="of the server; 0: Tandem's choice")
    args = parser.parse_args()
    requests = [case["request"] for case in load_cases(SUITE, n=args.requests).cases]
    with tempfile.TemporaryDirectory() as scratch:
        # With no margin to reach every answer is accepted: one call a request, all on one server.
        tasks = {TASK: TaskSettings(min_margin=0.0)}
        own = own_settings(Path(scratch), args.threads, args.slots)
        # The shipped head would answer in the model's place.
        heads = CalibrationSettings(shipped=False)
        settings = own.model_copy(update={"tasks": tasks, "calibration": heads})
        servers = EmbeddedServers(settings, WITHOUT_PROMPT_CACHE)
        try:
            report(run(servers, settings, requests, args.rounds))
        finally:
            servers.stop()


def run(
    servers: EmbeddedServers, settings: Settings, requests: Sequence[Request], rounds: int
) -> dict[str, Any]:
    servers.endpoint(SLM)  # started here, so that Tandem finds it
    sent = recorded(settings, requests)
    with Tandem(settings) as tandem, closing(raw_client()) as http:
        sides: dict[str, Side] = {
            "tandem": lambda most: len(requests) / through_tandem(tandem, requests, most),
            "raw": lambda most: len(requests) / through_http(http, sent, most),
        }
        level(http, sent)
        sides["tandem"](1)  # Tandem's own first request builds its connections and its ledger
        levels = {
            most: measured(sides, most, rounds, partial(level, http, sent)) for most in CONCURRENCY
        }
    (server,) = servers.running()
    shown = ("name", "threads", "slots", "context", "resident_bytes")
    return {
        **machine(),
        "server": {name: value for name, value in asdict(server).items() if name in shown},
        "requests": len(requests),
        "rounds": rounds,
        "sent_bytes": statistics.median(len(one.content) for one in sent),
        "per_second": {str(most): figures for most, figures in levels.items()},
    }


def raw_client() -> httpx.Client:
    """Like Tandem's own it uses each connection once: llama.cpp closes them after each answer."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=300, trust_env=False, limits=limits)


def recorded(settings: Settings, requests: Sequence[Request]) -> list[httpx.Request]:
    """What Tandem sends for each request, to the byte."""
    with recording() as sent, Tandem(settings) as tandem:
        for request in requests:
            answer = tandem.run(request)
            assert (answer["status"], answer["tier"]) == ("accepted", "slm"), answer["reasons"]
    if len(sent) != len(requests):
        sys.exit(f"{len(requests)} requests made {len(sent)} calls; one each was meant.")
    return sent


@contextmanager
def recording() -> Iterator[list[httpx.Request]]:
    """Requests of the SLM's HTTP clients that are made meanwhile."""
    sent: list[httpx.Request] = []
    make = slm.http_client

    def noting(url: str, dialect: Dialect) -> httpx.Client:
        client = make(url, dialect)
        client.event_hooks["request"].append(sent.append)
        return client

    slm.http_client = noting  # type: ignore[assignment]
    try:
        yield sent
    finally:
        slm.http_client = make


def measured(
    sides: dict[str, Side], most: int, rounds: int, before: Callable[[], None]
) -> dict[str, float]:
    """Medians of each side's requests a second, with the ratio of the first to the second."""
    rows = []
    for number in range(rounds):
        # Who goes first changes, in case the machine slows down or speeds up.
        names = list(sides) if number % 2 == 0 else list(reversed(sides))
        row = {}
        for name in names:
            before()
            row[name] = sides[name](most)
        rows.append({name: row[name] for name in sides})
    return with_ratio(rows)


def with_ratio(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The rounds' medians; the ratio is the median of the rounds' ratios, not that of medians."""
    first, second = rows[0]
    ratios = [row[first] / row[second] for row in rows]
    return {**medians(rows), "ratio": statistics.median(ratios), "worst": min(ratios)}


def level(http: httpx.Client, sent: Sequence[httpx.Request]) -> None:
    """Put the same into all slots: enough requests at a time to fill them."""
    through_http(http, sent[:1] * 8, 8)


def through_http(http: httpx.Client, sent: Sequence[httpx.Request], most: int) -> float:
    """Seconds that the raw side takes with `most` requests at a time."""

    def send(one: httpx.Request) -> None:
        kept = {name: one.headers[name] for name in ("authorization", "content-type")}
        response = http.post(one.url, content=one.content, headers=kept)
        response.raise_for_status()
        assert b"[DONE]" in response.content

    with ThreadPoolExecutor(most) as pool:
        return seconds(lambda: list(pool.map(send, sent)))


def through_tandem(tandem: Tandem, requests: Sequence[Request], most: int) -> float:
    """Seconds that Tandem takes with `most` requests at a time."""
    waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
    for request in requests:
        waiting.put(request)

    async def work() -> None:
        while not waiting.empty():
            await tandem.arun(waiting.get())

    async def all_of_it() -> None:
        await asyncio.gather(*(work() for _ in range(most)))

    return seconds(lambda: asyncio.run(all_of_it()))


def report(found: dict[str, Any]) -> None:
    server = found["server"]
    print(
        f"{server['name']}: {server['threads']} thread(s), {server['slots']} slots; "
        f"{found['cores']} cores, load average {found['load_average']}"
    )
    print(f"{found['requests']} requests a measurement, {found['rounds']} rounds")
    print(table("at a time, requests a second", found["per_second"], digits=3))
    print_json(found)


if __name__ == "__main__":
    main()
