"""The suite `agent`: its rows, what counts as completed, and the loop to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.evals.case import cases_of, read_rows
from tandem.evals.evaluators import make
from tandem.evals.plain_loop import TURNS, plain_loop
from tandem.evals.policies import applies
from tandem.evals.suite import SUITES, load_suite
from tandem.evals.targets import make_target
from tandem.knowledge.tables import Tables
from tandem.models.tier import Token, ToolCall
from tandem.records import Request
from tandem.settings import load
from tests.unit.evals.cases import case
from tests.unit.evals.fakes import RulePool, RuleTier, bench
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.services import FakeServices

REQUEST: Request = {"text": "What is 2 + 3?"}
SUM = [ToolCall("calculate", {"expression": "2 + 3"})]


def answer(text: str) -> list[ToolCall]:
    return [ToolCall("answer", {"text": text})]


def looped(folder: Path, *calls: list[ToolCall]) -> tuple[Any, FakeTierCall]:
    llm = FakeTierCall(name="llm", calls=calls)
    return plain_loop(FakeServices(folder), REQUEST, llm)["output"], llm


def test_the_loop_calls_reads_and_answers(tmp_path: Path) -> None:
    wrong = [ToolCall("calculate", {"expression": "2 +"})]
    output, llm = looped(tmp_path, wrong, SUM, answer("It is 5."))
    assert output == {"text": "It is 5.", "tools": ["calculate", "calculate"]}
    results = [m["content"] for m in llm.tool_messages[-1] if m["role"] == "user"][1:]
    assert results[0].startswith("Result of calculate: Error:")
    assert results[1] == "Result of calculate: 5"
    assert "sentiment" not in llm.tool_messages[0][0]["content"]


@pytest.mark.parametrize("calls", [[[]], [SUM] * TURNS])
def test_the_loop_ends_without_an_answer(tmp_path: Path, calls: list[list[ToolCall]]) -> None:
    output, _ = looped(tmp_path, *calls)
    assert output["text"] == ""


def test_the_loop_is_a_policy_of_agent_tasks_and_one_attempt_is_none(tmp_path: Path) -> None:
    acting = case(task="agent", request=REQUEST, expected={"numbers": [5]})
    assert [applies(policy, acting) for policy in ("tandem", "plain_loop", "llm_only")] == [
        True,
        True,
        False,
    ]
    assert not applies("plain_loop", case())
    llm = RuleTier("llm", lambda _: "", calls=iter([SUM, answer("Five.")]))
    made = bench(tmp_path, RulePool(RuleTier("slm", lambda _: ""), llm))
    result = make_target("plain_loop", made, lambda _: True)(acting)
    made.close()
    assert result["output"] == {"text": "Five.", "tools": ["calculate"]}
    said = [make(name, {})(result, acting, acting) for name in ("completed", "steps")]
    assert [one["score"] for one in said] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "missed"),
    [
        ("You get 240 hours, thirty days, in the hour.", "lacks 30"),
        ("You get 240 hours, 30 days, within an hour.", ""),
        ("30 days: 1,240 hours.", "lacks 240; lacks hour."),
        ("240, 30, hour. Or 999.", "says 999"),
    ],
)
def test_completed_needs_every_number_and_word(text: str, missed: str) -> None:
    expected = {"numbers": [240, 30], "words": [["hour.", "hour "]], "absent": ["999"]}
    said = make("completed", {})({"output": {"text": text}}, {"expected": expected}, {})
    assert (said["score"], bool(said["comment"])) == (float(not missed), bool(missed))
    unserved = make("completed", {})({"output": None}, {"expected": expected}, {})
    assert unserved["score"] == 0.0


def test_steps_are_those_of_every_plan() -> None:
    route: Any = [
        {"purpose": "plan", "output": {"s1": "calculate", "s2": "calculate"}},
        {"purpose": "plan", "output": None},
        {"purpose": "plan", "output": {"s3": "calculate"}},
        {"purpose": "synthesise", "output": {"text": "x"}},
    ]
    assert make("steps", {})({"output": None, "route": route}, {}, {})["score"] == 3.0


def test_the_rows_are_thirty_tasks_with_an_end_to_check() -> None:
    suite = load_suite("agent")
    cases = cases_of(suite, read_rows(SUITES / suite.data))
    assert len({case["id"] for case in cases}) == 30
    assert all(case["expected"]["numbers"] for case in cases)
    assert {tag for case in cases for tag in case["tags"]} >= {"table", "handbook", "not there"}


def test_the_tables_of_the_suite_can_be_asked() -> None:
    settings = load(SUITES.parent / "settings" / "agent.toml")
    files = {name: settings.path(file) for name, file in settings.tables.files.items()}
    tables = Tables(files)
    sql = "SELECT sum(unit_price * quantity) FROM equipment WHERE item = 'laptop'"
    assert tables.query(sql).rows == [[16520.0]]
    assert tables.query("SELECT sum(nights) FROM trips WHERE traveller = 'Castro'").rows == [[7]]
    tables.close()


LOOK = {
    "name": "look.up",
    "description": "looks",
    "parameters": {"type": "dict", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}


@pytest.mark.parametrize(("logprob", "tier"), [(-0.01, "slm"), (-3.0, "llm")])
def test_checked_calls_are_the_slm_s_where_it_is_sure(
    tmp_path: Path, logprob: float, tier: str
) -> None:
    text = '{"calls":[{"tool":"look_up","arguments":{"at":"noon"}}]}'
    tokens = tuple(Token(char, logprob) for char in text)
    slm = RuleTier("slm", lambda _: completion(text, tokens=tokens, cost=1.0))
    llm = RuleTier("llm", lambda _: "", calls=iter([[ToolCall("look_up", {"at": "noon"})]] * 2))
    asked = case(
        task="tool_use",
        request={"text": "Look up at noon."},
        tools=[LOOK],
        expected=[{"look.up": {"at": ["noon"]}}],
    )
    made = bench(tmp_path, RulePool(slm, llm))
    result = make_target("slm_checked", made, lambda _: True)(asked)
    made.close()
    assert result["tier"] == tier
    assert result["cost"] == pytest.approx(1.0, abs=1e-3)  # what the SLM took is paid either way
    assert make("tool_calls", {})(result, asked, asked)["score"] == 1.0
    assert not applies("slm_checked", case())
    (prompt,) = [prompt for call in slm.bound for prompt in call.prompts]
    assert '"look_up"' in prompt.messages[0]["content"]
