"""The processes behind embedded servers: launching, asking after, and ending one."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import psutil

from tandem.errors import ModelUnavailable
from tandem.models.registry import Record, Registry, process_of
from tandem.models.server import Orders

COMMAND: Final = (sys.executable, "-m", "tandem.models.server")
PASSED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "OMP_NUM_THREADS",
    "SYSTEMROOT",
    "TMPDIR",
)
"""What a server inherits of the environment: no key or token of the process that starts it."""
_log = logging.getLogger(__name__)
_STOP_S: Final = 5.0


def launch(command: Sequence[str], orders: Orders, registry: Registry) -> subprocess.Popen[str]:
    """The server's process, in a session of its own (no Ctrl-C of ours reaches it)."""
    log = registry.log(orders.key)
    log.unlink(missing_ok=True)
    log.touch(mode=0o600)
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            cwd=registry.folder,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            start_new_session=True,
            text=True,
        )
    # Collects the exit code: no zombie stays while this process lives.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def send(process: subprocess.Popen[str], orders: Orders) -> None:
    """Give the process its orders."""
    if process.stdin is None:  # pragma: no cover (it is a pipe)
        return
    try:
        with process.stdin as stream:
            stream.write(orders.to_json())
    except BrokenPipeError:
        _log.debug("the server ended before it read its orders")


def health(record: Record, timeout_s: float) -> Literal["answers", "busy", "refuses"]:
    """Ask for something that needs the key. A server that is slow to answer is busy, not dead."""
    import httpx

    try:
        answer = httpx.get(
            f"{record.url}/v1/models",
            headers={"Authorization": f"Bearer {record.api_key}"},
            timeout=timeout_s,
            trust_env=False,  # No proxy stands between this machine and itself.
        )
    except httpx.TimeoutException:
        return "busy"
    except httpx.HTTPError:
        return "refuses"
    return "answers" if answer.status_code == httpx.codes.OK else "refuses"


def check_adapters(record: Record, timeout_s: float) -> None:
    """Make sure that the server holds the record's adapters, each at its place: it answers with
    the base model, without a word, where one is asked for that it does not have.

    Raises ModelUnavailable where it does not.
    """
    import httpx

    if not record.adapters:
        return
    try:
        answer = httpx.get(
            f"{record.url}/lora-adapters",
            headers={"Authorization": f"Bearer {record.api_key}"},
            timeout=timeout_s,
            trust_env=False,
        )
        told = {int(one["id"]): (str(one["path"]), float(one["scale"])) for one in answer.json()}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        told = {}
    if told != {at: (path, 0.0) for at, (_, path) in enumerate(record.adapters)}:
        end(record)
        raise ModelUnavailable(
            f"The server of {record.name} did not load its adapters, and was ended.",
            "Set adapters.enabled = false to work without them, and look at the server's log.",
        )


def end(record: Record) -> None:
    """End the record's process, if it is still that one."""
    process = process_of(record)
    if process is None:
        return
    try:
        process.terminate()
        process.wait(_STOP_S)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.Error:
        _log.debug("the server ended by itself")


def why(log: Path) -> str:
    """llama.cpp's first error line, which names the cause (the later ones only follow from it)."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line.partition(" E ")[2] for line in lines if " E " in line]
    return (errors or lines[-1:] or ["it left no word"])[0].strip().rstrip(".")
