from __future__ import annotations

from typing import Any

import pytest

from tandem.nodes.contract.asking import (
    Question,
    ask_type,
    ask_value,
    judge,
    judge_messages,
    judge_together,
    judge_whole,
    placed,
)
from tests.unit.fakes import FakeTierCall

QUESTION: Question = {
    "item": "nda-3",
    "hypothesis": "Oral information is covered.",
    "passages": ["It covers written words.", "It covers spoken words."],
    "segments": [4, 7],
}


def test_the_prompt_shows_numbered_passages_and_the_statement() -> None:
    system, *examples, user = judge_messages(QUESTION)
    assert system["content"].startswith("You check a contract for a lawyer.")
    answers = [one["content"] for one in examples if one["role"] == "assistant"]
    assert answers == ["yes, passage 2", "not mentioned", "no, passage 1"]
    assert user["content"] == (
        "[1] It covers written words.\n[2] It covers spoken words.\n\n"
        "Statement: Oral information is covered."
    )


@pytest.mark.parametrize(
    ("reply", "verdict", "segment"),
    [
        ("yes, passage 2", "entailment", 7),
        ("no, passage 1", "contradiction", 4),
        ("not mentioned", "not_mentioned", None),
        ("yes, passage 3", "", None),
        ("perhaps", "", None),
    ],
)
def test_a_verdict_goes_by_a_segment(reply: str, verdict: str, segment: int | None) -> None:
    call = FakeTierCall([reply], name="llm")
    said = judge(QUESTION, call)
    assert (said["verdict"], said["segment"], said["by"]) == (verdict, segment, "llm")
    assert said["shown"] == [4, 7]
    assert call.prompts[0].choices is not None
    assert len(call.prompts[0].choices) == 5


def test_without_a_passage_there_is_only_one_choice() -> None:
    call = FakeTierCall(["not mentioned"])
    judge({**QUESTION, "passages": [], "segments": []}, call)
    assert call.prompts[0].choices == ["not mentioned"]


def test_the_whole_contract_is_read_once_for_all() -> None:
    items: list[Any] = [{"id": name, "name": "", "hypothesis": f"{name}."} for name in "abc"]
    call = FakeTierCall(['{"1": "yes", "2": "not mentioned", "3": "maybe"}'])
    assert judge_whole("Text.", items, call) == {"a": "entailment", "b": "not_mentioned"}
    assert len(call.prompts) == 1
    assert "2. b." in call.prompts[0].messages[1]["content"]
    assert judge_whole("Text.", items, FakeTierCall(["no JSON"])) == {}


def test_a_type_is_one_of_the_types() -> None:
    assert ask_type("Clause.", ["Law", "Fee"], FakeTierCall(["Fee"])) == "Fee"
    assert ask_type("Clause.", ["Law", "Fee"], FakeTierCall(["Other"])) == ""


@pytest.mark.parametrize(
    ("value", "normal"),
    [("sixty (60) days", "60 days"), ("SIXTY (60)  days", None), ("90 days", None), (3, None)],
)
def test_a_value_must_stand_in_the_clause(value: Any, normal: str | None) -> None:
    found = placed(value, "Notice is Sixty (60) days before the end.")
    assert (found and found.value) == normal


def test_a_value_that_the_model_makes_up_is_none() -> None:
    call = FakeTierCall(['{"value": "Delaware"}', '{"value": "texas"}', "[]"])
    clause = "Governed by the laws of Texas."
    assert ask_value("governing_law", clause, call) is None
    found = ask_value("governing_law", clause, call)
    assert found is not None
    assert clause[found.start : found.end] == "Texas"
    assert ask_value("governing_law", clause, call) is None


def test_several_hypotheses_share_their_passages_in_one_call() -> None:
    other: Question = {
        "item": "nda-4",
        "hypothesis": "Only for the purpose.",
        "passages": ["It covers spoken words.", "Use it for the purpose."],
        "segments": [7, 9],
    }
    call = FakeTierCall(['{"1": "yes, passage 2", "2": "no, passage 3"}'], name="llm")
    first, second = judge_together([QUESTION, other], call)
    assert (first["item"], first["verdict"], first["segment"]) == ("nda-3", "entailment", 7)
    assert (second["item"], second["verdict"], second["segment"]) == ("nda-4", "contradiction", 9)
    assert first["shown"] == [4, 7, 9]
    (prompt,) = call.prompts
    assert prompt.messages[-1]["content"] == (
        "[1] It covers written words.\n[2] It covers spoken words.\n[3] Use it for the purpose.\n\n"
        "Statements:\n1. Oral information is covered.\n2. Only for the purpose."
    )


def test_what_is_missing_in_an_answer_to_several_stays_open() -> None:
    said = judge_together([QUESTION, QUESTION], FakeTierCall(['{"1": "not mentioned"}']))
    assert [one["verdict"] for one in said] == ["not_mentioned", ""]
