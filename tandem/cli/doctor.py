"""`tandem doctor`: what works here, and what to do about what does not."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from tandem.errors import TandemError
from tandem.models import fetch, files
from tandem.models.embedded import EmbeddedServers
from tandem.models.files import FileState
from tandem.models.hub import hub_problem
from tandem.models.threads import cores, threads_for
from tandem.settings import Settings

_PROBE_S: Final = 2.0
_HERE: Final = ("verified", "present")
_OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing looked at. `remedy` is empty where nothing needs doing."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def command(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what works here: models, hub, threads, keys, servers, head, index, ledger,
    checkpoints, disk."""
    checks = doctor(ctx.obj)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            typer.echo(f"{'ok' if check.ok else '!!'} {check.name}: {check.detail}")
            if check.remedy:
                typer.echo(f"    -> {check.remedy}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def doctor(settings: Settings) -> list[Check]:
    """Look at everything once. Takes at most about 2 s for the hub and 1 s for the rest; changes
    nothing and starts nothing."""
    try:
        needed = [state for state in fetch.listing(settings) if state.needed]
        trouble = []
    except TandemError as error:
        needed, trouble = [], [Check("models", False, error.what, error.remedy)]
    missing = sum(state.file.bytes for state in needed if state.state not in _HERE)
    return [
        _python(),
        *trouble,
        *map(_model, needed),
        *_own_files(settings),
        _hub(missing),
        _threads(settings),
        *_keys(settings),
        _servers(settings),
        _routing_head(settings),
        _knowledge(settings),
        *_mcp(settings),
        _ledger(settings),
        _checkpoints(settings),
        _cache(settings, missing),
    ]


def _python() -> Check:
    ok = sys.version_info >= _OLDEST_PYTHON
    return Check("python", ok, platform.python_version(), "" if ok else "Use Python 3.11 or newer.")


def _model(state: FileState) -> Check:
    name = state.file.name
    if state.state == "present":
        remedy = f"Its sum was never taken here: `tandem models verify {name}`."
    else:
        remedy = "" if state.state in _HERE else f"Run `tandem models pull {name}`."
    return Check(f"model {name}", state.state in _HERE, state.state, remedy)


def _own_files(settings: Settings) -> Iterator[Check]:
    for name in files.settings_models(settings):
        if path := files.own_path(name, settings):
            yield _own_file(name, path, settings)


def _own_file(name: str, path: Path, settings: Settings) -> Check:
    try:
        files.locate(name, settings)
    except TandemError as error:
        return Check(f"model {name}", False, error.what, error.remedy)
    return Check(f"model {name}", True, str(path))


def _hub(missing: int) -> Check:
    problem = hub_problem(_PROBE_S)
    if not problem:
        return Check("hub", True, "reachable")
    instead = "the package index is used" if missing else "not needed, all models are here"
    return Check("hub", True, f"{problem}; {instead}")


def _threads(settings: Settings) -> Check:
    threads, usable = threads_for(settings), cores()
    detail = f"{usable} cores; " + (
        ", ".join(f"{name}: {count}" for name, count in threads.items()) or "no embedded model"
    )
    ok = sum(threads.values()) <= usable or len(threads) <= 1
    remedy = "" if ok else "Busy servers would wait for each other: lower `threads`, or use one."
    return Check("threads", ok, detail, remedy)


def _keys(settings: Settings) -> Iterator[Check]:
    """Whether each key that a used model names is set; never its value."""
    for name in files.settings_models(settings):
        variable = settings.models[name].api_key_env
        if variable:
            ok = bool(os.environ.get(variable))
            remedy = "" if ok else f"Put the key of {name} into the environment as {variable}."
            yield Check(f"key {variable}", ok, "set" if ok else "not set", remedy)


def _servers(settings: Settings) -> Check:
    running = EmbeddedServers(settings).running()
    words = [f"{s.name} (process {s.pid}, port {s.port or 'loading'})" for s in running]
    return Check("servers", True, ", ".join(words) or "none runs; the first request starts them")


def _routing_head(settings: Settings) -> Check:
    """Whether requests are read with a head. Without one the SLM reads them, which is slower."""
    # Imported here: numpy takes a while that `tandem --help` should not.
    from tandem.models.embeddings import build_embeddings, fingerprint_of
    from tandem.routing.head import check_embedding, head_path, load_head

    path = head_path(settings)
    if path is None:
        return Check("routing head", True, 'not used: routing.head is "off"')
    try:
        head = load_head(path)
        if settings.embeddings.backend == "onnx":  # another would be loaded by this
            embeddings = build_embeddings(settings, lambda name: files.locate(name, settings))
            check_embedding(head, path, fingerprint_of(embeddings))
    except TandemError as error:
        return Check("routing head", False, f"not used: {error.what}", error.remedy)
    return Check("routing head", True, str(path))


def _knowledge(settings: Settings) -> Check:
    # Imported here: faiss takes a while that `tandem --help` should not.
    from tandem.knowledge.store import load

    if not settings.knowledge.folder:
        return Check("knowledge", True, "no folder is set")
    folder = settings.path(settings.knowledge.folder)
    index = settings.path(settings.knowledge.index_dir)
    if not folder.is_dir():
        return Check("knowledge", False, f"{folder} is no folder", "Correct `knowledge.folder`.")
    if not index.is_dir() or not any(index.iterdir()):
        return Check("knowledge", False, f"no index in {index} yet", "Run `tandem index build`.")
    try:
        load(index)
    except TandemError as error:
        return Check("knowledge", False, error.what, error.remedy)
    return Check("knowledge", True, f"index in {index}")


def _mcp(settings: Settings) -> Iterator[Check]:
    """The tools of MCP servers that are offered. No server is asked."""
    from tandem.mcp import catalogue

    try:
        known = catalogue.read(catalogue.path_of(settings))
    except TandemError as error:
        yield Check("mcp", False, error.what, error.remedy)
        return
    for name, server in settings.mcp.servers.items():
        accepted = sum(tool in known.get(name, {}) for tool in server.tools)
        ok = accepted == len(server.tools)
        remedy = "" if ok else f"`tandem mcp check {name}` shows them, and how to accept."
        told = f"{accepted} of {len(server.tools)} allowed tools are accepted"
        yield Check(f"mcp {name}", ok, told, remedy)


def _checkpoints(settings: Settings) -> Check:
    """Where runs are kept; a server is only asked, and a file that is not there is not made."""
    from tandem.checkpoints.opening import checkpointer_from_url, shown
    from tandem.checkpoints.sealing import key_of

    own, url = settings.checkpoints, settings.checkpoints_url
    if not url:
        return Check(
            "checkpoints", True, "off: no run can wait for a person or go on after a crash"
        )
    where = shown(url)
    try:
        key = key_of(own.key_env)
        kept = "encrypted" if key else f"no key ({own.key_env}), so no sensitive runs"
        if url.startswith("sqlite:///") and not Path(where).exists():
            return Check("checkpoints", True, f"{where}, made when first needed; {kept}")
        connection = checkpointer_from_url(url, key=key, connect_s=_PROBE_S).conn  # type: ignore[attr-defined]
        connection.close()
    except TandemError as error:
        return Check("checkpoints", False, error.what, error.remedy)
    return Check("checkpoints", True, f"{where}; {kept}")


def _ledger(settings: Settings) -> Check:
    import sqlalchemy as sql

    remedy = "Correct `ledger.url`, or make its folder writable."
    try:
        url = sql.make_url(settings.ledger_url)
        shown = url.render_as_string(hide_password=True)
        file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
        if file and str(file) != ":memory:" and not file.exists():
            ok = os.access(_nearest(file.parent), os.W_OK)
            return Check("ledger", ok, f"{shown}, made at the first run", "" if ok else remedy)
        engine = sql.create_engine(url)
        try:
            with engine.connect() as connection:
                sql.inspect(connection).get_table_names()
        finally:
            engine.dispose()
    except (sql.exc.SQLAlchemyError, ImportError) as error:
        return Check("ledger", False, f"cannot be opened ({type(error).__name__})", remedy)
    return Check("ledger", True, shown)


def _cache(settings: Settings, missing: int) -> Check:
    if settings.cache_dir.exists() and not settings.cache_dir.is_dir():
        remedy = "Name a folder with `cache.dir` or TANDEM_CACHE."
        return Check("cache", False, f"{settings.cache_dir} is no folder", remedy)
    nearest = _nearest(settings.cache_dir)
    free = shutil.disk_usage(nearest).free
    detail = f"{settings.cache_dir}, {free / 1e9:.1f} GB free"
    if not os.access(nearest, os.W_OK):
        remedy = "Make it writable, or name another with `cache.dir` or TANDEM_CACHE."
        return Check("cache", False, f"{detail}, not writable", remedy)
    ok = free > missing
    remedy = "" if ok else f"The missing models need {missing / 1e9:.1f} GB: make room."
    return Check("cache", ok, detail, remedy)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
