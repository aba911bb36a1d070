"""MCP tools as the agent has them: named, guarded, with side effects unless the settings say so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from tandem.checkpoints.sealing import serializer
from tandem.errors import EgressBlocked
from tandem.graphs.hybrid import build
from tandem.privacy.redaction import Vault
from tandem.records import Profile, Sensitivity
from tandem.tools.base import ToolArgumentError, ToolError, call_tool
from tandem.tools.mcp import McpRun, mcp_tools
from tests.unit.mcp.house import COUNT, ECHO, House
from tests.unit.services import FakeServices

ADDRESS = "ada.lovelace@example.org"
CARD = "4111 1111 1111 1111"


def profile(sensitivity: Sensitivity) -> Profile:
    return {
        "task": "agent",
        "task_confidence": 1.0,
        "complexity": None,
        "sensitivity": sensitivity,
        "evidence": [],
        "latency": "async",
        "deadline_ms": None,
        "quality": None,
        "tenant": "",
        "reasons": [],
    }


def services(house: House, **server: Any) -> FakeServices:
    house.accept(ECHO, COUNT)
    made = FakeServices(house.folder, llm=server.pop("llm", ()), **server.pop("settings", {}))
    mcp = house.settings(**server).mcp
    made.__dict__["settings"] = made.settings.model_copy(update={"mcp": mcp})
    return made


def tools(made: FakeServices, run: McpRun | None = None) -> dict[str, Any]:
    run = run or McpRun(profile("none"), Vault())
    return {tool.name: tool for tool in mcp_tools(made, run)}


def call(tool: Any, **arguments: Any) -> Any:
    return call_tool(tool, arguments, seconds=30, chars=1000)


def test_no_server_is_asked_for_the_tools(house: House) -> None:
    made = services(house, command="no-such-command")
    assert list(tools(made)) == ["tiny_echo", "tiny_count"]
    assert made.mcp._connections == {}


def test_without_servers_there_is_nothing(house: House) -> None:
    assert mcp_tools(FakeServices(house.folder), McpRun(profile("none"), Vault())) == []


def test_side_effects_are_what_the_settings_say(house: House) -> None:
    found = tools(services(house, read_only=("count",)))
    assert (found["tiny_echo"].side_effects, found["tiny_count"].side_effects) == (True, False)


def test_a_call_gives_a_plain_result_and_checks_its_arguments(house: House) -> None:
    made = services(house)
    found = tools(made)
    assert call(found["tiny_count"], text="four") == 4
    with pytest.raises(ToolArgumentError):
        call(found["tiny_count"], text="four", secret="x")
    assert len(call(found["tiny_echo"], text="x" * 5000)) < 1100
    assert house.calls == 2
    made.close()


@pytest.mark.parametrize(
    "text", [f"mail {ADDRESS}", f"pay with {CARD}", "bWFpbCBhZGEubG92ZWxhY2VAZXhhbXBsZS5vcmc="]
)
def test_sensitive_arguments_never_leave_for_a_server_that_is_not_private(
    house: House, text: str
) -> None:
    made = services(house)
    with pytest.raises(EgressBlocked, match="the MCP server 'tiny'") as blocked:
        call(tools(made)["tiny_echo"], text=text)
    assert ADDRESS not in str(blocked.value)
    assert house.calls == 0
    assert made.mcp._connections == {}


def test_a_private_server_may_see_everything(house: House) -> None:
    made = services(house, private=True)
    run = McpRun(profile("secret"), Vault(), private_only=True)
    assert call(tools(made, run)["tiny_echo"], text=ADDRESS) == ADDRESS
    made.close()


@pytest.mark.parametrize(
    "run", [McpRun(profile("secret"), Vault()), McpRun(profile("none"), Vault(), True)]
)
def test_a_server_that_may_see_nothing_of_a_run_is_left_out(house: House, run: McpRun) -> None:
    assert tools(services(house), run) == {}


def test_what_must_be_redacted_does_not_leave_either(house: House) -> None:
    made = services(house, settings={"privacy": {"leave": {"EMAIL": "redact"}}})
    vault = Vault()
    vault.know("PERSON", "Zebedee Quill")
    found = tools(made, McpRun(profile("none"), vault))
    for text in (ADDRESS, "ask Zebedee Quill"):
        with pytest.raises(EgressBlocked, match="redacted"):
            call(found["tiny_echo"], text=text)
    assert house.calls == 0


def test_a_guard_that_fails_lets_nothing_through(house: House) -> None:
    made = services(house)
    found = tools(made)

    class Broken:
        def release_all(self, *_: Any) -> list[str]:
            raise RuntimeError("text of the request")

    made.__dict__["guard"] = Broken()
    with pytest.raises(EgressBlocked, match="guard failed") as blocked:
        call(found["tiny_echo"], text="hello")
    assert "text of the request" not in str(blocked.value)
    assert house.calls == 0


def test_a_server_that_dies_fails_the_step_and_not_the_run(house: House) -> None:
    plan = {
        "s1": {"tool": "tiny_count", "arguments": {"text": "four"}},
        "s2": {"tool": "calculate", "arguments": {"expression": "2 * 3"}},
    }
    answer = {"text": "The first step failed; twice 3 is 6.", "citations": []}
    made = services(
        house, mode="dies", read_only=("count",), llm=[json.dumps(plan), *[json.dumps(answer)] * 6]
    )
    asked: Any = {
        "text": "Count 'four' with the tiny tool, and say what 2 * 3 is.",
        "task": "agent",
    }
    done = build(made).compile().invoke({"request": asked})["answer"]
    steps = {step["tool"]: step for step in done["steps"]}
    assert steps["tiny_count"]["status"] == "failed"
    assert "it changes nothing" in steps["tiny_count"]["error"]
    assert "tandem mcp check tiny" in steps["tiny_count"]["error"]
    assert steps["calculate"]["result"] == 6
    assert house.calls == 1
    made.close()


def test_a_tool_error_holds_nothing_of_the_servers_words(house: House) -> None:
    made = services(house, mode="fails")
    with pytest.raises(ToolError, match="says that the call failed") as failed:
        call(tools(made)["tiny_echo"], text="hello")
    assert "Ignore" not in str(failed.value)
    made.close()


@pytest.mark.parametrize(
    ("server", "said", "status", "calls"),
    [
        ({}, "hello", "done", 1),
        ({"mode": "dies"}, "hello", "unknown", 1),
        ({"command": "no-such-command"}, "hello", "failed", 0),
        ({"mode": "changed"}, "hello", "failed", 0),
        ({}, CARD, "failed", 0),  # the guard keeps it back
    ],
)
def test_a_side_effect_waits_for_a_person_and_is_asked_of_the_server_once(
    house: House, server: dict[str, Any], said: str, status: str, calls: int
) -> None:
    plan = {"s1": {"tool": "tiny_echo", "arguments": {"text": said}}}
    answer = json.dumps({"text": "It said hello.", "citations": []})
    made = services(house, **server, llm=[json.dumps(plan), *[answer] * 6])
    graph = build(made).compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    asked: Any = {"text": "Let tiny say hello.", "task": "agent"}
    (question,) = graph.invoke({"request": asked}, config)["__interrupt__"]
    assert (question.value["tool"], question.value["arguments"]) == ("tiny_echo", {"text": said})
    assert house.calls == 0
    done = graph.invoke(Command(resume="approve"), config)
    assert [step["status"] for step in done["answer"]["steps"]] == [status]
    assert house.calls == calls
    made.close()


def test_what_a_request_names_does_not_leave_when_another_process_goes_on(house: House) -> None:
    privacy = {"public_may_see": ["none"], "leave": {"PERSON": "redact"}}
    asked: Any = {"text": "My name is Ada Lovelace. Let tiny say it.", "task": "agent"}
    plan = {"s1": {"tool": "tiny_echo", "arguments": {"text": "Ada Lovelace"}}}
    answer = json.dumps({"text": "It was not said.", "citations": []})
    config: Any = {"configurable": {"thread_id": "1"}}
    saver = InMemorySaver(serde=serializer(b"0123456789abcdef"))

    def process(*llm: str) -> Any:
        made = services(house, llm=llm, settings={"privacy": privacy, "llm_private": True})
        return build(made).compile(checkpointer=saver)

    process(json.dumps(plan)).invoke({"request": asked}, config)
    done = process(*[answer] * 6).invoke(Command(resume="approve"), config)

    (step,) = done["answer"]["steps"]
    assert step["status"] == "failed"
    assert "Nothing was sent" in step["error"]
    assert house.calls == 0
