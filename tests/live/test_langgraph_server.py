"""`langgraph dev` serves the graph without a key: runs, threads and history, drawing, MCP."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.live.house import REPOSITORY, Home, wait_for

pytest.importorskip("langgraph_api", reason="the extra `studio` is not installed")
LANGGRAPH = Path(sys.executable).with_name("langgraph")
NODES = {"classify", "sentiment", "quality_check", "escalate", "agent", "record"}
REQUEST: dict[str, Any] = {
    "text": "I love it, best film ever!",
    "task": "sentiment",
    "labels": ["positive", "negative"],
}


@pytest.fixture(scope="module")
def url(own_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this test's own; it writes its state beside the langgraph.json it is given."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "langgraph.json").write_text((REPOSITORY / "langgraph.json").read_text())
    (folder / "pyproject.toml").symlink_to(REPOSITORY / "pyproject.toml")
    keys = ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY", "LANGGRAPH_API_KEY", "OPENAI_API_KEY")
    environment = {key: value for key, value in own_home.environment.items() if key not in keys}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    log = folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [LANGGRAPH, "dev", "--no-browser", "--no-reload", "--port", port],
            cwd=folder,
            env={**environment, "LANGGRAPH_CLI_NO_ANALYTICS": "1"},
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(lambda: process.poll() is not None or _is_up(port), 60)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _is_up(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ok", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def client(url: str) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=url, api_key=None) as made:
        yield made


def test_a_run_leaves_its_history_in_the_thread(client: SyncLangGraphClient) -> None:
    thread = client.threads.create()["thread_id"]
    result: Any = client.runs.wait(thread, "hybrid", input={"request": REQUEST})
    answer = result["answer"]
    assert (answer["status"], answer["output"]["label"]) == ("accepted", "positive")
    history: Any = client.threads.get_history(thread, limit=20)
    assert history[0]["values"]["answer"]["run_id"] == answer["run_id"]
    following = [state["next"] for state in reversed(history)]
    assert [nodes[0] for nodes in following if nodes] == [
        "__start__",
        "classify",
        "sentiment",
        "quality_check",
        "record",
    ]


def test_bad_input_is_an_answer_and_no_crash(client: SyncLangGraphClient) -> None:
    for bad in ({"request": {"text": ""}}, {"nope": 1}):
        result: Any = client.runs.wait(None, "hybrid", input=bad)
        assert result["answer"]["status"] == "failed"
        assert result["answer"]["error"]["code"] == "invalid_request"


def test_it_is_a_graph_like_any_other(client: SyncLangGraphClient) -> None:
    remote = RemoteGraph("hybrid", sync_client=client)
    result: Any = remote.invoke({"request": REQUEST})
    assert result["answer"]["output"]["label"] == "positive"
    assert set(remote.get_graph().nodes) >= NODES
    assert "classify" in remote.get_graph().draw_mermaid()


def test_studio_gets_a_form_and_a_drawing(client: SyncLangGraphClient) -> None:
    assistants: Any = client.assistants.search()
    (assistant,) = assistants
    schemas: Any = client.assistants.get_schemas(assistant["assistant_id"])
    assert "labels" in str(schemas["input_schema"])
    assert "private_only" in str(schemas["context_schema"])
    drawing = client.assistants.get_graph(assistant["assistant_id"])
    assert {node["id"] for node in drawing["nodes"]} >= NODES


def test_mcp_lists_the_graph_with_what_it_is_for(url: str) -> None:
    answer = httpx.post(
        f"{url}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
        headers={"accept": "application/json, text/event-stream"},
        trust_env=False,
        timeout=30,
    )
    (tool,) = answer.json()["result"]["tools"]
    assert tool["name"] == "hybrid"
    assert "small language model" in tool["description"]
    assert "request" in tool["inputSchema"]["properties"]


async def test_an_mcp_client_runs_the_graph(url: str) -> None:
    mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
    async with mcp.Client(f"{url}/mcp", read_timeout_seconds=300) as client:
        (tool,) = (await client.list_tools()).tools
        assert "labels" in str(tool.input_schema)
        told: Any = await client.call_tool(tool.name, {"request": REQUEST})
    assert not told.is_error
    answer = ast.literal_eval(told.content[0].text)["answer"]  # so that server writes it
    assert (answer["status"], answer["output"]["label"]) == ("accepted", "positive")
