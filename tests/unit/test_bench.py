"""What the benchmarks compute, and that they still fit the code that they measure."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.graphs.hybrid import build
from tandem.models.slm import hugging_face_client
from tandem.models.tier import Prompt
from tandem.settings import LedgerSettings, Settings
from tests.loopback import answer, serve

BENCH = Path(__file__).parents[2] / "bench"


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(BENCH))  # as `python bench/NAME.py` does
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(BENCH))


def test_a_table_has_a_line_a_row_and_a_dash_for_what_is_missing() -> None:
    made = load("common").table("request", {"short": {"p50_ms": 1.25}, "long": {"other": 2.0}})
    assert made.splitlines() == [
        "request    p50 ms     other",
        "short         1.2         -",
        "long            -       2.0",
    ]


def test_medians_are_taken_column_by_column() -> None:
    rounds = [{"a": 1.0, "b": 9.0}, {"a": 3.0, "b": 7.0}, {"a": 2.0, "b": 8.0}]
    assert load("common").medians(rounds) == {"a": 2.0, "b": 8.0}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
def test_a_childs_peak_is_its_own_and_not_that_of_whoever_started_it(tmp_path: Path) -> None:
    common, held = load("common"), bytearray(b"x") * (160 << 20)
    assert common.peak_mib() > 160
    code = "import os, sys; print(sys.argv[1:], os.getcwd()); sys.exit(0)"
    printed, peak = common.with_peak(code, ("a", "b"), tmp_path)
    assert printed == f"['a', 'b'] {tmp_path}\n"
    assert len(held) > 0
    assert 1 < peak < 100
    assert common.with_peak("held = b'x' * (120 << 20)", (), tmp_path)[1] > 120
    with pytest.raises(subprocess.CalledProcessError):
        common.with_peak("raise SystemExit(3)", (), tmp_path)


def test_the_ratio_is_taken_round_by_round() -> None:
    rows = [{"tandem": 1.0, "raw": 1.0}, {"tandem": 9.0, "raw": 10.0}, {"tandem": 3.0, "raw": 6.0}]
    found = load("throughput").with_ratio(rows)
    assert found == {"tandem": 3.0, "raw": 6.0, "ratio": 0.9, "worst": 0.5}


@given(st.integers(1, 7))
def test_who_goes_first_takes_turns(rounds: int) -> None:
    went: list[str] = []
    sides = {name: lambda _most, name=name: went.append(name) or 1.0 for name in ("tandem", "raw")}
    prepared: list[int] = []
    load("throughput").measured(sides, 8, rounds, lambda: prepared.append(len(went)))
    in_pairs = [tuple(went[place : place + 2]) for place in range(0, len(went), 2)]
    assert in_pairs == [("tandem", "raw"), ("raw", "tandem")] * (rounds // 2) + [
        ("tandem", "raw")
    ] * (rounds % 2)
    assert prepared == list(range(2 * rounds))


def test_what_was_recorded_is_sent_again_to_the_byte() -> None:
    throughput = load("throughput")
    with serve(answer("yes")) as server:
        with throughput.recording() as sent:
            client = hugging_face_client(
                url=server.url, api_key="key-1", model="m", dialect="llamacpp"
            )
            client.stream(Prompt([{"role": "user", "content": "Hello"}], 10), 4e9)
            client.close()
        with throughput.raw_client() as http:
            assert throughput.through_http(http, sent * 3, 2) > 0
    assert len(server.seen) == 4
    assert all(seen.body == server.seen[0].body for seen in server.seen)
    keys = {name.lower(): value for name, value in server.seen[-1].headers.items()}
    assert keys["authorization"] == "Bearer key-1"
    assert isinstance(sent[0], httpx.Request)


def test_nothing_is_recorded_afterwards() -> None:
    throughput = load("throughput")
    with serve(answer("yes")) as server, throughput.recording() as sent:
        pass
    client = hugging_face_client(url=server.url, api_key="", model="m", dialect="llamacpp")
    assert client.http.event_hooks["request"] == []
    client.close()
    assert sent == []


@pytest.mark.parametrize("name", list(load("overhead").REQUESTS))
def test_the_instant_models_fit_the_graph(name: str, tmp_path: Path) -> None:
    overhead = load("overhead")
    ledger = LedgerSettings(url=f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    services = overhead.InstantServices(Settings(ledger=ledger))
    found = overhead._timed(build(services).compile(), overhead.REQUESTS[name], 2)
    services.close()
    assert 0 < found["p50_ms"] <= found["p95_ms"]
