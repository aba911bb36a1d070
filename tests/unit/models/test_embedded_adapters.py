"""Embedded servers with adapters: a promotion changes the server, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.errors import ModelUnavailable
from tandem.models.adapters import Adapters
from tandem.models.embedded import RETIRED_IDLE_S, EmbeddedServers
from tandem.models.files import record_sum, sha256_of
from tandem.settings import Settings
from tests.unit.models.test_adapters import SLOT, finished
from tests.unit.models.test_embedded import COMMAND, registry, settings_of

SLM = "slm-embedded"


def prepared(folder: Path, body: bytes = b"GGUF") -> tuple[Settings, Adapters]:
    """Settings whose small model has a known sum, and a store with one adapter for it."""
    settings = settings_of(folder, body)
    file = folder / "own.gguf"
    record_sum(file, sha256_of(file))
    store = Adapters(folder / "adapters")
    finished(store, "first", base=sha256_of(file))
    return settings, store


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[EmbeddedServers, Adapters]]:
    settings, store = prepared(tmp_path)
    servers = EmbeddedServers(settings, COMMAND, store)
    yield servers, store
    servers.stop()


def test_a_promotion_leads_to_another_server_and_a_rollback_back(
    house: tuple[EmbeddedServers, Adapters],
) -> None:
    servers, store = house
    plain = servers.endpoint(SLM)
    assert plain.adapters == ()
    store.promote("first")
    tuned = servers.endpoint(SLM)
    assert (tuned.adapters, tuned.url != plain.url) == (("first",), True)
    assert servers.endpoint(SLM) is tuned
    store.rollback(SLOT, "first")
    assert servers.endpoint(SLM) == plain, "the old one still ran"


def test_the_server_is_up_before_the_adapter_is_in_force(
    house: tuple[EmbeddedServers, Adapters],
) -> None:
    servers, store = house
    warm = servers.warm(SLM, [store.get("first")])
    assert servers.endpoint(SLM).adapters == ()
    store.promote("first")
    assert servers.endpoint(SLM) == warm


def test_a_retired_server_ends_soon_unless_it_is_wanted_again(
    house: tuple[EmbeddedServers, Adapters], tmp_path: Path
) -> None:
    servers, store = house
    plain = servers.endpoint(SLM)
    store.promote("first")
    servers.retire(SLM, [])
    (idle,) = [record.idle_s for _, record in registry(tmp_path).live()]
    assert idle == RETIRED_IDLE_S
    store.rollback(SLOT, "first")
    servers.invalidate(SLM)
    assert servers.endpoint(SLM) == plain
    (idle,) = [record.idle_s for _, record in registry(tmp_path).live()]
    assert idle == 0.0


def test_a_server_that_did_not_load_its_adapters_is_not_used(tmp_path: Path) -> None:
    settings, store = prepared(tmp_path, b"GGUF LIES")
    servers = EmbeddedServers(settings, COMMAND, store)
    store.promote("first")
    with pytest.raises(ModelUnavailable, match="did not load its adapters"):
        servers.endpoint(SLM)
    assert servers.running() == []
