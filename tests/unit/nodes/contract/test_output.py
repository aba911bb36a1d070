from __future__ import annotations

from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.nodes.contract.asking import Judged
from tandem.nodes.contract.output import (
    CUT_SHORT,
    FEW_SEEN,
    NOT_ALL_READ,
    Prepared,
    findings,
    review,
)
from tandem.nodes.contract.reading import further_groups, question_of
from tandem.nodes.contract.report import READ_BY_HEAD, report
from tests.unit.nodes.contract.samples import NDA, prepared, reader

OWN = "The supplier pays a penalty."
EMPLOYEES = "nda-5"
"""The head says that it holds."""
ABSENT = "nda-8"
"""The head says that it is not mentioned."""


def judged(verdict: str, segment: int | None, by: str = "llm", shown: Any = (0,)) -> Judged:
    return {"item": "", "verdict": verdict, "segment": segment, "shown": list(shown), "by": by}


def only(known: Prepared, *said: Judged, least: float = 0.8) -> Any:
    return findings(known, {known["items"][0]["id"]: said}, least)[0]


def test_the_head_reads_every_clause_and_quotes_by_offsets() -> None:
    known = prepared(labels=[EMPLOYEES])
    found = only(known, least=0.0)
    assert (found["verdict"], found["by"]) == ("entailment", "head")
    assert found["evidence"][0]["number"] == "2(b)"
    one = found["evidence"][0]
    assert NDA[one["start"] : one["end"]] == one["quote"]
    assert "employees" in one["quote"]


def test_below_the_bar_the_head_only_suggests() -> None:
    found = only(prepared(labels=[EMPLOYEES]), least=1.0)
    assert (found["verdict"], found["by"], found["suggestion"]) == ("undecided", "", "entailment")
    assert found["evidence"]
    assert found["why"]


def test_the_llm_settles_what_the_head_does_not() -> None:
    known = prepared(labels=[EMPLOYEES])
    found = only(known, judged("contradiction", 3), least=1.0)
    assert (found["verdict"], found["by"]) == ("contradiction", "llm")
    assert found["evidence"][0]["start"] == known["segments"][3]["start"]


def test_the_slm_counts_only_where_it_agrees_with_the_head() -> None:
    known = prepared(labels=[EMPLOYEES])
    agrees = only(known, judged("entailment", 6, "slm"), least=1.0)
    assert (agrees["verdict"], agrees["by"]) == ("entailment", "slm")
    differs = only(known, judged("contradiction", 6, "slm"), least=1.0)
    assert (differs["verdict"], differs["suggestion"]) == ("undecided", "entailment")
    alone = only(prepared(labels=[OWN]), judged("entailment", 6, "slm"))
    assert (alone["verdict"], alone["suggestion"]) == ("undecided", "entailment")


def test_a_weak_llm_may_be_held_to_agree_too() -> None:
    known = prepared(labels=[EMPLOYEES])
    said = {EMPLOYEES: [judged("contradiction", 3)]}
    (free,) = findings(known, said, 1.0)
    (held,) = findings(known, said, 1.0, must_agree=("slm", "llm"))
    assert (free["verdict"], held["verdict"]) == ("contradiction", "undecided")


def test_absence_of_an_own_hypothesis_needs_every_segment_shown() -> None:
    known = prepared(labels=[OWN])
    some = only(known, judged("not_mentioned", None, shown=(0, 1)))
    assert (some["verdict"], some["why"]) == ("undecided", NOT_ALL_READ)
    every = range(len(known["segments"]))
    assert only(known, judged("not_mentioned", None, shown=every))["verdict"] == "not_mentioned"


def test_a_model_that_saw_a_few_sentences_calls_nothing_absent_against_the_head() -> None:
    known = prepared(labels=[EMPLOYEES])
    few = only(known, judged("not_mentioned", None, shown=(0, 1)), least=1.0)
    assert (few["verdict"], few["suggestion"], few["why"]) == ("undecided", "entailment", FEW_SEEN)
    every = range(len(known["segments"]))
    whole = only(known, judged("not_mentioned", None, shown=every), least=1.0)
    assert (whole["verdict"], whole["by"]) == ("not_mentioned", "llm")
    alike = only(prepared(labels=[ABSENT]), judged("not_mentioned", None, shown=(0,)), least=1.0)
    assert (alike["verdict"], alike["by"]) == ("not_mentioned", "llm")


def test_what_the_model_could_not_be_shown_is_told() -> None:
    known = prepared(labels=[OWN])
    stopped: Judged = {**judged("not_mentioned", None, shown=()), "stopped": "model_unavailable"}
    found = findings(known, {"own-1": [judged("not_mentioned", None), stopped]}, 0.8)
    assert (found[0]["verdict"], found[0]["why"]) == ("undecided", CUT_SHORT)
    assert review(known, found, {}, 0.7)["coverage"]["cut_short"] == 1


def test_nothing_is_absent_where_the_contract_was_not_read_to_its_end() -> None:
    known = prepared(max_segments=3)
    verdicts = {one["verdict"] for one in findings(known, {}, 0.0)}
    assert "not_mentioned" not in verdicts
    assert "undecided" in verdicts
    whole = review(known, findings(known, {}, 0.0), {}, 0.7)
    assert whole["coverage"]["segments_read"] == 3
    assert not whole["coverage"]["every_clause_read"]
    assert "**Not read:** everything after character" in report(whole)


def test_passages_are_few_and_entries_of_lists_come_with_their_introduction() -> None:
    known = prepared(labels=[OWN], passages=20)
    question = question_of(known, known["items"][0])
    assert "2. The Receiving Party shall: (a) use Confidential" in "\n".join(question["passages"])
    few = prepared(labels=[EMPLOYEES], passages=2)
    assert len(question_of(few, few["items"][0])["passages"]) == 2


def test_further_groups_hold_every_other_segment_once() -> None:
    known = prepared(labels=[OWN], passages=2)
    item = known["items"][0]
    places = [
        place
        for group in further_groups(known, known["passages"][item["id"]], 2)
        for place in group
    ]
    assert sorted([*places, *known["passages"][item["id"]]]) == list(range(len(known["segments"])))


def test_headings_have_no_type_and_values_have_places() -> None:
    known = prepared()
    assert known["clauses"][0]["id"] not in known["types"]
    values = {one["field"]: one for one in known["values"]}
    assert values["governing_law"]["value"] == "New York"
    assert values["governing_law"]["number"] == "4"
    assert values["notice_period"]["value"] == "60 days"
    assert values["renewal_term"]["value"] == "successive 1 year"
    assert values["effective_date"]["value"] == "2020-03-03"


def test_the_report_can_be_checked_line_by_line() -> None:
    known = prepared(labels=[EMPLOYEES, OWN])
    whole = review(known, findings(known, {}, 0.0), {}, 0.0)
    told = report(whole)
    one = whole["verdicts"][0]["evidence"][0]
    assert f'clause 2(b), characters {one["start"]} to {one["end"]}: "(b) disclose' in told
    assert "For a lawyer's review" in told
    assert "**needs a person's look**" in told
    assert "| Governing law | New York | clause 4, characters" in told


def test_the_report_says_who_read_what_is_absent() -> None:
    known = prepared(labels=[ABSENT, OWN])
    own, every = known["items"][1]["id"], range(len(known["segments"]))
    said = {
        ABSENT: [judged("not_mentioned", None)],
        own: [judged("not_mentioned", None, shown=every)],
    }
    parts = report(review(known, findings(known, said, 1.0), {}, 0.7)).split("### ")
    assert READ_BY_HEAD in parts[1]
    assert "- Every clause was read.\n" in parts[2]


def test_markdown_in_a_contract_stays_text() -> None:
    text = NDA.replace("employees who", "employees *only* | <b>[x](y)</b> who")
    known = prepared(text, labels=[EMPLOYEES])
    told = report(review(known, findings(known, {}, 0.0), {}, 0.7))
    assert "employees \\*only\\* \\| \\<b>\\[x](y)\\</b>" in told


@pytest.mark.parametrize("text", ["Hello.", "1.\n2.\n3.", "NDA"])
def test_a_text_without_a_clause_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no clause"):
        prepared(text)


def test_two_contracts_are_refused_and_questions_beside_one_are_asked() -> None:
    document: Any = {"name": "nda.txt", "text": NDA}
    with pytest.raises(InvalidRequest, match="one contract is reviewed at a time"):
        reader()({"text": "", "documents": [document, document]})
    known = reader()({"text": "May we hire subcontractors?", "documents": [document], "labels": []})
    assert [item["hypothesis"] for item in known["items"]] == ["May we hire subcontractors?"]
    assert known["text"] == NDA
