"""Long texts in the main graph, with fake models: a section a step, and what is left of a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from tandem.errors import DeadlineExceeded, ModelUnavailable
from tandem.graphs.hybrid import build
from tandem.graphs.longform import route_section
from tandem.nodes.longform.lengths import word_count
from tandem.nodes.state import Context
from tandem.records import Answer
from tests.unit.nodes.longform.texts import BRIEF, TOP, hit, outline, prose
from tests.unit.services import FakeServices, Reply

REQUEST = {"text": BRIEF, "task": "longform"}
TWO = outline("How it works", "Who waters")
DOWN = ModelUnavailable("No model of the tier answered.", "Look at it.")
CARD = "My card is 4111 1111 1111 1111. "


def ask(services: FakeServices, context: Context | None = None, **request: Any) -> Answer:
    graph = build(services).compile()
    answer: Answer = graph.invoke({"request": {**REQUEST, **request}}, context=context)["answer"]
    return answer


def whole(outlined: str = TWO) -> list[Reply]:
    return [outlined, prose(120, "a"), prose(120, "b"), TOP]


def test_a_text_is_written_section_by_section(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, llm=whole())
    answer = ask(services)
    output = answer["output"]
    assert answer["status"] == "accepted", answer["reasons"]
    assert [section["title"] for section in output["sections"]] == ["How it works", "Who waters"]
    assert output["text"].startswith("# The garden club\n\nWhat new members should know.\n\n## How")
    assert 240 <= output["words"] <= 360
    assert [attempt["purpose"] for attempt in answer["attempts"]] == [
        "plan",
        "act",
        "act",
        "synthesise",
    ]
    assert answer["all_llm_cost"] == pytest.approx(answer["cost"])


def test_each_section_is_told_when_it_is_there(tmp_path: Path) -> None:
    graph = build(FakeServices(tmp_path, llm=whole())).compile()
    stream = graph.stream({"request": REQUEST}, stream_mode="custom", subgraphs=True)
    told = [event for _, event in stream if "answer" not in event]
    assert told[0] == {"outline": {"sections": 2}}
    assert [event["section"]["section"] for event in told[1:]] == [1, 2]
    assert all("text" not in event["section"] for event in told[1:])


def test_who_asks_for_what_is_not_checked_gets_the_text(tmp_path: Path) -> None:
    graph = build(FakeServices(tmp_path, llm=whole())).compile()
    context = Context(stream_unverified=True)
    stream = graph.stream(
        {"request": REQUEST}, stream_mode="custom", subgraphs=True, context=context
    )
    sections = [event["section"] for _, event in stream if "section" in event]
    assert sections[0]["text"] == prose(120, "a")
    assert sections[0]["verified"] is False


@pytest.mark.parametrize("error", [DOWN, DeadlineExceeded("The time ran out.", "Allow more.")])
def test_a_stop_leaves_a_draft_that_says_what_is_missing(tmp_path: Path, error: Reply) -> None:
    replies = [TWO, prose(120, "a"), error, TOP]
    answer = ask(FakeServices(tmp_path, llm=replies))
    assert (answer["status"], answer["output"]) == ("needs_review", None)
    assert answer["draft"]["missing"] == ["Who waters"]
    assert prose(110, "a") in answer["draft"]["text"]
    gates = [failure["gate"] for failure in answer["verdicts"][-1]["failed"]]
    assert gates == ["sections", "length"]
    assert "waits for a person" in " ".join(answer["reasons"])


LATE = DeadlineExceeded("The time ran out.", "Allow more.")


def test_where_time_is_up_the_way_out_is_told(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, llm=[TWO, prose(120, "a"), LATE, TOP]))
    assert answer["status"] == "needs_review"
    (told,) = [each for each in answer["reasons"] if "time was up" in each]
    assert "1 of 2 sections" in told
    for way in ("--deadline-ms", "async", '"continue"', "--continue"):
        assert way in told


@pytest.mark.parametrize("replies", [[LATE], [TWO, LATE]])
def test_where_time_is_up_before_any_section_the_error_names_more_time(
    tmp_path: Path, replies: list[Reply]
) -> None:
    answer = ask(FakeServices(tmp_path, llm=replies))
    assert answer["status"] == "failed"
    assert answer["error"] is not None
    assert answer["error"]["code"] == "deadline"
    assert "--deadline-ms" in answer["error"]["remedy"]


def test_a_text_that_got_too_little_time_for_its_length_tells_so_too(tmp_path: Path) -> None:
    replies = [TWO, prose(60, "a"), LATE, prose(60, "b"), LATE, LATE, TOP]
    answer = ask(FakeServices(tmp_path, llm=replies))
    assert "time was up" in " ".join(answer["reasons"])


def test_a_whole_text_whose_time_was_just_up_says_nothing_of_it(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, llm=[TWO, prose(120, "a"), prose(120, "b"), LATE]))
    assert answer["status"] == "accepted"
    assert "time was up" not in " ".join(answer["reasons"])


def test_without_any_section_the_error_is_told(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, llm=[TWO, DOWN]))
    assert answer["status"] == "failed"
    assert answer["error"] is not None
    assert answer["error"]["code"] == "model_unavailable"


def test_without_an_outline_nothing_is_written(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, llm=["no outline", "nor now"]))
    assert (answer["status"], answer["draft"]) == ("needs_review", None)


def test_a_sensitive_text_is_written_by_the_slm(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=whole())
    answer = ask(services, text=CARD + BRIEF)
    assert services.fakes["llm"].prompts == []
    assert answer["status"] == "unverified"
    assert {section["by"] for section in answer["output"]["sections"]} == {"slm"}


def test_a_section_whose_passage_is_sensitive_is_written_by_the_slm(tmp_path: Path) -> None:
    written = [prose(110, "a") + " It is so [p1].", prose(120, "b"), TOP]
    services = FakeServices(tmp_path, llm=[TWO], slm=written)
    services.hits = [hit(1, f"Tells about how it works. {CARD}")]
    answer = ask(services)
    assert answer["status"] == "accepted", answer["reasons"]
    assert [section["by"] for section in answer["output"]["sections"]] == ["slm", "slm"]
    sent = [m["content"] for prompt in services.fakes["llm"].prompts for m in prompt.messages]
    assert "4111" not in "".join(sent)


def test_citations_are_numbered_and_their_sources_listed(tmp_path: Path) -> None:
    cited = prose(110, "a") + " Members water twice a week [p1]. Nobody pays [p9]."
    services = FakeServices(tmp_path, llm=[TWO, cited, prose(120, "b"), TOP])
    services.hits = [hit(1, "Members tell how it works and water twice a week.")]
    output = ask(services)["output"]
    assert "Members water twice a week [1]." in output["text"]
    assert "Nobody pays" not in output["text"]
    assert output["text"].endswith("## Sources\n\n- [1] Club > Part 1, `club.md#1`")
    assert output["sources"] == [
        {"number": 1, "id": "club.md#1", "source": "club.md", "heading": "Club > Part 1"}
    ]


def test_an_introduction_is_a_template_that_the_slm_fills(tmp_path: Path) -> None:
    titles = ["Welcome", "How it works", "Who waters"]
    planned = outline(*titles).replace('"none"', '"introduction"', 1)
    slots = '{"subject":"This is for new members.","matter":"It saves questions."}'
    services = FakeServices(
        tmp_path, slm=[slots], llm=[planned, prose(110, "a"), prose(110, "b"), TOP]
    )
    answer = ask(services)
    first = answer["output"]["sections"][0]
    assert first["by"] == "slm"
    assert first["text"] == (
        "This is for new members. It saves questions.\n\n"
        "The sections that follow deal with How it works and Who waters."
    )
    assert answer["all_llm_cost"] > answer["cost"]


def test_a_run_that_broke_off_goes_on_with_the_next_section(tmp_path: Path) -> None:
    class Broken(RuntimeError):
        pass

    services = FakeServices(tmp_path, llm=[TWO, prose(120, "a"), Broken(), prose(120, "b"), TOP])
    graph = build(services).compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(Broken):
        graph.invoke({"request": REQUEST}, config)
    answer = graph.invoke(None, config)["answer"]
    assert answer["status"] == "accepted"
    asked = [prompt.messages[-1]["content"] for prompt in services.fakes["llm"].prompts]
    assert sum("Write section 1," in content for content in asked) == 1


def test_continue_goes_on_where_the_draft_stopped(tmp_path: Path) -> None:
    draft = ask(FakeServices(tmp_path, llm=[TWO, prose(120, "a"), DOWN, TOP]))["draft"]["text"]
    further = FakeServices(tmp_path, llm=[outline("Who waters"), prose(120, "b"), TOP])
    turns = [{"role": "user", "content": BRIEF}, {"role": "assistant", "content": draft}]
    answer = ask(further, text="Please continue.", messages=turns)
    assert answer["status"] == "accepted", answer["reasons"]
    sections = answer["output"]["sections"]
    assert [section["by"] for section in sections] == ["earlier", "llm"]
    assert sections[0]["text"] == prose(120, "a")
    assert word_count(answer["output"]["text"]) <= 360


def test_the_llm_writes_what_the_slm_left_out(tmp_path: Path) -> None:
    small_first = {"rules": [{"name": "small", "first_tier": "slm"}]}
    slm, llm = [TWO, prose(120, "a"), DOWN, TOP], [prose(120, "b"), TOP]
    answer = ask(FakeServices(tmp_path, slm=slm, llm=llm, policy=small_first))
    assert answer["status"] == "accepted", answer["reasons"]
    assert [section["by"] for section in answer["output"]["sections"]] == ["slm", "llm"]


def test_the_slm_mends_what_the_llm_may_not_see(tmp_path: Path) -> None:
    again = [prose(120, "b"), TOP]
    services = FakeServices(tmp_path, slm=[TWO, prose(120, "a"), DOWN, TOP, *again])
    answer = ask(services, text=CARD + BRIEF)
    assert answer["status"] == "unverified", answer["reasons"]
    assert services.fakes["llm"].prompts == []


def test_a_text_that_broke_off_in_mid_sentence_is_gone_on_with(tmp_path: Path) -> None:
    draft = f"# Club\n\n## How it works\n\n{prose(60, 'a')} And th"
    services = FakeServices(
        tmp_path, llm=[outline("Who waters"), prose(100, "c"), prose(110, "b"), TOP]
    )
    turns = [{"role": "user", "content": BRIEF}, {"role": "assistant", "content": draft}]
    answer = ask(services, text="go on", messages=turns)
    assert answer["status"] == "accepted", answer["reasons"]
    first, second = answer["output"]["sections"]
    assert first["text"] == f"{prose(60, 'a')}\n\n{prose(100, 'c')}"
    assert second["title"] == "Who waters"


def test_a_text_that_lacks_hardly_anything_gets_no_further_section(tmp_path: Path) -> None:
    draft = f"## How it works\n\n{prose(250, 'a')}"
    turns = [{"role": "user", "content": BRIEF}, {"role": "assistant", "content": draft}]
    answer = ask(FakeServices(tmp_path, llm=[TOP]), text="continue", messages=turns)
    assert answer["status"] == "accepted", answer["reasons"]
    assert len(answer["output"]["sections"]) == 1


def test_numbers_that_do_not_check_wait_for_a_person(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, llm=["answer = 3 * 60 * 17", "3 * 60 = 190\nAnswer: 190"])
    answer = ask(services, text="3 sprints of 60 m: how many meters?", task="reasoning")
    assert (answer["status"], answer["output"]) == ("needs_review", None)
    assert answer["draft"]["answer"] == "3060"


def test_a_text_of_twelve_sections_stays_within_the_least_limit_of_steps(tmp_path: Path) -> None:
    titles = [f"Title {letter}" for letter in "abcdefghijkl"]
    sections = [prose(250, letter) for letter in "abcdefghijkl"]
    services = FakeServices(tmp_path, llm=[outline(*titles), *sections, TOP])
    request = {**REQUEST, "text": "Write 3000 words."}
    answer = build(services).compile().invoke({"request": request}, {"recursion_limit": 15})
    assert answer["answer"]["status"] == "accepted", answer["answer"]["reasons"]
    assert len(answer["answer"]["output"]["sections"]) == 12


def test_a_length_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    answer = ask(services, text="Write 90,000 words on gardens.")
    assert answer["error"] is not None
    assert answer["error"]["code"] == "invalid_request"
    assert "longform.max_words" in answer["error"]["remedy"]


def test_an_unknown_way_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot lead"):
        route_section({"request": {"text": ""}, "next": "sleep"})
