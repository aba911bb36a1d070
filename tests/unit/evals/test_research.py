"""Research is measured: rows, evaluators, and the baseline that reads whole pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import KnowledgeError
from tandem.evals.evaluators import make
from tandem.evals.loading import load_cases
from tandem.evals.on_pages import PAGES, on_pages
from tandem.evals.policies import applies
from tandem.evals.targets import make_target
from tandem.nodes.draft import Draft
from tandem.nodes.research.task import Research
from tandem.services import Services
from tests.unit.evals.cases import case
from tests.unit.evals.fakes import RulePool, RuleTier, bench
from tests.unit.fakes import FakeTierCall
from tests.unit.nodes.research.pieces import passage

HANDBOOK = Path(__file__).parents[3] / "demo" / "handbook"
FACT = {"source": "lockers.md", "quote": "A locker costs 8 dollars"}
CITED = {"source": "lockers.md", "quote": "A locker costs 8 dollars a month."}
USED = {"input_tokens": 100, "output_tokens": 20}


def scored(name: str, output: Any, values: Any, facts: Any = (FACT,)) -> float | None:
    reference = {"expected": {"values": values, "facts": list(facts)}}
    route = [{"tier": "llm", "usage": USED}, {"tier": "slm", "usage": USED}] * 2
    said: Any = make(name, {})({"output": output, "route": route}, reference, {})
    score: float | None = said["score"]
    return score


def answered(text: str, *citations: dict[str, str]) -> dict[str, Any]:
    return {"text": text, "found": True, "citations": list(citations)}


NOT_FOUND = {"text": "Nothing was found.", "found": False, "citations": []}


def test_every_gold_quote_stands_in_the_committed_handbook_word_for_word() -> None:
    cases = load_cases("handbook_research").cases
    assert len(cases) == 40
    for one in cases:
        for fact in one["expected"]["facts"]:
            assert fact["quote"] in (HANDBOOK / fact["source"]).read_text(encoding="utf-8"), one
    unanswerable = [one for one in cases if one["expected"]["values"] is None]
    assert len(unanswerable) == 12
    assert not any(one["expected"]["facts"] for one in unanswerable)
    assert all(one["expected"]["facts"] for one in cases if one not in unanswerable)


@pytest.mark.parametrize(
    ("output", "values", "score"),
    [
        (answered("A locker costs 8 dollars, 1,200.50 a year."), ["8", "1200.5"], 1.0),
        (answered("It costs eight dollars."), ["8"], 1.0),
        (answered("It costs 8 dollars."), ["8", "96"], 0.0),
        (answered("It costs 80 dollars."), ["8"], 0.0),
        (answered("The porter has it."), ["the PORTER"], 1.0),
        (NOT_FOUND, ["8"], 0.0),
        (NOT_FOUND, None, 1.0),
        (answered("It costs 8 dollars."), None, 0.0),
        (None, None, 0.0),
    ],
)
def test_an_answer_is_right_with_every_value(output: Any, values: Any, score: float) -> None:
    assert scored("values_right", output, values) == score


def test_a_citation_is_right_that_holds_the_fact() -> None:
    assert scored("citations_right", answered("8", CITED), ["8"]) == 1.0
    elsewhere = {**CITED, "source": "gym.md"}
    assert scored("citations_right", answered("8", elsewhere), ["8"]) == 1.0
    reworded = {"source": "gym.md", "quote": "8 dollars: a locker costs so much"}
    assert scored("citations_right", answered("8", reworded), ["8"]) == 0.0
    short = {"source": "gym.md", "quote": "8 dollars"}
    assert scored("citations_right", answered("8", short), ["8"], (FACT | short,)) == 1.0
    assert scored("citations_right", answered("8", CITED), ["8"], (short,)) == 0.0
    other = {"source": "gym.md", "quote": "A card costs 5 dollars"}
    assert scored("citations_right", answered("8", CITED), ["8"], (FACT, other)) == 0.5
    assert scored("citations_right", NOT_FOUND, ["8"]) == 0.0
    assert scored("citations_right", None, ["8"]) == 0.0
    assert scored("citations_right", NOT_FOUND, None, ()) is None


def test_tokens_are_counted_by_tier() -> None:
    assert scored("llm_tokens", None, None) == 240
    assert scored("slm_tokens", None, None) == 240


def prepared(*sources: str, text: str = "middle") -> dict[str, Any]:
    return {"passages": [passage(f"{one}#1", text, start=5000) for one in sources], "readings": []}


def test_pages_stand_in_the_place_of_passages_each_once() -> None:
    task, call = Research(Services()), FakeTierCall()
    made = on_pages(task, prepared("a", "a", "b", "c", "d", "e"), lambda name: f"page {name}", call)
    assert [one["text"] for one in made["passages"]] == [f"page {n}" for n in "abcd"]
    assert len(made["passages"]) == PAGES


def test_a_long_page_is_cut_around_its_passage() -> None:
    page = "x" * 5000 + "middle" + "x" * 50_000
    call = FakeTierCall(context_tokens=4000)
    (made,) = on_pages(Research(Services()), prepared("a"), lambda _: page, call)["passages"]
    assert "middle" in made["text"]
    assert len(made["text"]) == (4000 - 1500) * 3 // PAGES


def test_other_tasks_have_no_pages() -> None:
    given = {"text": "Hello"}
    assert on_pages(Draft(), given, lambda _: "", FakeTierCall()) is given
    assert not applies("llm_on_pages", case())
    assert applies("llm_on_pages", case(task="research"))


def test_the_baseline_reads_pages_in_one_prompt(tmp_path: Path, monkeypatch: Any) -> None:
    from tests.unit.nodes.knowledge import hit

    reply = json.dumps({"found": "all", "text": "It costs 8 dollars [1]."})
    llm = RuleTier("llm", lambda _: reply, private=False)
    made = bench(tmp_path, RulePool(RuleTier("slm", lambda _: reply), llm))
    text = "A locker costs 8 dollars a month."

    class Pages:
        def read(self, source: str) -> str:
            return f"{text} The porter has the key. ({source})"

    found = [hit("lockers.md", "Lockers", text, 0.8)]
    for services in (made.services, made.baseline):
        monkeypatch.setattr(services, "search", lambda *_: found)
        services.__dict__["knowledge"] = Pages()
    row = case(task="research", request={"text": "What does a locker cost?", "task": "research"})
    try:
        result = make_target("llm_on_pages", made, lambda _: True)(row)
        passages = make_target("llm_only", made, lambda _: True)(row)
    finally:
        made.close()
    assert (result["policy"], result["status"]) == ("llm_on_pages", "unverified")
    assert result["output"]["citations"][0]["quote"].endswith("(lockers.md)")
    assert [step["failed"] for step in result["route"]] == [[]]
    assert passages["output"]["citations"][0]["quote"] == text
    assert len(llm.bound) > 0


def test_without_an_index_the_suite_says_so(tmp_path: Path) -> None:
    made = bench(tmp_path, RulePool(RuleTier("slm", str), RuleTier("llm", str)))
    row = case(task="research", request={"text": "What does a locker cost?", "task": "research"})
    with pytest.raises(KnowledgeError):
        make_target("llm_on_pages", made, lambda _: True)(row)
    made.close()
