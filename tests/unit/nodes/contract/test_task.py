"""The task on one tier alone, and its gates."""

from __future__ import annotations

from typing import Any

from tandem.nodes.contract.task import ContractReview
from tests.unit.fakes import FakeTierCall
from tests.unit.ledger.rows import profile
from tests.unit.nodes.contract.samples import NDA, reader

LAW = "This Agreement shall be governed by the laws of the State of Texas and by no other."


def prepared(review: ContractReview, **request: Any) -> Any:
    return review.prepare({"text": NDA, **request}, profile())  # type: ignore[typeddict-item]


def test_a_tier_alone_is_asked_everything_and_taken_at_its_word() -> None:
    review = ContractReview(reader())
    known = prepared(review, labels=["nda-5", "nda-4"])
    call = FakeTierCall(["no, passage 1", "not mentioned"], name="slm")
    output = review.attempt(known, call)["output"]
    said = [(one["verdict"], one["by"]) for one in output["verdicts"]]
    assert said == [("contradiction", "slm"), ("not_mentioned", "slm")]
    assert output["coverage"]["by_slm"] == 2
    assert review.check(known, review.attempt(known, FakeTierCall(["no, passage 1"] * 2))) == []


def test_an_empty_checklist_asks_for_types_and_values() -> None:
    review = ContractReview(reader())
    known = prepared(review, text=LAW, labels=[])
    call = FakeTierCall(["Governing Law", '{"value": "Texas"}', *['{"value": null}'] * 2])
    output = review.attempt(known, call)["output"]
    assert output["verdicts"] == []
    assert output["clauses"][0]["types"][0]["type"] == "Governing Law"
    assert [(one["field"], one["value"], one["by"]) for one in output["values"]] == [
        ("governing_law", "Texas", "slm")
    ]


def test_one_shot_reads_the_whole_contract_in_one_call() -> None:
    review = ContractReview(reader())
    known = prepared(review, labels=["nda-5", "nda-4"])
    call = FakeTierCall(['{"1": "yes", "2": "not mentioned"}'], name="llm")
    output = review.one_shot(known, call)["output"]
    assert [one["verdict"] for one in output["verdicts"]] == ["entailment", "not_mentioned"]
    assert NDA in call.prompts[0].messages[1]["content"]


def test_a_quotation_that_does_not_stand_there_is_refused() -> None:
    review = ContractReview(reader(least=0.0))
    known = prepared(review, labels=["nda-5"])
    output = review.output(known, {}, {})
    call = FakeTierCall()
    assert review.check(known, call.attempt(output)) == []
    output["verdicts"][0]["evidence"][0]["quote"] = "Something else."
    output["values"][0]["start"] += 1
    gates = [each["gate"] for each in review.check(known, call.attempt(output))]
    assert gates == ["grounded", "grounded"]
    assert review.check(known, call.attempt(None))[0]["gate"] == "empty"


def test_absence_in_a_contract_that_was_not_read_is_refused() -> None:
    review = ContractReview(reader(least=0.0, max_segments=3))
    known = prepared(review, labels=["nda-5"])
    output = review.output(known, {}, {})
    output["verdicts"][0]["verdict"] = "not_mentioned"
    gates = [each["gate"] for each in review.check(known, FakeTierCall().attempt(output))]
    assert gates == ["absence"]
