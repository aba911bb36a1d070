"""Lengths shared out over the sections, evidence for each, and what repair and templates do."""

from __future__ import annotations

from typing import Any

import pytest

from tandem.errors import KnowledgeError, ModelUnavailable
from tandem.nodes.longform.drafting import aim_of, body_words, fitted, mended
from tandem.nodes.longform.evidence import Evidence, marked
from tandem.nodes.longform.lengths import asked_length, word_count
from tandem.nodes.longform.templates import FALLBACK, filled
from tandem.nodes.longform.writing import Section
from tandem.settings import LongformSettings
from tests.unit.fakes import FakeTierCall
from tests.unit.nodes.longform.texts import BRIEF, hit, prose

SETTINGS = LongformSettings()


class Base:
    """A knowledge base."""

    def __init__(self, *hits: Any) -> None:
        self.hits = list(hits)

    def search(self, text: str, k: int, tenant: str = "") -> list[Any]:
        if not self.hits:
            raise KnowledgeError("There is no index.", "Build one.")
        return self.hits[:k]


def evidence(*hits: Any, **settings: Any) -> Evidence:
    own = LongformSettings(**settings)
    return Evidence(searcher=Base(*hits), read=lambda document: document["text"], settings=own)


def planned(title: str, words: int = 100, template: str = "none") -> dict[str, Any]:
    return {
        "title": title,
        "purpose": f"Tells about {title}",
        "evidence": [],
        "words": words,
        "template": template,
    }


def plan(*sections: dict[str, Any], words: int = 300) -> dict[str, Any]:
    length = asked_length(f"{words} words", SETTINGS)
    return {"brief": BRIEF, "length": length, "passages": {}, "outline": list(sections)}


def section(title: str, words: int, aim: int = 100, by: str = "llm") -> Section:
    return Section(title=title, text=prose(words, title.lower()), aim=aim, by=by, repaired=False)


def test_what_a_section_leaves_over_is_shared_out() -> None:
    own = plan(planned("A"), planned("B"), planned("C"), words=400)
    goal = body_words(own)
    assert aim_of(own, []) == round(goal / 3)
    assert aim_of(own, [section("A", 60)]) == round((goal - 60) / 2)
    assert aim_of(own, [section("A", 150), section("B", 150)]) == max(goal - 300, 40)


def test_a_template_has_its_own_length() -> None:
    own = plan(planned("A", 60, "introduction"), planned("B"), planned("C"), words=400)
    assert aim_of(own, [section("A", 60)]) == round((body_words(own) - 60) / 2)


def test_a_text_that_is_too_short_grows_where_it_is_shortest() -> None:
    own = plan(planned("A"), planned("B"), words=300)
    tier = FakeTierCall([prose(90, "x")], name="llm")
    sections = fitted(own, [section("A", 100), section("B", 40)], tier)
    assert [word_count(one["text"]) for one in sections] == [100, 130]
    assert 'Write section 2, "B"' in tier.prompts[0].messages[1]["content"]


def test_a_text_that_is_too_long_is_cut_where_it_is_longest() -> None:
    own = plan(planned("A"), planned("B"), words=300)
    sections = fitted(own, [section("A", 100), section("B", 300)], FakeTierCall())
    total = sum(word_count(one["text"]) for one in sections)
    assert word_count(sections[0]["text"]) == 100
    assert total <= 1.15 * body_words(own)


def test_only_what_has_problems_is_written_anew() -> None:
    own = plan(planned("A"), planned("B"), planned("C", 60, "sign_off"))
    before = [section("A", 100), section("B", 30), section("C", 10, aim=60)]
    tier = FakeTierCall([prose(100, "n")], name="llm")
    after = mended(own, before, tier)
    assert after[0] == before[0]
    assert after[1]["text"] == prose(100, "n")
    assert after[2] == before[2]


def test_passages_come_from_documents_and_from_the_knowledge_base() -> None:
    documents: Any = [{"name": "club.txt", "text": "The garden club has members.\n" * 3}]
    found = evidence(hit(1, "Water."), hit(2, "Far off.", cosine=0.1)).gathered(
        {"text": BRIEF, "documents": documents}, BRIEF
    )
    assert [one["source"] for one in found.values()] == ["club.txt", "club.md"]
    assert list(found) == ["p1", "p2"]


def test_without_a_knowledge_base_there_are_only_documents() -> None:
    assert evidence().gathered({"text": BRIEF}, BRIEF) == {}


def test_a_section_gets_what_no_section_used() -> None:
    hits = [hit(number, f"Water number {number}.") for number in (1, 2, 3)]
    own = evidence(*hits, passages=2)
    first = own.for_section("Water", [], {}, set(), "")
    assert list(first) == ["p1", "p2"]
    second = own.for_section("Water", ["p1"], first, set(first), "")
    assert list(second) == ["p3", "p1"]


def test_a_passage_has_one_mark() -> None:
    passage: Any = {"id": "a#1", "source": "a", "heading": "A", "text": "x"}
    known = marked({}, [passage, passage])
    assert marked(known, [passage, {**passage, "id": "a#2"}]).keys() == {"p1", "p2"}


@pytest.mark.parametrize("reply", ["no JSON", ModelUnavailable("Down.", "Look.")])
def test_a_template_that_is_filled_badly_does_without(reply: Any) -> None:
    text = filled("introduction", BRIEF, ["A", "B", "C"], FakeTierCall([reply]))
    assert text == "The sections that follow deal with A, B and C."


def test_a_template_invents_no_figures() -> None:
    reply = '{"closing": "Thank you, all 4711 of you."}'
    assert filled("sign_off", BRIEF, ["A"], FakeTierCall([reply])) == FALLBACK["sign_off"]
