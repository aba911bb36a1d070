"""`Tandem` on the real embedded pair: every kind of way through the graph, and its ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tandem import Context, DeadlineExceeded, Tandem
from tandem.records import Answer, Request
from tandem.settings import TaskSettings
from tests.live.house import SLM, Home, demo_rows, wait_for

INBOX, EXPECTED = demo_rows("inbox.jsonl"), demo_rows("expected.jsonl")
LABELS = ("banking-1", "headline-1", "headline-2")
"""Rows of the demo whose label is right by a wide margin."""
STORY = "Write a long story about the sea, in ten chapters."
PERSONAL = "A fine film. Write to me: diana.whitlock@mail.example.org"


@pytest.fixture
def tandem(home: Home) -> Iterator[Tandem]:
    with Tandem(home.settings()) as made:
        yield made


def demo(row_id: str) -> Request:
    return cast("Request", {key: value for key, value in INBOX[row_id].items() if key != "id"})


def row(tandem: Tandem, answer: Answer) -> dict[str, Any]:
    found = tandem.services.ledger.run(answer["run_id"])
    assert found is not None
    return found


@pytest.mark.parametrize("row_id", LABELS)
def test_a_label_comes_with_probabilities(tandem: Tandem, row_id: str) -> None:
    answer = tandem.run(demo(row_id))
    output = answer["output"]
    assert output["label"] == EXPECTED[row_id]["expected"]
    assert set(output["probabilities"]) == set(INBOX[row_id]["labels"])
    assert sum(output["probabilities"].values()) == pytest.approx(1.0)
    assert max(output["probabilities"].items(), key=lambda item: item[1])[0] == output["label"]
    assert row(tandem, answer)["status"] == "accepted"
    assert (answer["cost"] > 0) is (answer["tier"] != "head")


def test_a_receipt_is_extracted(tandem: Tandem) -> None:
    answer = tandem.run(demo("receipt-cafe"))
    assert answer["status"] == "accepted"
    assert EXPECTED["receipt-cafe"]["expected"].items() <= answer["output"].items()


def test_a_question_is_answered_with_its_source(tandem: Tandem) -> None:
    answer = tandem.run(demo("handbook-receipts"))
    wanted = EXPECTED["handbook-receipts"]["expected"]
    assert answer["output"]["found"]
    assert wanted["source"] in {cited["source"] for cited in answer["output"]["citations"]}
    assert all(word in answer["output"]["answer"] for word in wanted["contains"])


def test_what_no_page_answers_is_not_found(tandem: Tandem) -> None:
    answer = tandem.run("Who won the football world cup in 1998?", task="faq")
    assert (answer["status"], answer["tier"], answer["cost"]) == ("accepted", "rule", 0)
    assert answer["output"] == {"answer": None, "citations": [], "found": False}


def test_a_problem_is_solved_by_the_llm(tandem: Tandem) -> None:
    answer = tandem.run(demo("problem-earnings"))
    assert (answer["status"], answer["tier"]) == ("accepted", "llm")
    assert EXPECTED["problem-earnings"]["expected"] in answer["output"]["answer"]
    assert not answer["all_llm_estimated"]


def test_the_agent_calculates_with_a_tool(tandem: Tandem) -> None:
    answer = tandem.run("How much is 17% of 2300, minus 41?", task="agent")
    assert answer["status"] == "accepted"
    assert [(step["tool"], step["status"]) for step in answer["steps"]] == [("calculate", "done")]
    assert "350" in str(answer["output"])
    purposes = [attempt["purpose"] for attempt in row(tandem, answer)["attempts"]]
    assert purposes[0] == "plan"


def test_a_rejected_answer_goes_to_the_llm_only_where_it_may(home: Home) -> None:
    doubtful = {"sentiment": TaskSettings(min_margin=1.0)}  # no SLM answer is ever so sure
    with Tandem(home.settings(tasks=doubtful)) as tandem:
        for text, status, tiers in (
            (PERSONAL, "needs_review", ["slm", "slm"]),
            ("A fine film. I loved it.", "accepted", ["slm", "llm"]),
        ):
            answer = tandem.run(text, task="sentiment", labels=["positive", "negative"])
            assert answer["status"] == status
            found = row(tandem, answer)
            assert [attempt["tier"] for attempt in found["attempts"]] == tiers
            assert found["may_escalate"] is (tiers[-1] == "llm")
            assert found["request"] is None, "no text is kept"


def test_the_stream_tells_nodes_and_then_the_text(tandem: Tandem) -> None:
    events = list(tandem.stream("Write one sentence: the meeting moves to 3 pm.", task="draft"))
    nodes = [event["node"] for event in events if event["event"] == "node"]
    assert nodes[:3] == ["classify", "draft", "quality_check"]
    assert nodes[-1] == "record"
    last = events[-1]["answer"]
    tokens = [event for event in events if event["event"] == "token"]
    assert [(token["text"], token["verified"]) for token in tokens] == [
        (last["output"]["text"], True)
    ]


def test_unverified_tokens_come_where_they_are_asked_for(tandem: Tandem) -> None:
    asked = "Write one sentence: the meeting moves to 3 pm."
    context = Context(stream_unverified=True)
    events = list(tandem.stream(asked, task="draft", context=context))
    early = [event["text"] for event in events if event.get("verified") is False]
    answer = next(event["answer"] for event in events if event["event"] == "answer")
    assert len(early) > 3
    assert "".join(early).strip() == answer["output"]["text"]


async def test_arun_goes_on_beside_other_work(tandem: Tandem) -> None:
    asked = tandem.arun("A fine film.", task="sentiment", labels=["positive", "negative"])
    answer, ticks = await asyncio.gather(asked, _ticks())
    assert answer["output"]["label"] == "positive"
    assert ticks == 5


async def _ticks() -> int:
    for _ in range(5):
        await asyncio.sleep(0.01)
    return 5


async def test_cancelling_stops_the_model(home: Home, tandem: Tandem) -> None:
    await tandem.arun("Hello", task="draft")  # the server is up
    context = Context(run_id="to-be-cancelled")
    running = asyncio.create_task(tandem.arun(STORY, task="draft", context=context))
    while not home.at_work(SLM):
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert wait_for(lambda: not home.at_work(SLM)) < 3
    ledger = tandem.services.ledger
    wait_for(lambda: (ledger.run("to-be-cancelled") or {})["status"] != "running")
    found = ledger.run("to-be-cancelled")
    assert found is not None
    assert (found["status"], found["error_code"]) == ("failed", "cancelled")
    assert [attempt["tier"] for attempt in found["attempts"]] == ["slm"], "nobody else was asked"


def test_a_deadline_that_is_too_short(tandem: Tandem) -> None:
    seconds = 1.0
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught:
        tandem.run(STORY, task="longform", deadline_ms=int(seconds * 1000))
    assert time.monotonic() - started < seconds + 1
    answer = caught.value.answer
    assert answer is not None
    found = row(tandem, answer)
    assert (found["status"], found["error_code"], found["cost"]) == ("failed", "deadline", 0)
