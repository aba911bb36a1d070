"""What the agent's models are told changes only on purpose."""

from __future__ import annotations

import json
from typing import Any

from tandem.nodes.agent.filling import choose, fill
from tandem.nodes.agent.planning import Planner
from tandem.nodes.agent.reading import read_value
from tandem.nodes.agent.task import Agent
from tandem.records import Request, Step
from tandem.tools.base import Tool, parameters
from tandem.tools.registry import build_tools
from tests.unit.fakes import FakeTierCall
from tests.unit.nodes.agent.steps import done_step, failed_step
from tests.unit.snapshots import assert_stored

REQUEST: Request = {
    "text": "How many hours of leave are there in 13 pay periods?",
    "documents": [{"name": "contract.pdf", "text": "never shown"}],
}
TEXT: Any = {"type": "string"}
BOOK = Tool(
    "book", "books a table", parameters({"place": TEXT, "day": TEXT, "name": TEXT}), lambda _: None
)
SEARCH = Tool("search_knowledge", "looks up one fact", parameters({"query": TEXT}), lambda _: [])
TOOLS = build_tools(REQUEST, extra=[SEARCH, BOOK])
PASSAGE: Any = {
    "id": "leave#1",
    "source": "leave.md",
    "heading": "Leave",
    "text": "You earn 6 hours of leave per pay period.",
    "score": 0.9,
}
VALUE = {"value": 6, "unit": "hours", "source": "leave#1", "span": [0, 41], "quote": "6 hours."}
DONE: Step = done_step("s1", "search_knowledge", {"passages": [PASSAGE], **VALUE}, query="leave")
LOST: Step = failed_step("s2", "search_knowledge", query="rent")
PLAN = '{"%s":{"tool":"search_knowledge","arguments":{"query":"leave"}}}'


def test_the_plan() -> None:
    plan = '{"s1":{"tool":"search_knowledge","arguments":{"query":"leave in 13 pay periods"}}}'
    llm = FakeTierCall([plan], name="llm")
    Planner(TOOLS, 2).plan(REQUEST, llm)
    assert_stored("agent_plan", llm.prompts[0])


def test_the_second_plan() -> None:
    llm = FakeTierCall([PLAN % "s3"], name="llm")
    Planner({"search_knowledge": SEARCH}, 1, [DONE, LOST]).plan(REQUEST, llm)
    assert_stored("agent_replan", llm.prompts[0])


def test_filling_in_and_choosing() -> None:
    slm = FakeTierCall(["{}", "{}"])
    fill(BOOK.function, "A table at noon.", lambda: slm, None)
    choose([BOOK.function], "A table at noon.", lambda: slm, None)
    assert_stored("agent_fill", slm.prompts[0])
    assert_stored("agent_choose", slm.prompts[1])


def test_reading_a_value() -> None:
    slm = FakeTierCall([json.dumps({"value": 6, "unit": "hours"})])
    read_value("hours of leave per pay period", [PASSAGE], [lambda: slm])
    assert_stored("agent_read", slm.prompts[0])


def test_the_answer() -> None:
    llm = FakeTierCall([json.dumps({"text": "It is 6.", "citations": []})], name="llm")
    prepared = {"request_text": REQUEST["text"], "steps": [DONE, LOST], "limit": ""}
    Agent().attempt(prepared, llm)
    assert_stored("agent_synthesise", llm.prompts[0])
