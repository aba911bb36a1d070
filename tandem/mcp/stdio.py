"""A server as a child process that speaks MCP over its standard streams.

The `mcp` package's own transport reads a line of any length; this one stops a server that sends
more than it may. The server gets the few variables that every program needs (PATH, HOME...), those
that the settings name, and nothing else of the environment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from tandem.errors import McpError
from tandem.settings import McpServer

if TYPE_CHECKING:
    from anyio.abc import Process
    from mcp.client._transport import TransportStreams

_GRACE_S: Final = 1.0
"""What a server may take to end by itself, and again after being asked to."""
_POLL_S: Final = 0.01


@asynccontextmanager
async def stdio(
    server: McpServer,
    folder: Path,
    max_bytes: int,
    ended: Callable[[], object],
    show_log: bool = False,
) -> AsyncIterator[TransportStreams]:
    """The streams to and from the server's process, which ends with this block.

    Parameters
    ----------
    folder: where the command runs.
    max_bytes: a longer message ends the connection.
    ended: called when nothing more can come from the server.
    show_log: pass the server's standard error on to ours; else it is dropped, as it may quote
        arguments.

    Raises
    ------
    McpError: the command cannot be started, or a variable that it needs is not set.
    """
    import anyio
    from anyio.streams.buffered import BufferedByteReceiveStream
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter

    process = await _started(server, folder, show_log)
    to_session, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        lines = BufferedByteReceiveStream(process.stdout)  # type: ignore[arg-type]
        with contextlib.suppress(anyio.IncompleteRead, anyio.DelimiterNotFound, *_gone()):
            while True:
                line = await lines.receive_until(b"\n", max_bytes)
                with contextlib.suppress(ValueError):  # what is no message is passed over
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    await to_session.send(SessionMessage(message))
        over()

    async def write() -> None:
        with contextlib.suppress(OSError, *_gone()):
            async for sent in from_session:
                line = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.stdin.send(line.encode() + b"\n")  # type: ignore[union-attr]
        over()

    def over() -> None:
        # Whoever waits for an answer learns that none can come.
        to_session.close()
        ended()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(write)
        try:
            yield incoming, outgoing
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)
            for stream in (to_session, incoming, outgoing, from_session):
                stream.close()
            tasks.cancel_scope.cancel()


def _gone() -> tuple[type[Exception], ...]:
    import anyio

    return (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError)


async def _started(server: McpServer, folder: Path, show_log: bool) -> Process:
    import anyio

    # Found here, as Windows runs `npx.cmd` by its whole name only.
    command = shutil.which(server.command) or server.command
    try:
        return await anyio.open_process(
            [command, *server.args],
            env=_environment(server),
            stderr=None if show_log else subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise McpError(
            f"Its command cannot be started ({type(error).__name__}).",
            "Correct `command` in its section of the settings, or install the server.",
        ) from error


def _environment(server: McpServer) -> dict[str, str]:
    from mcp.client.stdio import get_default_environment

    missing = [name for name in server.env if name not in os.environ]
    if missing:
        raise McpError(
            f"The environment variable {missing[0]} that it needs is not set.", "Set it."
        )
    return get_default_environment() | {name: os.environ[name] for name in server.env}


async def _end(process: Process) -> None:
    """End the process and its children: first by the end of its input, then by force."""
    family = _family(process.pid)
    with contextlib.suppress(OSError, *_gone()):
        await process.stdin.aclose()  # type: ignore[union-attr]
    if not await _is_over(process):
        _each(family, "terminate")
        if not await _is_over(process):
            _each(family, "kill")
            await _is_over(process)
    # Children that outlived it.
    _each(family, "kill")
    _close_pipes(process)


def _close_pipes(process: Process) -> None:
    """Close what a full pipe or a child that outlived its parent would hold open. Nothing public
    leads there; other event loops have it elsewhere, and lose no more than a warning."""
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if transport is not None:
        with contextlib.suppress(PermissionError):
            transport.close()


async def _is_over(process: Process) -> bool:
    """Whether it ends in time. Polled, not awaited: a child may hold the pipes open, and no thread
    can be started while the interpreter shuts down."""
    import anyio

    with anyio.move_on_after(_GRACE_S):
        while process.returncode is None:
            await anyio.sleep(_POLL_S)
    return process.returncode is not None


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    return []


def _each(family: list[psutil.Process], do: str) -> None:
    for process in _alive(family):
        with contextlib.suppress(psutil.Error):
            getattr(process, do)()


def _alive(family: list[psutil.Process]) -> Iterator[psutil.Process]:
    # psutil compares the time of the start: a process id that was given anew is not signalled.
    return (process for process in family if process.is_running())
