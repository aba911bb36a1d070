"""What an agent's answer says of itself, through the whole graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tandem.nodes.agent.task import NO_KNOWLEDGE, UNREAD
from tests.unit.runs.house import House, plan

COUNT = {"tool": "count_text", "arguments": {"text": "first and second"}}


def asked(folder: Path, text: str, said: str) -> Any:
    reply = json.dumps({"text": said, "citations": []})
    with House(folder).tandem(plan(COUNT), reply) as tandem:
        return tandem.run(text, task="agent")


def test_a_claim_about_a_handbook_that_is_not_there_is_unverified(tmp_path: Path) -> None:
    text = "What does the handbook say about dogs, and how many words has 'first and second'?"
    answer = asked(tmp_path, text, "The handbook allows dogs. It has 3 words.")
    assert answer["status"] == "unverified"
    assert {UNREAD, NO_KNOWLEDGE} <= set(answer["reasons"])


def test_what_names_no_source_is_accepted(tmp_path: Path) -> None:
    answer = asked(tmp_path, "How many words has 'first and second'?", "It has 3 words.")
    assert answer["status"] == "accepted"
    assert NO_KNOWLEDGE not in answer["reasons"]
