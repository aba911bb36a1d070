"""What the server's own process decides: orders, idleness, when to end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.models import threads
from tandem.models.registry import Record, Registry, began
from tandem.models.server import Activity, Orders, serve, watch
from tandem.models.threads import cores, threads_for
from tandem.settings import Limits, Model, Settings, TaskSettings, Tiers, TierSettings

RECORD = Record(os.getpid(), began(os.getpid()), 1, "key", "tiny", "tiny.gguf", 512, 1, 1)


def metrics(done: int = 0, processing: int = 0, deferred: int = 0) -> str:
    return (
        "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed\n"
        f"llamacpp:prompt_tokens_total {done}\n"
        f"llamacpp:requests_processing {processing}\n"
        f"llamacpp:requests_deferred {deferred}\n"
        "llamacpp:n_busy_slots_per_decode 1\n"
    )


def test_more_callers_are_connected_than_two_processes_make(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("xllamacpp.Server", lambda params: params)
    params = serve(RECORD)
    assert params.n_threads_http > 2 * Limits().concurrency
    assert (params.n_parallel, params.n_ctx) == (RECORD.slots, RECORD.context)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("before", "after", "idle"),
    [
        (metrics(done=5), metrics(done=5), 10.0),
        (metrics(done=5), metrics(done=6), 0.0),
        (metrics(done=5), metrics(done=5, processing=1), 0.0),
        (metrics(done=5), metrics(done=5, deferred=2), 0.0),
    ],
)
def test_idle_means_that_no_counter_moved_and_nothing_is_at_work(
    before: str, after: str, idle: float
) -> None:
    clock = Clock()
    activity = Activity(clock)
    assert activity.idle_s(before) == 0
    clock.now = 10
    assert activity.idle_s(after) == idle


class FakeServer:
    def __init__(self, read: Callable[[], str]) -> None:
        self.handle_metrics = read


def orders_for(folder: Path, idle_s: float = 0.05) -> Orders:
    return Orders(key="tiny", folder=str(folder), idle_s=idle_s, record=RECORD)


def test_an_idle_server_ends_and_leaves_no_record(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.write("tiny", RECORD)
    assert "no request for 0.05 s" in watch(FakeServer(metrics), orders_for(tmp_path), registry)
    assert registry.read("tiny") is None


def test_a_busy_server_does_not_end(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.write("tiny", RECORD)
    done = iter(range(40))
    seen: list[int] = []

    def read() -> str:
        number = next(done)
        seen.append(number)
        if number == 39:
            registry.remove("tiny")
        return metrics(number)

    reason = watch(FakeServer(read), orders_for(tmp_path), registry, _no_wait)
    assert "no longer names" in reason
    assert len(seen) == 40


@pytest.mark.parametrize("left", [None, replace(RECORD, pid=1)])
def test_a_server_whose_record_is_gone_or_anothers_ends(
    tmp_path: Path, left: Record | None
) -> None:
    registry = Registry(tmp_path)
    if left is not None:
        registry.write("tiny", left)
    reason = watch(FakeServer(metrics), orders_for(tmp_path, idle_s=100), registry, _no_wait)
    assert "no longer names" in reason
    assert registry.read("tiny") == left, "what is another's stays"


def test_nobody_ends_while_somebody_looks_at_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.write("tiny", RECORD)
    rounds = 0
    lock = registry.lock("tiny", 1)
    lock.acquire()

    def wait(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 5:
            assert registry.read("tiny") is not None
            lock.release()

    watch(FakeServer(metrics), orders_for(tmp_path, idle_s=1e-9), registry, wait)
    assert rounds >= 5
    assert registry.read("tiny") is None


@given(
    st.builds(
        Orders,
        key=st.text(),
        folder=st.text(),
        idle_s=st.floats(min_value=0.001, max_value=1e9),
        record=st.builds(Record, began=st.floats(min_value=0, max_value=1e12)),
    )
)
def test_orders_survive_the_pipe(orders: Orders) -> None:
    assert Orders.from_json(orders.to_json()) == orders


def _no_wait(_seconds: float) -> None:
    pass


def pair(slm: Model | None = None, llm: Model | None = None) -> Settings:
    return Settings(
        models={"a": slm or Model(model="one"), "b": llm or Model(model="two")},
        tiers=Tiers(slm=TierSettings(model="a"), llm=TierSettings(model="b")),
    )


HOSTED = Model(backend="openai", model="gpt")


@pytest.mark.parametrize(
    ("settings", "usable", "expected"),
    [
        (pair(), 2, {"a": 1, "b": 1}),
        (pair(), 1, {"a": 1, "b": 1}),
        (pair(), 9, {"a": 4, "b": 4}),
        (pair(llm=HOSTED), 2, {"a": 2}),
        (pair(slm=HOSTED, llm=HOSTED), 2, {}),
        (pair(slm=Model(model="one", threads=3)), 4, {"a": 3, "b": 1}),
        (pair(slm=Model(model="one", threads=9)), 4, {"a": 9, "b": 1}),
        (pair(slm=Model(model="same"), llm=Model(model="same")), 2, {"a": 2, "b": 2}),
    ],
)
def test_cores_are_shared_out(settings: Settings, usable: int, expected: dict[str, int]) -> None:
    assert threads_for(settings, usable) == expected


def test_stand_ins_and_tasks_models_count_too() -> None:
    settings = Settings(
        models={name: Model(model=name) for name in "abcd"},
        tiers=Tiers(slm=TierSettings(model="a", stand_ins=("c",)), llm=TierSettings(model="b")),
        tasks={"faq": TaskSettings(slm="d")},
    )
    assert threads_for(settings, 8) == dict.fromkeys("acbd", 2)


@given(st.integers(1, 64), st.integers(0, 8), st.integers(0, 8))
def test_shares_never_exceed_the_cores(usable: int, first: int, second: int) -> None:
    given_threads = (first, second)
    shares = threads_for(
        pair(Model(model="one", threads=first), Model(model="two", threads=second)), usable
    )
    assert min(shares.values()) >= 1
    if sum(given_threads) + given_threads.count(0) <= usable:
        assert sum(shares.values()) <= usable


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000\n", 0), ("150000 100000\n", 1), ("20000 100000\n", 1), ("rubbish", 0)],
)
def test_a_containers_quota_counts(tmp_path: Path, text: str, quota: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert threads._quota(tmp_path / "cpu.max") == quota
    assert threads._quota(tmp_path / "none") == 0
    assert cores() >= 1
