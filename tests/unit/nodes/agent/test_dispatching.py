from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.agent.dispatching import (
    arrange,
    carried_out,
    cut_short,
    failed,
    made_up,
    may_replan,
    unresolved,
)
from tandem.records import Step
from tandem.tools.base import Tool, parameters
from tandem.tools.calculate import calculate_tool
from tests.unit.nodes.agent.steps import done_step, failed_step, planned_step

TEXT = parameters({"text": {"type": "string"}})
LOOK = Tool("look", "looks", TEXT, lambda _: "")
SEND = Tool("send", "sends", TEXT, lambda _: "", side_effects=True)
TOOLS = {tool.name: tool for tool in (LOOK, SEND, calculate_tool())}


def sent(*steps: Step) -> list[tuple[str, str]]:
    return [(each["node"], each["step"]["id"]) for each in arrange(steps, TOOLS).sendings]


def test_independent_steps_go_together_and_dependent_ones_wait() -> None:
    first, second = planned_step("s1", "look", text="a"), planned_step("s2", "look", text="b")
    third = planned_step("s3", "calculate", expression="$s1 + $s2")
    assert sent(first, second, third) == [("act", "s1"), ("act", "s2")]
    ended = (done_step("s1", "look", 1, text="a"), done_step("s2", "look", 2, text="b"))
    assert sent(*ended, third) == [("act", "s3")]


def test_a_person_sees_the_values_and_an_open_argument_is_filled_in_first() -> None:
    step = planned_step("s2", "send", text="It is $s1.")
    (sending,) = arrange([done_step("s1", "look", 5), step], TOOLS).sendings
    assert sending["node"] == "approve"
    assert sending["step"]["arguments"] == {"text": "It is 5."}
    assert sending["step"]["tainted"]
    assert sent(planned_step("s1", "send")) == [("fill", "s1")]


def test_nobody_is_asked_about_arguments_that_the_tool_would_refuse() -> None:
    rule = parameters({"to": {"enum": ["hr", "it"]}, "days": {"type": "integer"}})
    mail = Tool("mail", "mails", rule, lambda _: "", side_effects=True)
    before = done_step("s1", "look", {"booking": "locker 12", "note": "none"})
    step = planned_step("s2", "mail", to="hr", days="$s1")
    (_, ended), sendings = arrange([before, step], {**TOOLS, "mail": mail})
    assert sendings == []
    assert (ended["status"], ended.get("code")) == ("failed", "tool_arguments")
    assert "days breaks the rule" in ended["error"]
    assert "locker" not in ended["error"]


def test_a_person_sees_a_text_where_the_tool_takes_one() -> None:
    before = done_step("s1", "look", {"booking": "locker 12", "days": 3})
    (sending,) = arrange([before, planned_step("s2", "send", text="$s1")], TOOLS).sendings
    assert sending["node"] == "approve"
    assert sending["step"]["arguments"] == {"text": '{"booking": "locker 12", "days": 3}'}


def test_what_needs_a_step_without_a_result_fails_and_so_on() -> None:
    lost = failed_step("s1", "look", text="a")
    rejected: Step = {**planned_step("s4", "send", text="a"), "status": "rejected"}
    steps, sendings = arrange(
        [
            lost,
            planned_step("s2", "calculate", expression="$s1 + 1"),
            planned_step("s3", "calculate", expression="$s2 + 1"),
            rejected,
            planned_step("s5", "look", text="$s4"),
        ],
        TOOLS,
    )
    assert [step.get("code") for step in steps] == ["not_found", "needs", "needs", None, "needs"]
    assert steps[2]["error"] == "It needs s2, which has no result."
    assert sendings == []


def test_a_reference_that_gives_no_value_ends_the_step() -> None:
    before = done_step("s1", "look", {"a": 1, "b": 2})
    steps, sendings = arrange([before, planned_step("s2", "calculate", expression="$s1")], TOOLS)
    assert (steps[1]["status"], steps[1]["code"], sendings) == ("failed", "tool", [])


@pytest.mark.parametrize("text", ["$s1", "$s1.noted", "It says $s1."])
def test_what_an_effect_gave_is_not_made_up_where_nobody_knows_it(text: str) -> None:
    before = done_step("s1", "look", None)  # as a person says: it has happened
    steps, sendings = arrange([before, planned_step("s2", "look", text=text)], TOOLS)
    assert sendings == []
    assert "what it gave is not known" in steps[1]["error"]


def test_no_call_is_made_twice() -> None:
    twice = (planned_step("s1", "look", text="a"), planned_step("s2", "look", text="a"))
    assert sent(*twice) == [("act", "s1")]
    steps, _ = arrange([done_step("s1", "look", "x", text="a"), twice[1]], TOOLS)
    assert (steps[1]["status"], steps[1]["result"]) == ("done", "x")
    steps, _ = arrange([failed_step("s1", "look", text="a"), twice[1]], TOOLS)
    assert (steps[1]["status"], steps[1]["code"]) == ("failed", "repeated")


@pytest.mark.parametrize("status", ["done", "rejected", "unknown", "failed"])
def test_an_effect_is_neither_repeated_nor_asked_for_again(status: Any) -> None:
    earlier: Step = {**planned_step("s1", "send", text="a"), "status": status}
    steps, sendings = arrange([earlier, planned_step("s2", "send", text="a")], TOOLS)
    assert (steps[1]["code"], steps[1]["error"], sendings) == (
        "repeated",
        "s1 was the same call.",
        [],
    )


def test_what_was_done_in_place_of_a_failed_step_is_told() -> None:
    lost, other = failed_step("s1", "look"), done_step("s2", "look", 1)
    second: Step = {**done_step("s3", "send", 2), "again": True}
    assert unresolved([lost, other, second]) == []
    assert made_up([lost, other, second]) == ["s1 (look) failed; s3 (send) was carried out instead"]
    assert made_up([lost, other]) == made_up([other, second]) == []
    assert made_up([lost, failed_step("s2", "look"), second]) == []  # told as lacking


def test_a_limit_ends_what_is_planned() -> None:
    ended = cut_short([done_step("s1", "look", 1), planned_step("s2", "look")], "it is late")
    assert [step["status"] for step in ended] == ["done", "failed"]
    assert ended[1]["error"] == "Not carried out: it is late."
    assert carried_out(ended) == 1


@pytest.mark.parametrize(
    ("code", "may"),
    [
        *(("not_found", True), ("tool", True), ("tool_arguments", True), ("limit", False)),
        *(("needs_approval", False), ("repeated", False), ("model_unavailable", False)),
    ],
)
def test_only_failures_that_another_plan_may_get_round_are_planned_again(
    code: str, may: bool
) -> None:
    steps = [done_step("s1", "look", 1), failed_step("s2", "look", code)]
    assert may_replan(steps) == may
    assert not may_replan([*steps, {**done_step("s3", "look", 1), "again": True}])
    refused: Step = {**planned_step("s3", "send"), "status": "rejected"}
    assert not may_replan([*steps, refused])


def test_a_second_plan_makes_up_for_the_first_only_where_all_of_it_is_done() -> None:
    lost = [failed_step("s1", "look"), failed(planned_step("s2", "calculate"), "needs", "")]
    again: Step = {**done_step("s3", "look", 5), "again": True}
    assert unresolved([*lost, again]) == []
    assert unresolved([*lost, failed_step("s4", "look"), again])[0]["id"] == "s1"
    lost_again: Step = {**failed_step("s3", "look"), "again": True}
    assert [step["id"] for step in unresolved([*lost, lost_again])] == ["s1", "s2", "s3"]


@given(
    st.lists(st.sets(st.integers(1, 6), max_size=3), min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_every_plan_comes_to_an_end(needs: list[set[int]], luck: list[bool]) -> None:
    steps = [
        planned_step(
            f"s{i}", "look", text=" ".join(f"$s{n}" for n in sorted(need) if n < i) or f"{i}"
        )
        for i, need in enumerate(needs, start=1)
    ]
    for _ in range(len(steps) + 1):
        steps, sendings = arrange(steps, TOOLS)
        if not sendings:
            break
        for sending in sendings:
            place = int(sending["step"]["id"][1:]) - 1
            changed: Any = {"status": "done", "result": place}
            steps[place] = {**steps[place], **(changed if luck[place] else {"status": "failed"})}
    assert all(step["status"] in ("done", "failed") for step in steps)
