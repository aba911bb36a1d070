"""`Tandem`, with fake models."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tandem.app import Tandem, text_of
from tandem.errors import InvalidRequest
from tandem.graphs.hybrid import build
from tandem.nodes.state import Context
from tandem.settings import Model, Settings
from tests.loopback import drip, serve
from tests.unit.fakes import completion
from tests.unit.nodes.knowledge import FakeSearcher
from tests.unit.nodes.longform.texts import BRIEF, TOP, outline, prose
from tests.unit.services import FakeServices, Reply

MESSAGE = "How long do I have to file my voucher?"
REPLY = "Please file the travel voucher within 5 business days."


def tandem(folder: Path, *slm: Reply) -> Tandem:
    services = FakeServices(folder, slm=slm, llm=slm)
    made = Tandem(services.settings)
    made.services = services
    services.hits = FakeSearcher().hits
    made.graph = build(services).compile()
    return made


def events(made: Tandem, **request: Any) -> list[Any]:
    return [event for event in made.stream(MESSAGE, **request) if event["event"] != "node"]


def test_an_accepted_reply_is_streamed_as_one_verified_token(tmp_path: Path) -> None:
    token, answer = events(tandem(tmp_path, REPLY), task="support_reply")
    assert token == {"event": "token", "text": REPLY, "verified": True}
    assert answer["answer"]["output"]["reply"] == REPLY


def test_a_stream_without_blocking_is_the_same(tmp_path: Path) -> None:
    made = tandem(tmp_path, REPLY)

    async def collected() -> list[Any]:
        stream = made.astream(MESSAGE, task="support_reply")
        return [event["event"] async for event in stream if event["event"] != "node"]

    assert asyncio.run(collected()) == ["token", "answer"]
    made.close()


def test_a_rejected_reply_is_not_streamed(tmp_path: Path) -> None:
    wrong = completion("Please file it within 9 business days.")
    (answer,) = events(tandem(tmp_path, wrong, wrong), task="support_reply")
    assert answer["event"] == "answer"
    assert answer["answer"]["output"] is None


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("A headline", "A headline"),
        ({"reply": "Hello."}, "Hello."),
        ({"work": "2 + 2 = 4", "answer": "4"}, "4"),
        ({"label": "refund", "probabilities": {}}, ""),
        ({"answer": 4}, ""),
        (None, ""),
    ],
)
def test_the_text_of_an_output(output: Any, text: str) -> None:
    assert text_of(output) == text


def test_the_answer_comes_last(tmp_path: Path) -> None:
    told = [event["event"] for event in tandem(tmp_path, REPLY).stream(MESSAGE, task="draft")]
    assert told == ["node", "node", "node", "node", "token", "answer"]


def test_a_task_of_several_steps_tells_how_far_it_is(tmp_path: Path) -> None:
    replies = [outline("How it works", "Who waters"), prose(120, "a"), prose(120, "b"), TOP]
    stream = tandem(tmp_path, *replies).stream(BRIEF, task="longform")
    told = [event["progress"] for event in stream if event["event"] == "progress"]
    assert told[0] == {"outline": {"sections": 2}}
    assert [event["section"]["words"] for event in told[1:]] == [120, 120]


def test_leaving_a_stream_stops_the_model(tmp_path: Path) -> None:
    with serve(drip) as server:
        slm = Model(backend="huggingface", url=server.url, private=True)
        with Tandem(Settings(home=tmp_path, models={"slm-embedded": slm})) as made:
            context = Context(stream_unverified=True)
            for event in made.stream(MESSAGE, task="draft", context=context):
                if event["event"] == "token":
                    break
        assert server.closed.wait(2)


@pytest.mark.parametrize("request_", [None, 5, ["x"]])
def test_what_is_no_request_is_told_as_such(tmp_path: Path, request_: Any) -> None:
    with Tandem(Settings(home=tmp_path)) as tandem, pytest.raises(InvalidRequest):
        tandem.run(request_)
