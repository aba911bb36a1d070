from __future__ import annotations

from typing import Any

import pytest

from tandem.nodes.agent.task import NO_KNOWLEDGE, UNREAD, Agent
from tandem.nodes.agent.unread import asks_unread
from tandem.routing.policy import UNVERIFIED
from tests.unit.nodes.agent.steps import done_step, failed_step

COUNTED = done_step("s1", "count_text", {"words": 3})


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("What does the handbook say about parking?", True),
        ("According to our travel policy, who books the train?", True),
        ("Look up the notice period, then double it.", True),
        ("How many days are there in the employee handbook's leave rule? Check the manual.", True),
        ("What is 3 * 4?", False),
        ("Sentiment of: A slow film, but a lovely end.", False),
        ("How many words has 'I like tea'?", False),
    ],
)
def test_a_request_that_names_a_source_is_told_from_one_that_does_not(
    text: str, asks: bool
) -> None:
    assert asks_unread(text, [COUNTED]) == asks


def test_what_looked_something_up_has_read() -> None:
    asked = "What does the handbook say about parking?"
    assert not asks_unread(asked, [COUNTED, done_step("s2", "read_document", {"text": "x"})])
    assert not asks_unread(asked, [done_step("s1", "house_search", {})])
    assert asks_unread(asked, [failed_step("s1", "read_document"), COUNTED])


@pytest.mark.parametrize("has_knowledge", [True, False])
def test_a_claim_about_a_source_that_was_not_read_is_marked(has_knowledge: bool) -> None:
    attempt: Any = {}
    prepared = {
        "request_text": "What does the handbook say about parking?",
        "steps": [COUNTED],
        "limit": "",
        "has_knowledge": has_knowledge,
    }
    notes = Agent().judge(prepared, attempt).notes
    assert notes == ([] if has_knowledge else [UNREAD, NO_KNOWLEDGE])
    assert UNREAD.startswith(UNVERIFIED)
