"""Tandem as an MCP server, asked by the `mcp` package's own client, with the real models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.house import Home

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
TANDEM = str(Path(sys.executable).with_name("tandem"))
HELLO = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
    '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
    '{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
    '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"tandem_faq",'
    '"arguments":{"text":"x"}}}\n'
)
STRAY = (
    "from pathlib import Path; from tandem.app import Tandem\n"
    "from tandem.settings import Settings\n"
    "from tandem.cli.mcp_server import Served, build_server\n"
    "made = Tandem(Settings(home=Path({home!r})))\n"
    "def run(*_, **__):\n"
    "    print('a stray line', flush=True); raise RuntimeError\n"
    "made.run = run\n"
    "build_server(Served(made)).run('stdio')\n"
)


async def test_a_desktop_client_s_session(home: Home) -> None:
    from mcp import Client, StdioServerParameters

    server = StdioServerParameters(command=TANDEM, args=["mcp", "serve"], env=home.environment)
    async with Client(server, read_timeout_seconds=300) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        request = {"text": "I love it, best film ever!", "labels": ["positive", "negative"]}
        told: Any = await client.call_tool("tandem_sentiment", request)
        refused: Any = await client.call_tool("tandem_ask", {"text": "x", "task": "no_such_task"})
        report: Any = await client.call_tool("tandem_report", {"days": 1})
    assert {"tandem_ask", "tandem_extract", "tandem_faq", "tandem_explain"} <= tools
    answer = told.structured_content
    assert (answer["status"], answer["output"]["label"]) == ("accepted", "positive")
    assert answer["cost"] < answer["all_llm_cost"]
    assert refused.is_error
    assert "Known tasks: agent" in refused.content[0].text
    assert "no_such_task" not in refused.content[0].text
    assert report.structured_content["total"]["runs"] >= 1


def test_nothing_but_the_protocol_is_written_to_standard_output(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", STRAY.format(home=str(tmp_path))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(HELLO)
    server.stdin.flush()
    lines = [server.stdout.readline() for _ in range(2)]
    out, err = server.communicate(timeout=60)
    assert all(line.startswith('{"jsonrpc":"2.0"') for line in lines)
    assert out == ""
    assert "a stray line" in err
