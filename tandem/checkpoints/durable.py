"""The checkpointer of Tandem: it keeps the runs that are worth it, and leaves the others alone."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from tandem.checkpoints.opening import errors
from tandem.errors import RunBusy


@dataclass
class UnderWay:
    """A run that this process works at."""

    thread_id: str
    run_id: str
    kept: bool
    """Its checkpoints are written."""
    noted: bool
    """`on_kept` was called, now or in the process that began the run."""
    since: float
    """Unix time, seconds."""
    stack: ExitStack = field(default_factory=ExitStack)
    """Closed when the run leaves this process."""


class DurableRuns(BaseCheckpointSaver[str]):
    """Writes a run's checkpoints from the one on at which `keeps` says yes to its state, and opens
    the database no sooner: a request that is over in a second costs nothing here. Threads that
    nobody announced by `running` are written as any checkpointer would.

    Parameters
    ----------
    opened: gives the checkpointer that writes.
    keeps: whether a run with this state is to be kept.
    on_kept: called before a run's first checkpoint is written.
    serde: the serializer of `opened`.
    where: how messages name the database.
    """

    def __init__(
        self,
        opened: Callable[[], BaseCheckpointSaver[str]],
        keeps: Callable[[Mapping[str, Any]], bool],
        on_kept: Callable[[UnderWay], None],
        serde: SerializerProtocol,
        where: str = "",
    ) -> None:
        super().__init__(serde=serde)
        self._opened: Final = opened
        self._keeps, self._on_kept = keeps, on_kept
        self._where: Final = where
        self._lock = threading.RLock()
        self._inner: BaseCheckpointSaver[str] | None = None
        self._pid = 0
        self._under_way: dict[str, UnderWay] = {}

    @contextmanager
    def running(
        self, thread_id: str, run_id: str, *, kept: bool = False, noted: bool = False
    ) -> Iterator[UnderWay]:
        """Announce that this process works at a run: for as long as the block lasts.

        Raises
        ------
        RunBusy: it works at another run of the thread, whose checkpoints are written.
        """
        run = UnderWay(thread_id, run_id, kept, noted, time.time())
        with self._lock:
            other = self._under_way.get(thread_id)
            if other is not None and other.kept:
                # Its checkpoints would be taken for those of the new one.
                raise RunBusy(
                    "Another run is under way on this thread; nothing was done here.",
                    "Wait until it is done, or give runs threads of their own.",
                )
            self._under_way[thread_id] = run
        with run.stack:
            try:
                yield run
            finally:
                with self._lock:
                    if self._under_way.get(thread_id) is run:
                        del self._under_way[thread_id]

    def writes(self, thread_id: str) -> bool:
        """Whether what happens on a thread is written now."""
        run = self._under_way.get(thread_id)
        return run is None or run.kept

    def seconds_at(self, thread_id: str) -> float:
        """How long this process has worked at the run of a thread; 0 where it does not."""
        run = self._under_way.get(thread_id)
        return time.time() - run.since if run else 0.0

    @property
    def inner(self) -> BaseCheckpointSaver[str]:
        """The checkpointer that writes; opened on first use."""
        with self._lock:
            # After a fork the child opens a connection of its own: they must not be shared.
            if self._inner is None or self._pid != os.getpid():
                self._inner, self._pid = self._opened(), os.getpid()
            return self._inner

    def open(self) -> None:
        """Open the database, where that was not done yet."""
        with errors(self._where, "opened"):
            self.inner  # noqa: B018 (opened by being asked for)

    def close(self) -> None:
        """Close the database, where it was opened."""
        connection = getattr(self._inner, "conn", None)
        if connection is not None:
            connection.close()
        self._inner = None

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As LangGraph's."""
        if self._is_left_alone(config):
            return None
        with errors(self._where, "read"):
            return self.inner.get_tuple(config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 (the name that LangGraph gives it)
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """As LangGraph's."""
        with errors(self._where, "read"):
            # At once: SQLite's holds its lock for as long as somebody reads on.
            found = tuple(self.inner.list(config, filter=filter, before=before, limit=limit))
        yield from found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As LangGraph's; writes nothing of a run that is not kept, or not yet."""
        run = self._under_way.get(_thread(config))
        if run is not None:
            new_versions = self._noticed(run, checkpoint, new_versions)
            if not run.kept:
                return _pointing(config, checkpoint)
        with errors(self._where, "written"):
            return self.inner.put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As LangGraph's; see `put`."""
        if not self._is_left_alone(config):
            with errors(self._where, "written"):
                self.inner.put_writes(config, writes, task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        """As LangGraph's."""
        with errors(self._where, "written"):
            self.inner.delete_thread(thread_id)

    # LangGraph's checkpointer for SQLite knows no asyncio, so that threads do it here.

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As LangGraph's."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 (the name that LangGraph gives it)
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As LangGraph's."""
        found = self.list(config, filter=filter, before=before, limit=limit)
        for each in await asyncio.to_thread(tuple, found):
            yield each

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As LangGraph's."""
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """As LangGraph's."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """As LangGraph's."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    def get_next_version(self, current: str | None, channel: None) -> str:
        """As that of the checkpointers for SQLite and PostgreSQL, without opening one."""
        del channel
        number = int(str(current).split(".", maxsplit=1)[0]) if current else 0
        return f"{number + 1:032}.{random.random():016}"  # noqa: S311 (no secret)

    def with_allowlist(self, extra_allowlist: Any) -> DurableRuns:
        """Itself: the state is plain, so that nothing need be allowed."""
        del extra_allowlist
        return self

    def _is_left_alone(self, config: RunnableConfig) -> bool:
        return not self.writes(_thread(config))

    def _noticed(
        self, run: UnderWay, checkpoint: Checkpoint, new_versions: ChannelVersions
    ) -> ChannelVersions:
        """Note that the run is kept from here on, where it is; what is new to the database."""
        state = checkpoint["channel_values"]
        # On a thread with a past, the first checkpoints still show an earlier run.
        if run.noted or state.get("run_id") != run.run_id:
            return new_versions
        first = not run.kept
        if first and not self._keeps(state):
            return new_versions
        self._on_kept(run)
        run.kept = run.noted = True
        return checkpoint["channel_versions"] if first else new_versions


def _thread(config: RunnableConfig) -> str:
    return str(config["configurable"]["thread_id"])


def _pointing(config: RunnableConfig, checkpoint: Checkpoint) -> RunnableConfig:
    """The configuration that a write of `checkpoint` gives back."""
    namespace = config["configurable"].get("checkpoint_ns", "")
    return {
        "configurable": {
            "thread_id": _thread(config),
            "checkpoint_ns": namespace,
            "checkpoint_id": checkpoint["id"],
        }
    }
