"""Do the two embedded servers get in each other's way?

One request on each tier at once should take no longer than the two one after the other. Prints a
table and, as its last line, JSON: medians of one run; ratios are taken round by round. The servers
are this run's own and end with it.

    python bench/two_servers.py [--rounds 5] [--tokens 32] [--threads 0]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
from common import LLM, SLM, machine, medians, own_settings, print_json, seconds

from tandem.models.embedded import EmbeddedServers
from tandem.models.threads import threads_for
from tandem.settings import Settings

FILLER = "The quarterly report lists income, cost and tax of each branch office. " * 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32, help="generated per request")
    parser.add_argument("--threads", type=int, default=0, help="per server; 0: Tandem's choice")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = own_settings(Path(scratch), args.threads, slots=1)
        servers = EmbeddedServers(settings)
        try:
            report(run(servers, settings, args.rounds, args.tokens))
        finally:
            servers.stop()


def run(
    servers: EmbeddedServers, settings: Settings, rounds: int, tokens: int
) -> dict[str, object]:
    start = {name: seconds(partial(servers.endpoint, name)) for name in (SLM, LLM)}
    for name in (SLM, LLM):
        ask(servers, name, "warm-up", 4)
    rows = [one_round(servers, number, tokens) for number in range(rounds)]
    ratios = [row["together"] / (row["slm"] + row["llm"]) for row in rows]
    return {
        **machine(),
        "threads": threads_for(settings),
        "rounds": rounds,
        "start_s": start,
        "median_s": medians(rows),
        "together_by_one_after_the_other": statistics.median(ratios),
        "worst_ratio": max(ratios),
        "endpoint_known_us": known_us(servers),
        "endpoint_revalidated_ms": revalidated_ms(servers),
    }


def one_round(servers: EmbeddedServers, number: int, tokens: int) -> dict[str, float]:
    """Seconds of each tier alone, and of both at once. Every text is new: no prompt cache."""
    alone = {
        short: seconds(partial(ask, servers, name, f"alone {number}", tokens))
        for short, name in (("slm", SLM), ("llm", LLM))
    }
    both = [partial(ask, servers, name, f"at once {number}", tokens) for name in (SLM, LLM)]
    with ThreadPoolExecutor(2) as pool:
        together = seconds(lambda: list(pool.map(lambda work: work(), both)))
    return {**alone, "together": together}


def ask(servers: EmbeddedServers, name: str, mark: str, tokens: int) -> None:
    endpoint = servers.endpoint(name)
    httpx.post(
        f"{endpoint.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {endpoint.api_key}"},
        json={
            "messages": [{"role": "user", "content": f"{mark}: {FILLER}"}],
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
        },
        timeout=300,
        trust_env=False,
    ).raise_for_status()


def known_us(servers: EmbeddedServers, calls: int = 20_000) -> float:
    return seconds(lambda: [servers.endpoint(SLM) for _ in range(calls)]) / calls * 1e6


def revalidated_ms(servers: EmbeddedServers, calls: int = 9) -> float:
    def once() -> None:
        servers.invalidate(SLM)
        servers.endpoint(SLM)

    return statistics.median(seconds(once) for _ in range(calls)) * 1e3


def report(found: dict[str, object]) -> None:
    for key, value in found.items():
        print(f"{key:34} {value}")
    print_json(found)


if __name__ == "__main__":
    main()
