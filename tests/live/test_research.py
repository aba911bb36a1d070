"""Research on the real pair, over two small documents."""

from __future__ import annotations

from typing import cast

import pytest

from tandem import Tandem
from tandem.records import Request
from tests.live.house import Home

pytestmark = pytest.mark.live


def test_an_answer_over_two_documents_cites_both(home: Home) -> None:
    documents = [
        {"name": "lockers.md", "text": "# Lockers\n\nA locker costs 8 dollars a month."},
        {"name": "gym.md", "text": "# Gym\n\nA gym card costs 5 dollars a month."},
    ]
    request = {
        "text": "What do a locker and a gym card cost a month?",
        "documents": documents,
        "task": "research",
    }
    with Tandem(home.settings()) as tandem:
        answer = tandem.run(cast("Request", request))
    assert answer["status"] == "accepted"
    assert {each["source"] for each in answer["output"]["citations"]} == {"lockers.md", "gym.md"}
    assert answer["output"]["coverage"]["failed"] == 0
