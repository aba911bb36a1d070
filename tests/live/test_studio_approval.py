"""`langgraph dev`, which Studio talks to: a run waits there, and a word lets it go on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client

from tests.live.house import REPOSITORY, wait_for

pytest.importorskip("langgraph_api", reason="the extra `studio` is not installed")
pytestmark = pytest.mark.live

GRAPH = """
from pathlib import Path
from tandem.graphs.hybrid import build
from tests.unit.runs.house import ANSWER, NOTE, note_tool, plan
from tests.unit.services import FakeServices

here = Path(__file__).parent
services = FakeServices(here, llm=[plan(NOTE), ANSWER])
graph = build(services, tools=[note_tool(here / "notes.txt")]).compile()
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "house.py").write_text(GRAPH)
    config = {"dependencies": ["."], "graphs": {"hybrid": "./house.py:graph"}}
    (tmp_path / "langgraph.json").write_text(json.dumps(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
    command = [Path(sys.executable).with_name("langgraph"), "dev", "--no-browser", "--no-reload"]
    log = tmp_path / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--port", port], cwd=tmp_path, env=environment, stdout=out, stderr=out
        )
    try:
        wait_for(lambda: process.poll() is not None or _is_up(port), 120)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _is_up(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ok", timeout=1).is_success
    except httpx.HTTPError:
        return False


def test_a_run_waits_in_studio(url: str, tmp_path: Path) -> None:
    request = {"request": {"text": "Note the line 'first'.", "task": "agent"}}
    with get_sync_client(url=url) as client:
        thread = client.threads.create()["thread_id"]
        first: Any = client.runs.wait(thread, "hybrid", input=request)
        (asked,) = first["__interrupt__"]
        assert asked["value"]["arguments"] == {"line": "first"}
        assert not (tmp_path / "notes.txt").exists()
        last: Any = client.runs.wait(thread, "hybrid", command={"resume": "approve"})

    assert last["answer"]["status"] == "accepted", last
    assert (tmp_path / "notes.txt").read_text() == "first\n"
