"""The embedded servers: llama.cpp in processes of their own, shared by all of a user's processes.

A server is started on first use and outlives who started it: the next process finds it in the
registry. It ends by itself when nobody uses it (see server.py), or by `stop`.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from filelock import Timeout

from tandem.errors import ModelFileError, ModelUnavailable, SettingsError
from tandem.models import files, processes
from tandem.models.adapters import AdapterCard, Adapters, adapters_of
from tandem.models.registry import Record, Registry, began
from tandem.models.running import (
    Endpoint,
    RunningServer,
    check_wanted,
    describe,
    endpoint_of,
    key_of,
    served_name,
)
from tandem.models.server import Orders
from tandem.models.threads import threads_for
from tandem.settings import Settings

_log = logging.getLogger(__name__)
_POLL_S: Final = 0.02
RETIRED_IDLE_S: Final = 20.0
"""A server whose adapters are out of force ends after so many idle seconds."""


class EmbeddedServers:
    """Finds, starts and stops this user's embedded servers. Safe to share among threads.

    `command` is what a server's process runs; it gets its Orders on stdin. `adapters` are those of
    the settings where none are given.
    """

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str] = processes.COMMAND,
        adapters: Adapters | None = None,
    ) -> None:
        self._settings = settings
        self._command = command
        self._adapters = adapters or adapters_of(settings)
        self._sums: dict[str, str] = {}
        self._registry = Registry(settings.cache_dir / "servers")
        self._endpoints: dict[str, tuple[tuple[str, ...], Endpoint]] = {}
        """With the sums of the adapters that were in force: a name may be another's tomorrow."""
        self._died: dict[str, float] = {}

    def endpoint(self, model_name: str, deadline: float = math.inf) -> Endpoint:
        """The server of `model_name` (a key of `settings.models`), started if need be.

        Once known, the answer comes from memory: no file is read until `invalidate`. A server that
        is still loading at `deadline` (Unix time, seconds) goes on loading for the next caller.

        Raises
        ------
        SettingsError: the settings have no embedded model of that name.
        ModelFileError: the model's file is missing, cut short or no GGUF file.
        ModelUnavailable: the server ended while loading, took longer than `limits.start_s`, or
            died twice within `limits.breaker_reset_s`.
        DeadlineExceeded, Cancelled: it was not ready in time, or is not wanted any more.
        """
        known = self._endpoints.get(model_name)
        held = self._served_with(model_name)
        sums = tuple(card.sha256 for card in held)
        if known is None or known[0] != sums:
            known = (sums, self._find_or_start(model_name, deadline, held))
            self._endpoints[model_name] = known
        return known[1]

    def warm(
        self, model_name: str, held: Sequence[AdapterCard], deadline: float = math.inf
    ) -> Endpoint:
        """The server of `model_name` with other adapters than those in force, so that it is up
        when they come into force. Raises as `endpoint`."""
        return self._find_or_start(model_name, deadline, held)

    def holding(self, model_name: str, adapter: str) -> Endpoint | None:
        """A server of `model_name` that still runs and holds `adapter`, whatever is in force by
        now; None where there is none. Nothing is started."""
        file = str(files.locate(model_name, self._settings).resolve())
        own = (adapter, str(self._adapters.file_of(adapter)))
        for _, record in self._registry.live():
            if record.port and record.model_file == file and own in record.adapters:
                return endpoint_of(record)
        return None

    def retire(self, model_name: str, held: Sequence[AdapterCard]) -> None:
        """Let the servers with these adapters end soon: they finish what they are at work on, and
        take what still comes.

        A server without adapters is left alone: other projects of the user may share it. So is the
        one that `model_name` has in force.
        """
        own = self._files_of(held)
        if not own or own == self._files_of(self._served_with(model_name)):
            return
        for key, record in list(self._registry.live()):
            if record.adapters == own:
                self._end_soon(key)

    def _end_soon(self, key: str) -> None:
        try:
            with self._registry.lock(key, self._settings.limits.connect_s):
                record = self._registry.read(key)
                if record is not None and record.alive():
                    self._registry.write(key, replace(record, idle_s=RETIRED_IDLE_S))
        except Timeout:  # Somebody wants it right now.
            _log.info("a server whose adapters are out of force ends when it is idle")

    def _files_of(self, held: Sequence[AdapterCard]) -> tuple[tuple[str, str], ...]:
        """Names and files, in the order in which a server loads them."""
        named = sorted(held, key=lambda card: card.name)
        return tuple((card.name, str(self._adapters.file(card))) for card in named)

    def _served_with(self, model_name: str) -> list[AdapterCard]:
        if not self._adapters.in_force():
            return []
        return self._adapters.served_with(self.base_sum(model_name))

    def base_sum(self, model_name: str) -> str:
        """The sum of the model's file, where it is known without hashing; else empty."""
        if model_name not in self._sums:
            self._sums[model_name] = files.sum_of(model_name, self._settings)
        return self._sums[model_name]

    def invalidate(self, model_name: str) -> None:
        """Forget the endpoint; the next `endpoint` looks whether it lives. Call it when a
        connection was refused or broke off."""
        self._endpoints.pop(model_name, None)

    def running(self) -> list[RunningServer]:
        """This user's servers, whoever started them."""
        return [describe(record) for _, record in self._registry.live()]

    def stop(self, model_name: str | None = None) -> list[RunningServer]:
        """End the servers of `model_name` (a settings' or catalogue name), or all; those ended.

        Requests that are at work there break off.
        """
        wanted = model_name and files.catalogue_name(model_name, self._settings)
        stopped = []
        for key, record in list(self._registry.live()):
            if wanted and record.name not in (wanted, self._own_name(model_name)):
                continue
            stopped.append(describe(record))
            self._registry.remove(key)
            processes.end(record)
        self._endpoints.clear()
        return stopped

    def _own_name(self, model_name: str | None) -> str:
        own = files.own_path(model_name, self._settings) if model_name else None
        return own.stem if own else ""

    def _find_or_start(
        self, model_name: str, deadline: float, held: Sequence[AdapterCard]
    ) -> Endpoint:
        wanted = self._wanted(model_name, held)
        key = key_of(wanted)
        self._prepare_folder()
        patience = min(self._settings.limits.start_s, max(0.0, deadline - time.time()))
        try:
            with self._registry.lock(key, patience):
                recorded = self._registry.read(key)
                record = self._reusable(recorded, key, deadline) if recorded else None
                if record is None:
                    if recorded:
                        self._note_death(model_name)
                    record = self._start(key, wanted, deadline)
        except Timeout as error:
            check_wanted(wanted, deadline)
            raise ModelUnavailable(
                f"Another process has been starting the server of {wanted.name} for over "
                f"{self._settings.limits.start_s:g} s.",
                "Look with `tandem models status`; `tandem models stop` clears it.",
            ) from error
        return endpoint_of(record)

    def _wanted(self, model_name: str, held: Sequence[AdapterCard]) -> Record:
        """The server that the settings ask for, without process and port."""
        model = self._settings.models.get(model_name)
        if model is None or model.backend != "embedded":
            raise SettingsError(
                f"The settings have no embedded model {model_name!r}.",
                f"Known models: {', '.join(sorted(self._settings.models))}.",
            )
        path = files.locate(model_name, self._settings).resolve()
        return Record(
            pid=0,
            began=0.0,
            port=0,
            api_key=secrets.token_urlsafe(24),
            name=served_name(model, path),
            model_file=str(path),
            context=model.context,
            slots=model.slots,
            threads=threads_for(self._settings).get(model_name) or max(1, model.threads),
            adapters=self._files_of(held),
        )

    def _reusable(self, record: Record, key: str, deadline: float) -> Record | None:
        """The recorded server if it lives and answers to its key; one that loads is awaited."""
        if not record.alive():
            return None
        if record.port == 0:
            return self._await(key, record, deadline)
        if processes.health(record, self._settings.limits.connect_s) == "refuses":
            processes.end(record)
            return None
        if record.idle_s:
            # It was to end, and is wanted again.
            record = replace(record, idle_s=0.0)
            self._registry.write(key, record)
        return record

    def _start(self, key: str, wanted: Record, deadline: float) -> Record:
        orders = Orders(
            key=key,
            folder=str(self._registry.folder),
            idle_s=self._settings.limits.idle_minutes * 60,
            record=wanted,
        )
        process = processes.launch(self._command, orders, self._registry)
        starting = replace(wanted, pid=process.pid, began=began(process.pid))
        self._registry.write(key, starting)
        processes.send(process, orders)
        return self._await(key, starting, deadline)

    def _await(self, key: str, starting: Record, deadline: float) -> Record:
        """The record once the server listens."""
        latest = time.monotonic() + self._settings.limits.start_s
        while time.monotonic() < latest:
            check_wanted(starting, deadline)
            record = self._registry.read(key)
            if record is not None and record.port:
                processes.check_adapters(record, self._settings.limits.connect_s)
                return record
            if not starting.alive():
                self._registry.remove(key)
                raise ModelUnavailable(
                    f"The server of {starting.name} ended while loading {starting.model_file}: "
                    f"{processes.why(self._registry.log(key))}.",
                    "If memory is short, lower `context` or `slots`; check the file with "
                    f"`tandem models verify`. The log is {self._registry.log(key)}.",
                )
            time.sleep(_POLL_S)
        self._registry.remove(key)
        processes.end(starting)
        raise ModelUnavailable(
            f"The server of {starting.name} was not ready after "
            f"{self._settings.limits.start_s:g} s and was ended.",
            "Raise `limits.start_s`, or free memory and cores.",
        )

    def _note_death(self, model_name: str) -> None:
        """Allow one restart within the breaker's time."""
        now, last = time.monotonic(), self._died.get(model_name)
        window = self._settings.limits.breaker_reset_s
        if last is not None and now - last < window:
            raise ModelUnavailable(
                f"The embedded server of {model_name} died twice within {window:g} s.",
                f"It is started again after that; its log lies in {self._registry.folder}.",
            )
        _log.warning("the embedded server of %s died; starting it again", model_name)
        self._died[model_name] = now

    def _prepare_folder(self) -> None:
        try:
            self._registry.prepare()
        except OSError as error:
            raise ModelFileError(
                f"The cache folder {self._registry.folder} cannot be written: {error.strerror}.",
                "Make it writable, or name another with `cache.dir` or TANDEM_CACHE.",
            ) from error
