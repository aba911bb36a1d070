"""The bare graph under a host's checkpointer: LangGraph's own interrupt and resume."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from tandem.graphs.hybrid import build
from tandem.ledger import effects
from tests.unit.runs.house import ANSWER, NOTE, REQUEST, House, plan
from tests.unit.services import FakeServices

CONFIG: Any = {"configurable": {"thread_id": "studio"}}
INPUT: Any = {"request": {"text": REQUEST, "task": "agent"}}


def graph_of(house: House, *llm: str) -> Any:
    services = FakeServices(house.folder, llm=llm)
    graph = build(services, tools=[house.tool]).compile(checkpointer=InMemorySaver())
    return graph, services.ledger


def test_a_word_is_enough(tmp_path: Path) -> None:
    house = House(tmp_path)
    graph, _ = graph_of(house, plan(NOTE), ANSWER)

    (asked,) = graph.invoke(INPUT, CONFIG)["__interrupt__"]
    assert asked.value["arguments"] == {"line": "first"}
    result = graph.invoke(Command(resume="approve"), CONFIG)

    assert result["answer"]["status"] == "accepted"
    assert house.noted == ["first"]


def test_what_is_not_understood_is_asked_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    graph, _ = graph_of(house, plan(NOTE), ANSWER)

    graph.invoke(INPUT, CONFIG)
    for said in ("yes, but", {"decision": "nonsense"}, 7, "repeat"):
        assert graph.invoke(Command(resume=said), CONFIG)["__interrupt__"]
    assert house.noted == []
    assert graph.invoke(Command(resume="approve"), CONFIG)["answer"]["status"] == "accepted"
    assert house.noted == ["first"]


def test_an_approval_from_before_the_process_died_does_not_count_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    graph, ledger = graph_of(house, plan(NOTE), ANSWER)

    (asked,) = graph.invoke(INPUT, CONFIG)["__interrupt__"]
    assert effects.claim(ledger, asked.value["run_id"], "s1", 0)
    # As LangGraph hands a stored answer to the node that it runs again.
    (again,) = graph.invoke(Command(resume="approve"), CONFIG)["__interrupt__"]

    assert again.value["question"] == "may_have_happened"
    assert house.noted == []
    graph.invoke(Command(resume={"decision": "repeat", "claims": 1}), CONFIG)
    assert house.noted == ["first"]


def test_without_blocking_it_is_the_same(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE), ANSWER) as tandem:

        async def run() -> Any:
            given: Any = {"configurable": {"thread_id": "a"}}
            first = await tandem.graph.ainvoke(INPUT, given)
            assert first["__interrupt__"]
            return await tandem.graph.ainvoke(Command(resume="approve"), given)

        assert asyncio.run(run())["answer"]["status"] == "accepted"
    assert house.noted == ["first"]
