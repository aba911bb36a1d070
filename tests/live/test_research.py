"""Research on the real pair, over two small documents."""

from __future__ import annotations

from typing import cast

import pytest

from tandem import Tandem
from tandem.records import Request
from tests.live.house import Home

pytestmark = pytest.mark.live


def test_two_documents_are_read_and_what_leaves_is_quoted(home: Home) -> None:
    """Whether so small a model concludes rightly is measured, not tested; what its answer may
    quote, and that a rejected one stays a draft, is the code's."""
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
    said = answer["output"] or answer["draft"]
    assert (answer["output"] is not None) == (answer["status"] == "accepted")
    assert said["coverage"]["asked"] >= 2
    assert said["coverage"]["failed"] == 0
    assert said["coverage"]["documents"] == {"read": 2, "unreadable": [], "cut": []}
    assert said["citations"]
    whole = "\n".join(document["text"] for document in documents)
    assert all(each["quote"] in whole for each in said["citations"])
