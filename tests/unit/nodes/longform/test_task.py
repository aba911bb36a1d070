"""The task on one tier, without the graph: as evaluations and escalations run it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tandem.errors import DeadlineExceeded, InvalidRequest
from tandem.nodes.longform.evidence import Evidence
from tandem.nodes.longform.task import Longform
from tandem.records import Attempt, Profile, Request
from tandem.settings import LongformSettings
from tests.unit.fakes import FakeTierCall
from tests.unit.nodes.longform.test_drafting import Base
from tests.unit.nodes.longform.texts import BRIEF, TOP, outline, prose
from tests.unit.snapshots import assert_stored

TWO = outline("How it works", "Who waters")
TASK = Longform(Evidence(Base(), lambda document: document["text"], LongformSettings()))
NO_PROFILE = cast("Profile", {})


def attempted(*replies: Any, **request: Any) -> tuple[Attempt, list[str], FakeTierCall]:
    tier = FakeTierCall(replies, name="llm")
    prepared = TASK.prepare(cast("Request", {"text": BRIEF, **request}), NO_PROFILE)
    attempt = TASK.attempt(prepared, tier)
    return attempt, [failure["gate"] for failure in TASK.check(prepared, attempt)], tier


def test_one_tier_writes_the_whole() -> None:
    attempt, failed, tier = attempted(TWO, prose(120, "a"), prose(120, "b"), TOP)
    assert failed == []
    assert attempt["signals"] == {
        "words_ratio": pytest.approx(0.8, abs=0.2),
        "repeated": 0.0,
        "repaired": 0.0,
    }
    assert_stored("longform_top", tier.prompts[-1])


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"missing": ["More"]}, "sections"),
        ({"stopped": "deadline"}, "sections"),
        ({"text": "# Club\n\nShort."}, "length"),
        ({"text": f"# Club\n\n{prose(500, 'a')}"}, "length"),
        ({"text": f"# Club\n\n{prose(290, 'a')} So [3]."}, "citation"),
        ({"text": f"{prose(150, 'a')}\n\n{prose(150, 'a')}"}, "repeats"),
        ({"text": f"{prose(290, 'a')} Write to [Your Name]."}, "no_placeholder"),
    ],
)
def test_what_a_text_must_not_be(change: dict[str, Any], gate: str) -> None:
    attempt, _, _ = attempted(TWO, prose(120, "a"), prose(120, "b"), TOP)
    changed = cast("Attempt", {**attempt, "output": {**attempt["output"], **change}})
    prepared = TASK.prepare({"text": BRIEF}, NO_PROFILE)
    assert [failure["gate"] for failure in TASK.check(prepared, changed)] == [gate]


@pytest.mark.parametrize("at", [0, 1])
def test_a_refusal_is_no_text_in_whatever_section(at: int) -> None:
    sections = [prose(120, "a"), prose(120, "b")]
    sections[at] = f"I'm sorry, but I cannot help with that. {sections[at]}"
    assert attempted(TWO, *sections, TOP)[1] == ["not_refusal"]


def test_a_later_section_may_begin_with_what_there_is_not() -> None:
    silent = "There is no information in the log before May. The audit therefore starts in June."
    sections = [prose(120, "a"), f"{silent} {prose(110, 'b')}"]
    attempt, failed, _ = attempted(TWO, *sections, TOP)
    assert failed == []
    # ...but not where that is next to all that it says.
    alone = [*attempt["output"]["sections"][:1], {"text": silent}]
    changed = cast("Attempt", {**attempt, "output": {**attempt["output"], "sections": alone}})
    prepared = TASK.prepare({"text": BRIEF}, NO_PROFILE)
    assert [one["gate"] for one in TASK.check(prepared, changed)] == ["not_refusal"]


def test_an_error_in_mid_text_leaves_a_draft() -> None:
    late = DeadlineExceeded("The time ran out.", "Allow more.")
    attempt, failed, _ = attempted(TWO, prose(120, "a"), late)
    assert attempt["output"]["stopped"] == "deadline"
    assert failed == ["sections", "length"]


def test_without_an_outline_there_is_no_text() -> None:
    attempt, failed, _ = attempted("no", "no")
    assert (attempt["output"], failed) == (None, ["not_empty"])


def test_an_invented_title_or_summary_does_not_stay() -> None:
    top = '{"title":"The 77 secrets","summary":"It has 12 parts. New members read it."}'
    output = attempted(TWO, prose(120, "a"), prose(120, "b"), top)[0]["output"]
    assert output["title"] == BRIEF.rstrip(".")
    assert output["summary"] == "New members read it."


def test_without_a_text_there_is_nothing_to_write() -> None:
    with pytest.raises(InvalidRequest, match="no text"):
        attempted(text="  ")


def test_what_was_said_before_is_shown() -> None:
    turns = [{"role": "user", "content": "We have a garden club."}]
    tier = attempted(TWO, prose(120, "a"), prose(120, "b"), TOP, messages=turns)[2]
    assert "user: We have a garden club." in tier.prompts[0].messages[-1]["content"]
