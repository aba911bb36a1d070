"""An embedded server as it is wanted, as it is found, and as it is shown."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from tandem.errors import Cancelled, DeadlineExceeded, ModelFileError
from tandem.models import catalog
from tandem.models.cancel import cancelled
from tandem.models.registry import Record, process_of
from tandem.settings import Model


@dataclass(frozen=True)
class Endpoint:
    """A server that is up. `url` is its root, without `/v1`."""

    url: str
    api_key: str = field(repr=False)
    model_file: str
    pid: int
    adapters: tuple[str, ...] = ()
    """Names of the adapters that it holds, in the order of their ids."""


@dataclass(frozen=True)
class RunningServer:
    """A server as `tandem models status` shows it."""

    name: str
    model_file: str
    pid: int
    port: int
    """0 while it loads its model."""
    threads: int
    slots: int
    context: int
    adapters: tuple[str, ...]
    up_s: float
    resident_bytes: int


def check_wanted(starting: Record, deadline: float) -> None:
    """Raise where nobody waits for the server any more."""
    if cancelled():
        raise Cancelled("The caller cancelled the request while a server was starting.")
    if time.time() >= deadline:
        raise DeadlineExceeded(
            f"The time allowed ran out while the server of {starting.name} was starting.",
            "It goes on loading: ask again, or allow more time for a first request.",
        )


def served_name(model: Model, path: Path) -> str:
    """The name that the server gives in its answers."""
    return model.model if not model.path and model.model in catalog.CATALOG else path.stem


def key_of(wanted: Record) -> str:
    """The same for all who want the same model file with the same options, and for nobody else.

    Raises ModelFileError where one of its files is gone.
    """
    options = [wanted.model_file, *_size_and_time(wanted.model_file)]
    options += [wanted.context, wanted.slots, wanted.threads]
    for name, path in wanted.adapters:
        options += [name, path, *_size_and_time(path)]
    return f"{wanted.name}-{hashlib.sha256(json.dumps(options).encode()).hexdigest()[:12]}"


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except OSError as error:
        raise ModelFileError(
            f"The file {path} cannot be read: {error.strerror}.",
            "Put it back; an adapter can also be rolled back with `tandem adapters rollback`.",
        ) from None
    return status.st_size, status.st_mtime_ns


def endpoint_of(record: Record) -> Endpoint:
    """Where the server of a record listens."""
    names = tuple(name for name, _ in record.adapters)
    return Endpoint(record.url, record.api_key, record.model_file, record.pid, names)


def describe(record: Record) -> RunningServer:
    """The server of a record, as it is shown."""
    process = process_of(record)
    return RunningServer(
        name=record.name,
        model_file=record.model_file,
        pid=record.pid,
        port=record.port,
        threads=record.threads,
        slots=record.slots,
        context=record.context,
        adapters=tuple(name for name, _ in record.adapters),
        up_s=max(0.0, time.time() - record.began),
        resident_bytes=process.memory_info().rss if process else 0,
    )
