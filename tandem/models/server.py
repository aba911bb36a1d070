"""The process of an embedded server: `python -m tandem.models.server`, its orders on stdin.

It serves one model on loopback through llama.cpp's own server, says in the registry where it
listens, and ends when nobody used it for a while or when its record is gone or another's.

Orders come on stdin, because whoever lists the machine's processes can read argv.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from filelock import Timeout

from tandem.models.registry import Record, Registry, began, record_from

PROMPT_CACHE_MIB: Final = 512
HTTP_THREADS: Final = 128
"""Connections served at a time. llama.cpp's own choice is four more than slots; a connection holds
its thread until it was idle for 5 s, so that further callers starved behind idle or busy ones."""
_WARNINGS: Final = 2
_POLL_S: Final = 2.0


@dataclass(frozen=True)
class Orders:
    """What a server is told when it starts."""

    key: str
    folder: str
    idle_s: float
    record: Record
    """With pid and port still 0."""

    def to_json(self) -> str:
        """As sent on stdin."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Orders:
        """As read from stdin."""
        data = json.loads(text)
        return Orders(**{**data, "record": record_from(data["record"])})


class Metrics(Protocol):
    """What the watch needs of llama.cpp's server."""

    def handle_metrics(self) -> str:
        """The Prometheus text of the server's /metrics."""
        ...


def serve(record: Record) -> Any:
    """llama.cpp's server as `record` describes it, once it listens. Raises RuntimeError."""
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = record.model_file
    params.model_alias = {record.name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # The system picks a free one: no race for a port that another takes.
    params.api_keys = [record.api_key]
    params.n_parallel = record.slots
    params.n_ctx = record.context * record.slots  # Shared out evenly among the slots.
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = record.threads
        threads.poll = 0  # A waiting thread must sleep: the other tier needs the core.
    # Keeps the fixed parts of prompts while tasks take turns in a slot; it knows nothing of
    # adapters, and would hand the base's reading of a prompt to one of them.
    params.cache_ram_mib = 0 if record.adapters else PROMPT_CACHE_MIB
    if record.adapters:
        # Off unless a request asks for it: the scale of 1.0 that is the default is for everyone.
        params.lora_adapters = [
            xllamacpp.CommonAdapterLoraInfo(path, 0.0) for _, path in record.adapters
        ]
        params.lora_init_without_apply = True
    params.n_threads_http = HTTP_THREADS
    params.endpoint_metrics = True
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = _WARNINGS
    return xllamacpp.Server(params)


class Activity:
    """Tells how long a server has been idle.

    llama.cpp's counters move only when a request is done, so that requests at work count as well.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._counters: tuple[str, ...] = ()

    def idle_s(self, metrics: str) -> float:
        """Seconds since something last moved, given the server's present metrics."""
        lines = [line for line in metrics.splitlines() if not line.startswith("#")]
        counters = tuple(line for line in lines if "_total " in line)
        working = any(
            line.split()[-1] != "0"
            for line in lines
            if "requests_processing " in line or "requests_deferred " in line
        )
        if working or counters != self._counters:
            self._counters = counters
            self._last = self._clock()
        return self._clock() - self._last


def watch(
    server: Metrics,
    orders: Orders,
    registry: Registry,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Return, with the reason, when the server should end."""
    activity = Activity()
    period = min(_POLL_S, orders.idle_s / 4)
    while True:
        sleep(period)
        record = registry.read(orders.key)
        if record is None or record.pid != os.getpid():
            return "the registry no longer names this server"
        allowed = record.idle_s or orders.idle_s
        if activity.idle_s(server.handle_metrics()) < allowed:
            continue
        try:
            with registry.lock(orders.key, timeout_s=0):
                # Nobody can be on the way to this server now, except who knew it before.
                if activity.idle_s(server.handle_metrics()) >= allowed:
                    registry.remove(orders.key)
                    return f"no request for {allowed:g} s"
        except Timeout:
            continue


def main() -> None:
    """Serve until idle."""
    orders = Orders.from_json(sys.stdin.read())
    try:
        server = serve(orders.record)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    registry = Registry(Path(orders.folder))
    port = int(server.listening_address.rpartition(":")[2])
    record = replace(orders.record, pid=os.getpid(), began=began(os.getpid()), port=port)
    log = _silence()
    registry.write(orders.key, record)
    reason = watch(server, orders, registry)
    os.write(log, f"ended: {reason}\n".encode())
    os._exit(0)  # llama.cpp's threads need no farewell, and a request at work must not delay it.


def _silence() -> int:
    """From here on llama.cpp writes nowhere: some warnings quote the request (a grammar that does
    not parse is printed whole). Returns the log's descriptor, for words of our own and crashes."""
    log = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    faulthandler.enable(file=log)
    return log


if __name__ == "__main__":
    main()
