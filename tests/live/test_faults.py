"""Endpoints that misbehave, behind the real clients, guard, graph and ledger: no wrong text is
served, nothing unanswered is charged, nothing sensitive leaves, and every run is in the ledger."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from tandem.app import Tandem
from tandem.errors import ModelUnavailable, TandemError
from tandem.records import Answer
from tandem.settings import LedgerSettings, Settings
from tests.loopback import Handler, Loopback, Turn, answer, broken, serve, status, token_chunk

IN_A_ROW = 12
"""More than a circuit breaker lets fail before it opens."""
BREAKER = Settings().limits.breaker_failures
CARD = "4111 1111 1111 1111"
MAIL = "diana.whitlock@mail.example.org"
RECEIPT = (
    "HARBOUR COFFEE\n14 QUAY STREET\nFLAT WHITE 3.80\nGRAND TOTAL EUR 3.80\nTOTAL UNROUNDED 3.81"
)
FIELDS = {
    "type": "object",
    "properties": {"company": {"type": "string"}, "total": {"type": "number"}},
    "required": ["company", "total"],
    "additionalProperties": False,
}
TASKS: dict[str, dict[str, Any]] = {
    "sentiment": {"text": "A fine film", "labels": ["positive", "negative"]},
    "extraction": {"text": RECEIPT, "output_schema": FIELDS},
    "draft": {"text": "Write: we meet at 3 pm."},
}
RIGHT: dict[str, Any] = {
    "sentiment": "positive",
    "extraction": {"company": "HARBOUR COFFEE", "total": 3.8},
    "draft": "We meet at 3 pm.",
}
WORDS = {**RIGHT, "extraction": '{"company":"HARBOUR COFFEE","total":"3.80"}'}
"""What a model writes that is right."""


def cut_on_the_wire(handler: Handler) -> None:
    """Headers and a token, then a line that is no event."""
    handler.begin()
    handler.send(token_chunk("pos"))
    handler.send('{"choices": [{"delta": {"cont')
    handler.wfile.write(b"0\r\n\r\n")


UNANSWERED: dict[str, Turn | None] = {
    "500": status(500, json.dumps({"error": f"cannot: {RECEIPT}"})),
    "refused": None,
    "lost in mid-answer": broken,
    "cut on the wire": cut_on_the_wire,
}
"""Faults that are no answer, by name; None: nobody listens."""
WRONG: list[tuple[str, str, Turn]] = [
    ("sentiment", "foreign label", answer("sideways")),
    ("sentiment", "prose around the label", answer("I think that positive", " fits it well")),
    ("sentiment", "empty", answer("")),
    ("sentiment", "white space", answer(" ", "\n")),
    ("sentiment", "JSON in place of a label", answer('{"choice": 5}')),
    ("extraction", "truncated JSON", answer('{"company":"HARBOUR CO')),
    ("extraction", "cut at the limit", answer('{"company":"HARBOUR', finish="length")),
    ("extraction", "wrong fields", answer('{"vendor":"HARBOUR COFFEE","sum":3.8}')),
    ("extraction", "wrong types", answer('{"company":["HARBOUR COFFEE"],"total":{}}')),
    ("extraction", "no object", answer('"HARBOUR COFFEE"')),
    ("extraction", "invented value", answer('{"company":"HARBOUR COFFEE","total":"38.00"}')),
    ("extraction", "empty", answer("")),
    ("extraction", "nested for ever", answer("[" * 100_000)),
    ("extraction", "no number", answer('{"company":"HARBOUR COFFEE","total":NaN}')),
    ("extraction", "infinite", answer('{"company":"HARBOUR COFFEE","total":1e999}')),
    (
        "extraction",
        "endless number",
        answer('{"company":"HARBOUR COFFEE","total":' + "9" * 5000 + "}"),
    ),
    ("extraction", "half a character", answer('{"company":"\\ud800","total":"3.80"}')),
    ("draft", "empty", answer("")),
    ("draft", "cut at the limit", answer("We meet at", finish="length")),
    ("draft", "refusal", answer("I'm sorry, but I cannot help with that.")),
]
"""Answers that are wrong: the task, the fault, and what the server says."""
wrong_ids = [f"{task}: {name}" for task, name, _ in WRONG]


def healthy(handler: Handler) -> None:
    """Says what is right for whatever is asked, as the openai dialect has it."""
    body = json.dumps(handler.loopback.body)
    task = next(name for name, given in TASKS.items() if json.dumps(given["text"])[1:-1] in body)
    text = json.dumps({"choice": RIGHT[task]}) if task == "sentiment" else WORDS[task]
    answer(*(piece for piece in (text[:4], text[4:]) if piece))(handler)


@dataclass
class House:
    """A Tandem over two endpoints, which keep all that reached them."""

    tandem: Tandem
    slm: Loopback
    llm: Loopback

    def ask(self, task: str, **fields: Any) -> tuple[Answer, TandemError | None]:
        """The answer of a run, and its error; an empty `task` has a model read it first."""
        given = {**TASKS.get(task, {}), **fields}
        try:
            return self.tandem.run(
                given.pop("text"), **({"task": task} if task else {}), **given
            ), None
        except TandemError as error:
            return cast("Answer", error.answer), error

    def row(self, answer: Answer) -> dict[str, Any]:
        row = self.tandem.services.ledger.run(answer["run_id"])
        assert row is not None, "the run is not in the ledger"
        assert row["status"] == answer["status"]
        assert [a["id"] for a in row["attempts"]] == [a["id"] for a in answer["attempts"]]
        return row


@contextmanager
def house(folder: Path, slm: Turn | None, llm: Turn | None) -> Iterator[House]:
    """`slm` and `llm` are what the servers do; None: nobody listens."""
    with ExitStack() as stack:
        served = [
            stack.enter_context(serve(turn)) if turn else Loopback(url=nobody())
            for turn in (slm, llm)
        ]
        price = {"per_million_input": 1000.0, "per_million_output": 1000.0}
        shared = {"model": "m", "price": price}
        settings = Settings.model_validate(
            {
                "models": {
                    "small": {
                        "backend": "huggingface",
                        "url": served[0].url,
                        "private": True,
                        **shared,
                    },
                    "large": {
                        "backend": "openai",
                        "dialect": "openai",
                        "url": served[1].url,
                        **shared,
                    },
                },
                "tiers": {"slm": {"model": "small"}, "llm": {"model": "large"}},
            }
        ).model_copy(update={"ledger": LedgerSettings(url=f"sqlite:///{folder}/ledger.sqlite")})
        yield House(stack.enter_context(Tandem(settings)), *served)


def nobody() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def value(task: str, output: Any) -> Any:
    key = {"sentiment": "label", "draft": "text"}.get(task)
    return output[key] if key else output


def tokens_cost(answer: Answer) -> float:
    """What the answered calls cost at the one price of both tiers."""
    usages = [attempt["usage"] for attempt in answer["attempts"]]
    return sum(usage["input_tokens"] + usage["output_tokens"] for usage in usages) / 1000


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.models.endpoint._FIRST_PAUSE_S", 0.01)


@pytest.mark.parametrize(("task", "fault", "turn"), WRONG, ids=wrong_ids)
def test_a_wrong_slm_answer_is_repaired_by_the_llm(
    tmp_path: Path, task: str, fault: str, turn: Turn
) -> None:
    with house(tmp_path, turn, healthy) as made:
        for _ in range(IN_A_ROW):
            got, error = made.ask(task)
            assert error is None
            assert (got["status"], got["tier"]) == ("accepted", "llm")
            assert value(task, got["output"]) == RIGHT[task]
            assert [verdict["accepted"] for verdict in got["verdicts"]] == [False, True]
            assert got["cost"] == pytest.approx(tokens_cost(got)), "both calls were answered"
            assert made.row(got)["attempts"][0]["accepted"] is False
        assert len(made.slm.seen) == IN_A_ROW, "an answer, however wrong, opens no breaker"


@pytest.mark.parametrize(("task", "fault", "turn"), WRONG, ids=wrong_ids)
def test_a_wrong_answer_of_both_tiers_is_never_served(
    tmp_path: Path, task: str, fault: str, turn: Turn
) -> None:
    with house(tmp_path, turn, turn) as made:
        for _ in range(IN_A_ROW):
            got, error = made.ask(task)
            assert error is None, "a rejection is told by the status"
            assert (got["status"], got["output"], got["tier"]) == ("failed", None, None)
            assert got["error"] is not None
            assert got["error"]["code"] == "rejected"
            assert [attempt["tier"] for attempt in made.row(got)["attempts"]] == ["slm", "llm"]


@pytest.mark.parametrize(
    "text", ['{"choice": "sideways"}', '{"choice": 5}', '{"label": "positive"}']
)
def test_a_wrong_choice_in_json_is_never_served(tmp_path: Path, text: str) -> None:
    with house(tmp_path, answer("sideways"), answer(text)) as made:
        got, _ = made.ask("sentiment")
        assert (got["status"], got["output"]) == ("failed", None)
        assert made.row(got)["error_code"] == "rejected"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("fault", UNANSWERED)
def test_with_the_slm_down_the_llm_answers_every_time(
    tmp_path: Path, fault: str, task: str
) -> None:
    with house(tmp_path, UNANSWERED[fault], healthy) as made:
        for _ in range(IN_A_ROW):
            got, error = made.ask(task)
            assert error is None
            assert (got["status"], got["tier"]) == ("accepted", "llm")
            assert value(task, got["output"]) == RIGHT[task]
            slm, llm = made.row(got)["attempts"]
            assert (slm["calls"], slm["cost"], slm["error_code"]) == (0, 0.0, "model_unavailable")
            assert got["cost"] == pytest.approx(llm["cost"])
            assert llm["cost"] > 0
        assert len(made.llm.seen) == IN_A_ROW
        tries = 1 + Settings().limits.retries
        assert len(made.slm.seen) in (0, BREAKER * tries), "its breaker opened, and it alone"


@pytest.mark.parametrize("fault", UNANSWERED)
def test_with_the_llm_down_a_rejected_draft_is_an_error(tmp_path: Path, fault: str) -> None:
    draft = '{"company":"HARBOUR COFFEE","total":"38.00"}'
    with house(tmp_path, answer(draft), UNANSWERED[fault]) as made:
        for _ in range(IN_A_ROW):
            got, error = made.ask("extraction")
            assert isinstance(error, ModelUnavailable)
            assert "llm" in error.what
            assert error.remedy
            assert "HARBOUR" not in str(error)
            assert (got["status"], got["output"]) == ("failed", None)
            assert got["draft"] == {"company": "HARBOUR COFFEE", "total": 38.0}
            slm, llm = made.row(got)["attempts"]
            assert (llm["calls"], llm["cost"]) == (0, 0.0)
            assert got["cost"] == pytest.approx(slm["cost"])
        assert len(made.slm.seen) == IN_A_ROW, "the SLM's breaker is its own"
        got, error = made.ask("extraction", text="HARBOUR COFFEE 38.00")
        assert (error, got["tier"]) == (None, "slm"), "what the SLM can do goes on"


@pytest.mark.parametrize("fault", UNANSWERED)
def test_with_both_down_nothing_is_charged_or_served(tmp_path: Path, fault: str) -> None:
    with house(tmp_path, UNANSWERED[fault], UNANSWERED[fault]) as made:
        for task in itertools.islice(itertools.cycle(TASKS), IN_A_ROW):
            got, error = made.ask(task)
            assert isinstance(error, ModelUnavailable)
            assert (got["status"], got["output"], got["draft"]) == ("failed", None, None)
            assert (got["cost"], made.row(got)["cost"]) == (0.0, 0.0)


SENSITIVE = (
    ("500", status(500)),
    ("refused", None),
    ("wrong", answer("sideways")),
    ("truncated", answer('{"company":"HARB')),
)


@pytest.mark.parametrize(
    "turn", [turn for _, turn in SENSITIVE], ids=[name for name, _ in SENSITIVE]
)
def test_sensitive_texts_reach_the_public_server_on_no_path(
    tmp_path: Path, turn: Turn | None
) -> None:
    cases = itertools.product(("sentiment", "extraction", ""), (CARD, MAIL))
    with house(tmp_path, turn, healthy) as made:
        for task, secret in itertools.islice(itertools.cycle(cases), IN_A_ROW):
            got, error = made.ask(task, text=f"{RECEIPT}\nA fine film. Mine is {secret}")
            assert got["output"] is None
            assert got["status"] in ("needs_review", "failed")
            assert (error is None) == (got["status"] == "needs_review")
            assert made.row(got)["may_escalate"] is False
        assert made.llm.seen == []
