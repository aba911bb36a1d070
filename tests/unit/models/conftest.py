from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.loopback import Loopback, answer, serve, status
from tests.unit.models.house import SECRET, House


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.models.endpoint._FIRST_PAUSE_S", 0.01)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    for pool in made.pools:
        pool.close()


@pytest.fixture
def good() -> Iterator[Loopback]:
    with serve(answer("fine")) as server:
        yield server


@pytest.fixture
def bad() -> Iterator[Loopback]:
    with serve(status(500, json.dumps({"error": f"cannot: {SECRET}"}))) as server:
        yield server
