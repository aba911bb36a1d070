"""A temporary home for live tests: the demo's settings, a ledger, a small knowledge base, and
embedded servers that no other process knows."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tandem.models import catalog, files
from tandem.models.registry import Record, Registry
from tandem.settings import Settings, load

SLM, LLM = "qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"
REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "demo"
PAGES = (
    "travel-and-leave__travel-and-leave-policies__travel-guide-3-travel.md",
    "office-of-acquisition__index.md",
    "tools__docker-hub.md",
    "performance-management__index.md",
)


def demo_rows(name: str) -> dict[str, dict[str, Any]]:
    """The demo's rows by id."""
    lines = (DEMO / name).read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


@dataclass(frozen=True)
class Home:
    """A folder with a tandem.toml, pages, and a cache that links to the real model files."""

    folder: Path

    @property
    def settings_file(self) -> Path:
        return self.folder / "tandem.toml"

    def settings(self, **changes: Any) -> Settings:
        """The demo's settings, at home here. `changes` are sections of Settings."""
        return load(self.settings_file).model_copy(update=changes)

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a process needs to be at home here."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
        return {**kept, "TANDEM_SETTINGS": str(self.settings_file), "LANGSMITH_TRACING": "false"}

    def server(self, model: str) -> Record | None:
        """The running server of a catalogue model."""
        live = (record for _, record in Registry(self.folder / "cache" / "servers").live())
        return next((record for record in live if record.name == model and record.port), None)

    def at_work(self, model: str) -> int:
        """Requests that the server of a catalogue model is working on."""
        if (record := self.server(model)) is None:
            return 0
        key = {"Authorization": f"Bearer {record.api_key}"}
        try:
            answer = httpx.get(f"{record.url}/metrics", headers=key, timeout=30, trust_env=False)
        except httpx.TransportError:
            return 0
        lines = [line for line in answer.text.splitlines() if "requests_processing " in line]
        return int(float(next(line for line in lines if not line.startswith("#")).split()[-1]))


def furnish(folder: Path) -> Home:
    """Make a home in the empty `folder`."""
    (folder / "pages").mkdir()
    for page in PAGES:
        shutil.copy(DEMO / "handbook" / page, folder / "pages")
    _link_models(folder / "cache" / "models")
    text = (DEMO / "tandem.toml").read_text(encoding="utf-8")
    text = text.replace('folder = "handbook"', 'folder = "pages"')
    (folder / "tandem.toml").write_text(
        f'{text}\n[cache]\ndir = "{(folder / "cache").as_posix()}"\n', encoding="utf-8"
    )
    home = Home(folder)
    _build_index(home.settings())
    return home


def _link_models(models: Path) -> None:
    settings = Settings()
    models.mkdir(parents=True)
    for name in files.needed(settings):
        path = files.cached_path(catalog.get(name), settings).resolve()
        (models / path.name).symlink_to(path)


def _build_index(settings: Settings) -> None:
    from tandem.knowledge.build import build_index
    from tandem.services import Services

    build_index(
        settings.path(settings.knowledge.folder),
        settings.path(settings.knowledge.index_dir),
        Services(settings).embeddings,
        settings.limits,
        chunk_words=settings.knowledge.chunk_words,
    )


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> float:
    """Seconds until `condition` held. Fails where it does not in time."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "waited in vain"
        time.sleep(0.05)
    return time.monotonic() - started
