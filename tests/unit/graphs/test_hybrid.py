"""The graph's ways, with fake models: who is asked, what is served, what is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.errors import DeadlineExceeded, ModelUnavailable
from tandem.graphs.hybrid import build, graph, route_verdict
from tandem.nodes.state import Context
from tandem.records import Answer
from tests.unit.fakes import completion
from tests.unit.services import FakeServices, FakeTier

DOWN = ModelUnavailable("No model of the tier answered.", "Look at it.")
SENTIMENT = {"text": "A fine film.", "task": "sentiment", "labels": ["positive", "negative"]}
SURE, UNSURE = completion("positive", logprob=-0.01), completion("positive", logprob=-5.0)
CARD = "My card is 4111 1111 1111 1111. "


def ask(services: FakeServices, request: dict[str, Any], context: Context | None = None) -> Answer:
    graph = build(services).compile()
    answer: Answer = graph.invoke({"request": request}, context=context)["answer"]
    return answer


def test_an_slm_answer_that_passes_is_served_without_the_llm(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[SURE])
    answer = ask(services, SENTIMENT)
    assert (answer["status"], answer["tier"]) == ("accepted", "slm")
    assert answer["output"]["label"] == "positive"
    assert services.fakes["llm"].prompts == []


def test_a_rejected_slm_answer_goes_to_the_llm(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, slm=[completion("sideways")], llm=[SURE]), SENTIMENT)
    assert (answer["status"], answer["tier"]) == ("accepted", "llm")
    assert [verdict["accepted"] for verdict in answer["verdicts"]] == [False, True]
    assert not answer["all_llm_estimated"]


def test_a_rejected_llm_answer_is_never_served(tmp_path: Path) -> None:
    wrong = completion("sideways")
    answer = ask(FakeServices(tmp_path, slm=[wrong], llm=[wrong]), SENTIMENT)
    assert (answer["status"], answer["output"]) == ("failed", None)
    assert answer["error"] is not None
    assert answer["error"]["code"] == "rejected"


def test_a_failing_slm_escalates_and_is_not_charged(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, slm=[DOWN], llm=[SURE]), SENTIMENT)
    assert (answer["status"], answer["tier"]) == ("accepted", "llm")
    assert answer["attempts"][0]["cost"] == 0


def test_a_failing_llm_is_an_error_with_the_draft(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, slm=[completion("sideways")], llm=[DOWN]), SENTIMENT)
    assert answer["status"] == "failed"
    assert answer["error"] is not None
    assert answer["error"]["code"] == "model_unavailable"
    assert answer["output"] is None


def test_when_the_time_is_up_nobody_else_is_asked(tmp_path: Path) -> None:
    late = DeadlineExceeded("The time allowed ran out.", "Allow more time.")
    services = FakeServices(tmp_path, slm=[late])
    answer = ask(services, SENTIMENT)
    assert answer["status"] == "failed"
    assert answer["error"] is not None
    assert answer["error"]["code"] == "deadline"
    assert [attempt["tier"] for attempt in answer["attempts"]] == ["slm"]


def test_a_sensitive_request_is_not_escalated_to_a_public_llm(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[completion("sideways")] * 2)
    answer = ask(services, {**SENTIMENT, "text": CARD + "A fine film."})
    assert answer["status"] == "needs_review"
    assert services.fakes["llm"].prompts == []


def test_a_task_of_the_llm_stays_private_where_the_request_is_sensitive(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=['{"work":"2 + 2 = 4","answer":"4"}'] * 3)
    answer = ask(services, {"text": CARD + "What is 2 + 2?", "task": "reasoning"})
    assert answer["status"] in ("unverified", "needs_review")
    assert services.fakes["llm"].prompts == []


def test_a_declaration_raises_sensitivity(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[completion("sideways")] * 2)
    assert ask(services, {**SENTIMENT, "sensitivity": "secret"})["status"] == "needs_review"


def test_a_context_may_keep_a_run_private(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[completion("sideways")] * 2)
    answer = ask(services, SENTIMENT, Context(private_only=True))
    assert answer["status"] == "needs_review"


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"text": ""},
        {"text": "x" * 10_000_000},
        {"text": "hello", "task": "dance"},
        {"text": "hello", "nonsense": 1},
        {"text": 7},
        {"text": "hello", "task": "extraction", "output_schema": {"type": 12}},
        {"text": "hello", "task": "extraction", "output_schema": "no such schema"},
        {"text": "hello", "task": "document_classification", "labels": ["one", "one"]},
        {"text": "hello", "deadline_ms": 0},
        {"text": "hello", "quality": 3.0},
    ],
)
def test_bad_input_ends_in_the_ledger_without_a_model_call(
    tmp_path: Path, request_: dict[str, Any]
) -> None:
    services = FakeServices(tmp_path)
    answer = ask(services, request_)
    assert answer["status"] == "failed"
    assert answer["error"] is not None
    assert answer["error"]["code"] == "invalid_request"
    assert answer["attempts"] == []


def test_an_undeclared_task_is_read_by_the_slm(tmp_path: Path) -> None:
    reading = completion("message to write", logprob=-0.01)
    services = FakeServices(tmp_path, slm=[reading, "Dear team, we meet at 3 pm on Friday."])
    answer = ask(services, {"text": "Write a note that we meet at 3 pm on Friday."})
    assert (answer["task"], answer["status"]) == ("draft", "accepted")
    assert [attempt["purpose"] for attempt in answer["attempts"]] == ["classify", "answer"]


def test_a_second_run_on_a_thread_keeps_nothing_of_the_first(tmp_path: Path) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    services = FakeServices(tmp_path, slm=[SURE, completion("good", logprob=-0.01)])
    graph = build(services).compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke({"request": SENTIMENT}, thread)
    second = {"text": "Fine.", "task": "sentiment", "labels": ["good", "bad"]}
    answer = graph.invoke({"request": second}, thread)["answer"]
    assert len(answer["attempts"]) == 1
    assert answer["output"]["label"] == "good"


def test_an_invalid_request_on_a_thread_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    services = FakeServices(tmp_path, slm=[SURE])
    graph = build(services).compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    first: Any = {"request": SENTIMENT}
    second: Any = {"request": {"text": ""}}
    graph.invoke(first, thread)
    answer = graph.invoke(second, thread)["answer"]
    assert (answer["status"], answer["task"], answer["profile"]) == ("failed", "", None)
    run = services.ledger.run(answer["run_id"])
    assert run is not None
    assert (run["task"], run["sensitivity"]) == ("", None)


def test_the_ledger_notes_nothing_of_a_request_but_what_it_may_hold(tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    answer = ask(services, {"text": "hello", "task": CARD, "tenant": {"name": "x"}})
    assert answer["error"] is not None
    assert answer["error"]["code"] == "invalid_request"
    run = services.ledger.run(answer["run_id"])
    assert run is not None
    assert (run["task"], run["tenant"]) == ("", "")


def test_what_may_go_to_the_llm_depends_on_the_tasks_own_llm(tmp_path: Path) -> None:
    wrong = completion("sideways")
    services = FakeServices(tmp_path, slm=[wrong] * 3, llm_private=True)
    services.fakes["llm:sentiment"] = FakeTier("llm", False, services.guard, [SURE])
    answer = ask(services, {**SENTIMENT, "text": CARD + "A fine film."})
    assert (answer["status"], answer["error"]) == ("needs_review", None)
    assert [attempt["tier"] for attempt in answer["attempts"]] == ["slm", "slm"]
    assert ask(services, SENTIMENT)["tier"] == "llm"


def test_a_quality_of_the_settings_counts_where_the_request_asks_none(tmp_path: Path) -> None:
    settings: Any = {"tasks": {"sentiment": {"quality": 0.9}}}
    services = FakeServices(tmp_path, slm=[SURE, SURE], **settings)
    for asked, wanted in (({}, 0.9), ({"quality": 0.5}, 0.5)):
        profile = ask(services, {**SENTIMENT, **asked})["profile"]
        assert profile is not None
        assert profile["quality"] == wanted


def test_routers_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="cannot lead"):
        route_verdict({"request": {"text": ""}, "next": "nowhere"})


def test_the_readme_shows_the_graph_as_langgraph_draws_it() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert graph.get_graph().draw_mermaid().strip() in readme
