"""One section on a fake tier: continued where it is short, cut where it is long, repaired once."""

from __future__ import annotations

from typing import Any

import pytest

from tandem.errors import DeadlineExceeded, ModelUnavailable
from tandem.models.tier import Prompt
from tandem.nodes.longform.lengths import word_count
from tandem.nodes.longform.writing import Section, section_messages, written
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.nodes.longform.texts import BRIEF, prose
from tests.unit.snapshots import assert_stored

PASSAGES = {"p1": {"id": "c#1", "source": "c", "heading": "Club > Rota", "text": "Twice a week."}}
OUTLINE = [
    {"title": "Tools", "purpose": "Lists the tools", "evidence": []},
    {"title": "Water", "purpose": "Explains the rota", "evidence": ["p1"]},
]
DONE = Section(title="Tools", text=prose(40, "t"), aim=40, by="llm", repaired=False)
LATE = DeadlineExceeded("The time ran out.", "Allow more.")


def write(*replies: Any, aim: int = 100) -> tuple[Section, FakeTierCall]:
    tier = FakeTierCall(replies, name="llm")
    plan = {"brief": BRIEF, "passages": PASSAGES}
    return written(plan, OUTLINE, [DONE], aim, tier), tier


def test_the_prompt_is_as_it_was() -> None:
    messages = section_messages(BRIEF, OUTLINE, [DONE], PASSAGES, 220)  # type: ignore[arg-type]
    assert_stored("longform_section", Prompt(messages, max_tokens=480))


def test_a_section_of_the_right_length_takes_one_call() -> None:
    section, tier = write(prose(100, "a"))
    assert section == {
        "title": "Water",
        "text": prose(100, "a"),
        "aim": 100,
        "by": "llm",
        "repaired": False,
    }
    assert tier.prompts[0].max_tokens == 240


def test_a_short_section_is_gone_on_with() -> None:
    section, tier = write(prose(50, "a"), prose(50, "b"))
    assert section["text"] == f"{prose(50, 'a')}\n\n{prose(50, 'b')}"
    assert tier.prompts[1].messages[-2] == {"role": "assistant", "content": prose(50, "a")}
    assert "about 50 words" in tier.prompts[1].messages[-1]["content"]
    assert not section["repaired"]


def test_a_long_section_is_cut_after_a_sentence() -> None:
    section, _ = write(prose(200, "a"))
    assert word_count(section["text"]) == 110
    assert section["text"].endswith(".")


def test_a_paragraph_that_only_repeats_is_tried_once_more_and_warmer() -> None:
    section, tier = write(prose(50, "a"), prose(50, "a"), prose(50, "b"))
    assert word_count(section["text"]) == 100
    assert [prompt.temperature for prompt in tier.prompts] == [0.0, 0.0, 0.7]


def test_a_section_that_stays_short_is_written_anew_once() -> None:
    short = prose(20, "a")
    section, tier = write(short, short, short, prose(100, "b"))
    assert section["repaired"]
    assert section["text"] == prose(100, "b")
    assert "rejected: it had 20 words in place of 100" in tier.prompts[3].messages[-1]["content"]


def test_the_better_version_stays() -> None:
    short, shorter = prose(60, "a"), prose(20, "b")
    section, _ = write(short, short, short, shorter, shorter, shorter)
    assert section["text"] == short


def test_a_sentence_with_an_unknown_source_is_left_out() -> None:
    section, _ = write(f"{prose(90, 'a')} Twice a week [p1]. Nobody pays [p2].")
    assert section["text"].endswith("Twice a week [p1].")


def test_the_title_is_no_part_of_the_text() -> None:
    section, _ = write(f"Water: {prose(100, 'a')}")
    assert section["text"] == prose(100, "a")


def test_the_heading_of_a_passage_is_no_part_of_the_text() -> None:
    section, _ = write(f"{prose(90, 'a')} Club > Rota: Twice a week they come.")
    assert section["text"].endswith(". Twice a week they come.")


def test_a_section_that_was_cut_off_ends_with_a_whole_sentence() -> None:
    section, _ = write(completion(f"{prose(100, 'a')} And th", finish="length"))
    assert section["text"] == prose(100, "a")


@pytest.mark.parametrize("error", [LATE, ModelUnavailable("Down.", "Look.")])
def test_an_error_in_mid_section_keeps_what_is_there(error: Exception) -> None:
    section, _ = write(prose(60, "a"), error, error)
    assert section["text"] == prose(60, "a")


def test_an_error_at_the_start_is_raised() -> None:
    with pytest.raises(DeadlineExceeded):
        write(LATE)
