"""Embedded servers with adapters: a promotion changes the server, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tandem.errors import ModelFileError, ModelUnavailable
from tandem.models.adapters import Adapters
from tandem.models.embedded import RETIRED_IDLE_S, EmbeddedServers
from tandem.models.files import record_sum, sha256_of
from tandem.settings import Settings
from tests.unit.models.test_adapters import finished
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
    store.rollback("first")
    assert servers.endpoint(SLM) == plain, "the old one still ran"


def test_the_server_is_up_before_the_adapter_is_in_force(
    house: tuple[EmbeddedServers, Adapters],
) -> None:
    servers, store = house
    warm = servers.warm(SLM, [store.get("first")])
    assert servers.endpoint(SLM).adapters == ()
    store.promote("first")
    assert servers.endpoint(SLM) == warm


def idle_times(folder: Path) -> dict[tuple[str, ...], float]:
    """Idle seconds that each running server is allowed, by its adapters."""
    live = [record for _, record in registry(folder).live()]
    return {tuple(name for name, _ in record.adapters): record.idle_s for record in live}


def test_a_retired_server_ends_soon_unless_it_is_wanted_again(
    house: tuple[EmbeddedServers, Adapters], tmp_path: Path
) -> None:
    servers, store = house
    store.promote("first")
    tuned = servers.endpoint(SLM)
    store.rollback("first")
    servers.retire(SLM, [store.get("first")])
    assert idle_times(tmp_path) == {("first",): RETIRED_IDLE_S}
    store.promote("first")
    servers.invalidate(SLM)
    assert servers.endpoint(SLM) == tuned
    assert idle_times(tmp_path) == {("first",): 0.0}


def test_a_server_that_other_projects_share_is_never_retired(
    house: tuple[EmbeddedServers, Adapters], tmp_path: Path
) -> None:
    servers, store = house
    plain = servers.endpoint(SLM)
    elsewhere = Adapters(tmp_path / "elsewhere")
    finished(elsewhere, "first", base=store.get("first").base_sha256)
    others = EmbeddedServers(servers._settings, COMMAND, elsewhere)
    others.warm(SLM, [elsewhere.get("first")])
    store.promote("first")
    servers.retire(SLM, [])
    servers.retire(SLM, [store.get("first")])
    assert idle_times(tmp_path) == {(): 0.0, ("first",): 0.0}
    assert others.endpoint(SLM) == plain


def test_what_is_in_force_is_never_retired(
    house: tuple[EmbeddedServers, Adapters], tmp_path: Path
) -> None:
    servers, store = house
    store.promote("first")
    servers.endpoint(SLM)
    servers.retire(SLM, [store.get("first")])
    assert idle_times(tmp_path) == {("first",): 0.0}


def test_a_request_that_is_under_way_finds_the_server_that_it_was_written_for(
    house: tuple[EmbeddedServers, Adapters],
) -> None:
    servers, store = house
    assert servers.holding(SLM, "first") is None
    store.promote("first")
    tuned = servers.endpoint(SLM)
    finished(store, "second", base=store.get("first").base_sha256)
    store.promote("second")
    assert servers.endpoint(SLM).adapters == ("second",)
    assert servers.holding(SLM, "first") == tuned


def test_another_adapter_of_the_same_name_gets_a_server_of_its_own(
    house: tuple[EmbeddedServers, Adapters],
) -> None:
    servers, store = house
    card = store.promote("first")
    old = servers.endpoint(SLM)
    store.file(card).write_bytes(b"GGUF, learnt anew")
    store.write(replace(card, sha256=sha256_of(store.file(card))))
    new = servers.endpoint(SLM)
    assert (new.adapters, new.url == old.url) == (old.adapters, False)


def test_a_file_that_goes_while_a_server_is_wanted_is_told(
    house: tuple[EmbeddedServers, Adapters],
) -> None:
    servers, store = house
    card = store.promote("first")
    tuned = servers.endpoint(SLM)
    store.file(card).unlink()
    assert servers.endpoint(SLM).adapters == (), "the model as it is answers"
    assert servers.holding(SLM, "first") == tuned
    with pytest.raises(ModelFileError, match=r"adapter\.gguf cannot be read"):
        servers.warm(SLM, [card])


def test_a_server_that_did_not_load_its_adapters_is_not_used(tmp_path: Path) -> None:
    settings, store = prepared(tmp_path, b"GGUF LIES")
    servers = EmbeddedServers(settings, COMMAND, store)
    store.promote("first")
    with pytest.raises(ModelUnavailable, match="did not load its adapters"):
        servers.endpoint(SLM)
    assert servers.running() == []
