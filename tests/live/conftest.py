"""Live tests run on the real embedded models, which must have been pulled before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tandem.evals.pytest_suite import configure
from tandem.models import catalog, files
from tandem.models.embedded import EmbeddedServers
from tandem.settings import Settings
from tests.live.house import Home, furnish

HERE = Path(__file__).parent


@cache
def missing_models() -> tuple[str, ...]:
    settings = Settings()
    states = {name: files.state_of(catalog.get(name), settings) for name in files.needed(settings)}
    return tuple(name for name, state in states.items() if state in ("missing", "wrong size"))


def pytest_configure() -> None:
    configure()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if not (missing := missing_models()):
        return
    reason = f"these models are not here: {', '.join(missing)}; run `make models` first"
    if os.environ.get("TANDEM_REQUIRE_MODELS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose embedded pair is nobody else's; started by the first test that asks a model."""
    home = furnish(tmp_path_factory.mktemp("home"))
    yield home
    EmbeddedServers(home.settings()).stop()


@pytest.fixture
def home(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """`own_home`, in force whatever the environment says."""
    monkeypatch.delenv("TANDEM_CACHE", raising=False)
    monkeypatch.delenv("TANDEM_SETTINGS", raising=False)
    return own_home
