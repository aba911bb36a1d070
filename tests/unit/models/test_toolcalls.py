"""Choosing tools: natively, by a schema, and from what models write."""

from __future__ import annotations

import pytest

from tandem.errors import ModelError
from tandem.models.tier import ToolCall
from tests.loopback import answer, serve, tool_answer
from tests.unit.models.house import ASKED, TOOL, House, context


def test_calls_are_chosen_by_a_schema_where_tools_are_not_native(house: House) -> None:
    chosen = '{"calls":[{"tool":"add","arguments":{"a":1}},{"tool":"none"}]}'
    with serve(answer(chosen)) as server:
        calls = house.bind({"a": {"url": server.url}}).choose_calls(ASKED, [TOOL], 60)
    assert calls == [ToolCall("add", {"a": 1})]
    assert "tools" not in server.body
    offered = server.body["json_schema"]["properties"]["calls"]["items"]["anyOf"]
    assert [one["properties"]["tool"]["const"] for one in offered] == ["add", "none"]
    assert offered[0]["properties"]["arguments"] == TOOL["parameters"]


def test_no_tool_is_said_in_so_many_words(house: House) -> None:
    with serve(answer('{"calls":[{"tool":"none"}]}')) as server:
        assert house.bind({"a": {"url": server.url}}).choose_calls(ASKED, [TOOL], 60) == []


def test_calls_are_native_where_the_model_can(house: House) -> None:
    heard: list[str] = []
    with serve(tool_answer(("add", '{"a": 2}'))) as server:
        pool = house.pool({"a": {"url": server.url, "native_tools": True}})
        tier = pool.tier("slm").bind(context(on_token=heard.append))
        assert tier.choose_calls(ASKED, [TOOL], 60) == [ToolCall("add", {"a": 2})]
    assert server.body["tools"][0]["function"]["name"] == "add"
    assert "json_schema" not in server.body
    assert heard == []


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"name": "add", "arguments": {"a": 3}}\n```',
        '<tool_call>{"name": "add", "arguments": "{\\"a\\": 3}"}</tool_call>',
        'I will call [{"function": {"name": "add", "parameters": {"a": 3}}}] now',
        '{"tool_calls": [{"tool": "add", "args": {"a": 3}}]}',
    ],
)
def test_calls_written_as_text_are_read(house: House, text: str) -> None:
    with serve(answer(text)) as server:
        tier = house.bind({"a": {"url": server.url, "native_tools": True}})
        assert tier.choose_calls(ASKED, [TOOL], 60) == [ToolCall("add", {"a": 3})]
        assert len(server.seen) == 1


def test_silence_is_never_read_as_no_tool(house: House) -> None:
    with serve(answer("Sure!"), answer('{"calls":[{"tool":"none"}]}')) as server:
        tier = house.bind({"a": {"url": server.url, "native_tools": True}})
        assert tier.choose_calls(ASKED, [TOOL], 60) == []
        assert "tools" in server.seen[0].body
        assert "json_schema" in server.seen[1].body
    assert tier.attempt(None)["calls"] == 2


def test_calls_that_cannot_be_read_are_an_error(house: House) -> None:
    with serve(answer('{"calls":[{"tool":"ad', finish="length")) as server:
        tier = house.bind({"a": {"url": server.url}})
        with pytest.raises(ModelError, match="cannot be read"):
            tier.choose_calls(ASKED, [TOOL], 4)
