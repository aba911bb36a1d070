"""Tandem as an MCP server, asked by the `mcp` package's own client."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from tandem.app import Tandem
from tandem.cli.mcp_server import Served, build_server
from tandem.errors import ModelUnavailable
from tandem.graphs.hybrid import build
from tandem.models.cancel import pause
from tests.unit.runs.house import NOTE, REQUEST, House, plan
from tests.unit.services import FakeServices, Reply

LABELS = ["positive", "negative"]


def tandem(folder: Path, *slm: Reply) -> Tandem:
    services = FakeServices(folder, slm=slm)
    made = Tandem(services.settings)
    made.services = services
    made.graph = build(services).compile()
    return made


@asynccontextmanager
async def client(folder: Path, *slm: Reply, **served: Any) -> AsyncIterator[Client]:
    with tandem(folder, *slm) as made:
        async with Client(build_server(Served(made, **served))) as opened:
            yield opened


async def test_every_tool_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    async with client(tmp_path) as asked:
        tools = {tool.name: tool for tool in (await asked.list_tools()).tools}
        assert "status" in (asked.instructions or "")
    assert set(tools) == {
        "tandem_ask",
        "tandem_extract",
        "tandem_sentiment",
        "tandem_classify",
        "tandem_faq",
        "tandem_explain",
        "tandem_report",
    }
    assert all(tool.description and tool.output_schema for tool in tools.values())
    assert tools["tandem_ask"].input_schema["required"] == ["text"]
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools.values())
    asking = [name for name in tools if name != "tandem_report"]
    assert all("text" in tools[name].input_schema["properties"] for name in asking)
    answer = tools["tandem_sentiment"].output_schema or {}
    assert {"status", "output", "cost", "all_llm_cost", "reasons"} <= set(answer["required"])


async def test_an_answer_is_typed_and_accounted(tmp_path: Path) -> None:
    async with client(tmp_path, "positive") as asked:
        told = await asked.call_tool("tandem_sentiment", {"text": "Lovely.", "labels": LABELS})
        report = await asked.call_tool("tandem_report", {})
    answer = told.structured_content
    assert not told.is_error
    assert (answer["status"], answer["output"]["label"], answer["tier"]) == (
        "accepted",
        "positive",
        "slm",
    )
    assert answer["currency"] == "USD"
    assert answer["reasons"]
    assert report.structured_content["total"]["runs"] == 1


async def test_work_that_waits_says_where_a_person_decides(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE)) as made:
        async with Client(build_server(Served(made))) as asked:
            told = await asked.call_tool("tandem_ask", {"text": REQUEST, "task": "agent"})
    answer = told.structured_content
    assert answer["status"] == "waiting"
    assert f"tandem runs show {answer['run_id']}" in answer["reasons"][-1]
    assert house.noted == []


async def test_explaining_asks_no_model(tmp_path: Path) -> None:
    async with client(tmp_path) as asked:
        told = await asked.call_tool("tandem_explain", {"text": "Lovely.", "task": "sentiment"})
    assert told.structured_content["decision"]["node"] == "sentiment"


async def test_errors_come_in_tandems_words_and_masked(tmp_path: Path) -> None:
    async with client(tmp_path) as asked:
        unknown = await asked.call_tool("tandem_ask", {"text": "x", "task": "ada@example.org"})
        empty = await asked.call_tool("tandem_ask", {"text": ""})
        long = await asked.call_tool("tandem_ask", {"text": "x" * 300_000, "task": "sentiment"})
        bad = await asked.call_tool("tandem_ask", {"text": "x", "documents": [{"path": "/etc"}]})
    assert [each.is_error for each in (unknown, empty, long, bad)] == [True] * 4
    assert "ada@example.org" not in unknown.content[0].text
    assert "(invalid_request)" in unknown.content[0].text
    assert "`path`, which is not known" in bad.content[0].text
    assert "by content only" in bad.content[0].text
    assert "(invalid_request)" in long.content[0].text


async def test_a_refused_request_quotes_nothing_and_is_told_in_tandems_words(
    tmp_path: Path,
) -> None:
    async with client(tmp_path) as asked:
        task = await asked.call_tool("tandem_ask", {"text": "x", "task": "QUINCE"})
        tool = await asked.call_tool("QUINCE", {"text": "x"})
        field = {"text": "x", "documents": [{"name": "a", "QUINCE": "x"}]}
        document = await asked.call_tool("tandem_ask", field)
    for told, begins in (
        (task, "The task that was declared is not known. Known tasks: "),
        (tool, "There is no such tool. Tools: tandem_ask, "),
        (document, "tandem_ask: a document has a field that is not known; no file was read."),
    ):
        said = told.content[0].text
        assert told.is_error
        assert said.startswith(begins)
        assert said.endswith("(invalid_request)")  # and no run
        assert "QUINCE" not in said


async def test_what_failed_names_its_run(tmp_path: Path) -> None:
    down = ModelUnavailable("It is down.", "Wait.")
    with House(tmp_path).tandem(down, slm=[down]) as made:
        async with Client(build_server(Served(made))) as asked:
            told = await asked.call_tool("tandem_sentiment", {"text": "Nice.", "labels": LABELS})
    said = told.content[0].text
    assert told.is_error
    assert not said.startswith("Error executing")
    assert re.search(r"\(\w+\) Run \w+\.$", said)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("faq", {"text": ["QUINCE"]}, "text must be a text"),
        ("faq", {"text": ""}, "text must not be empty"),
        ("faq", {}, "text is missing"),
        ("faq", {"text": "x", "QUINCE": 1}, "an argument that is not known. It takes: text."),
        ("faq", {"question": "QUINCE"}, "It takes: text."),
        ("faq", {"text": "x", "a": 1, "b": 2}, "2 arguments that are not known"),
        ("sentiment", {"text": "x", "labels": ["QUINCE"]}, "labels must have at least 2 entries"),
        ("classify", {"text": "x", "labels": 7}, "labels must be a list"),
        ("ask", {"text": "x", "sensitivity": "QUINCE"}, "sensitivity must be one of 'none'"),
        ("ask", {"text": "x", "quality": 7}, "quality must be at most 1"),
        ("ask", {"text": "x", "deadline_ms": "QUINCE"}, "deadline_ms must be a whole number"),
        ("ask", {"text": "x", "documents": [{"text": "x"}]}, "documents.0.name is missing"),
        ("extract", {"text": "x", "output_schema": 7}, "output_schema must be an object or must"),
        ("report", {"days": 0}, "days must be at least 1"),
    ],
)
async def test_wrong_arguments_are_told_in_tandems_words_and_not_quoted(
    tmp_path: Path, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with client(tmp_path) as asked:
        told = await asked.call_tool(f"tandem_{tool}", arguments)
    said = told.content[0].text
    assert told.is_error
    assert said.startswith(f"tandem_{tool}")
    assert words in said
    assert "It takes: " in said
    assert said.endswith("(invalid_request)")
    assert not {"QUINCE", "pydantic", "input_value"} & set(re.findall(r"\w+", said))


async def test_a_list_that_comes_as_text_is_read(tmp_path: Path) -> None:
    async with client(tmp_path, "positive") as asked:
        arguments = {"text": "Lovely.", "labels": json.dumps(LABELS)}
        told = await asked.call_tool("tandem_sentiment", arguments)
    assert told.structured_content["output"]["label"] == "positive"


async def test_an_unforeseen_error_quotes_nothing(tmp_path: Path) -> None:
    with tandem(tmp_path) as made:

        def run(*_: Any, **__: Any) -> Any:
            raise AttributeError("QUINCE")

        made.run = run  # type: ignore[method-assign]
        async with Client(build_server(Served(made))) as asked:
            told = await asked.call_tool("tandem_faq", {"text": "QUINCE"})
    assert told.is_error
    assert "failed unexpectedly (AttributeError)" in told.content[0].text
    assert "QUINCE" not in told.content[0].text


async def test_tenant_and_privacy_are_those_of_the_server(tmp_path: Path) -> None:
    seen: list[Any] = []

    with tandem(tmp_path) as made:

        async def arun(text: str, **fields: Any) -> Any:
            seen.append(fields)
            raise RuntimeError

        made.arun = arun  # type: ignore[method-assign]
        async with Client(build_server(Served(made, "acme", True))) as asked:
            other = await asked.call_tool("tandem_ask", {"text": "x", "tenant": "other"})
            await asked.call_tool("tandem_ask", {"text": "x"})
    assert other.is_error
    assert len(seen) == 1
    assert seen[0]["tenant"] == "acme"
    assert seen[0]["context"].private_only


async def test_cancelling_a_call_stops_the_work(tmp_path: Path) -> None:
    started, stopped = threading.Event(), threading.Event()

    with tandem(tmp_path) as made:

        def run(*_: Any, **__: Any) -> Any:
            started.set()
            pause(20)
            stopped.set()

        made.run = run  # type: ignore[method-assign]
        async with Client(build_server(Served(made))) as asked:
            with anyio.move_on_after(0.3):
                await asked.call_tool("tandem_ask", {"text": "x"})
        assert started.is_set()
        assert await anyio.to_thread.run_sync(stopped.wait, 5)
