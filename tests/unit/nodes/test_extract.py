"""The extraction task on a fake tier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from tandem.errors import DocumentError, InvalidRequest, ModelUnavailable
from tandem.nodes.extract import Extract
from tandem.nodes.ready_examples import READY_EXAMPLES
from tandem.nodes.ready_schemas import READY_SCHEMAS
from tandem.nodes.task import Prepared, Task
from tandem.records import Document, Message, Profile, Request, Verdict
from tests.unit.fakes import FakeTierCall, completion

SNAPSHOTS = Path(__file__).parent / "snapshots"
RECEIPT = """BRIGHT STATIONERY LTD
14 MARKET STREET,
10450 RIVERTON
DATE : 02/03/2016 10:42:11 AM
SUB TOTAL 1.012,40
GST 6% 60,74
TOTAL RM 1.073,14
"""
TWO_TOTALS = f"{RECEIPT}TOTAL ROUNDED RM 1.073,15\n"
TAXED = {
    **READY_SCHEMAS["receipt"],
    "properties": {**READY_SCHEMAS["receipt"]["properties"], "tax": {"type": "number"}},
}
"""A caller's own schema: a receipt with its tax."""
COPIED = {
    "company": "BRIGHT STATIONERY LTD",
    "address": "14 MARKET STREET, 10450 RIVERTON",
    "date": "02/03/2016 10:42:11 AM",
    "currency": "RM",
    "tax": "60,74",
    "total": "RM 1.073,14",
}
OUTPUT = {
    "company": "BRIGHT STATIONERY LTD",
    "address": "14 MARKET STREET, 10450 RIVERTON",
    "date": "2016-03-02",
    "currency": "MYR",
    "tax": 60.74,
    "total": 1073.14,
}
NO_PROFILE = cast(Profile, {})


def read(document: Document) -> str:
    if "text" not in document:
        raise DocumentError("The document has no text.")
    return document["text"]


TASK = Extract(read=read)


def prepared(**request: Any) -> Prepared:
    fields = {"text": RECEIPT, "output_schema": TAXED, **request}
    return TASK.prepare(cast(Request, fields), NO_PROFILE)


def gates(copied: Any, ready: Prepared | None = None, **completed: Any) -> list[str]:
    ready = ready or prepared()
    reply = completion(copied if isinstance(copied, str) else json.dumps(copied), **completed)
    attempt = TASK.attempt(ready, FakeTierCall([reply]))
    return [failure["gate"] for failure in TASK.check(ready, attempt)]


def asked(ready: Prepared) -> list[Message]:
    tier = FakeTierCall(["{}"])
    TASK.attempt(ready, tier)
    return list(tier.prompts[0].messages)


def test_it_is_a_task() -> None:
    task: Task = TASK
    assert (task.name, task.node, task.first_tier) == ("extraction", "extract", "slm")


def test_values_are_copied_by_the_model_and_converted_by_code() -> None:
    tier = FakeTierCall([json.dumps(COPIED)])
    ready = prepared()
    attempt = TASK.attempt(ready, tier)
    assert attempt["output"] == OUTPUT
    assert TASK.check(ready, attempt) == []
    assert json.loads(json.dumps(ready)) == ready  # it travels in the graph's state
    assert tier.prompts[0].schema == ready["generation_schema"]
    assert attempt["signals"]["min_logprob"] == -0.01


def rendered_prompt() -> str:
    tier = FakeTierCall([json.dumps(COPIED)])
    TASK.attempt(prepared(output_schema="receipt"), tier)
    turns = [f"[{turn['role']}]\n{turn['content']}" for turn in tier.prompts[0].messages]
    return "\n".join([*turns, "[schema]", json.dumps(tier.prompts[0].schema, indent=1), ""])


def test_the_prompt_is_the_stored_one() -> None:
    assert rendered_prompt() == (SNAPSHOTS / "extract_receipt.txt").read_text(encoding="utf-8")


def test_the_caller_s_examples_take_the_ready_one_s_place() -> None:
    output = {"company": "KIOSK", "date": "2020-05-01", "total": 3.5}
    example = {"text": "KIOSK\nTOTAL 3,50\n1 May 2020", "output": output}
    ready = prepared(output_schema="receipt", examples=[example])
    assert asked(ready)[1:-1] == [
        {"role": "user", "content": example["text"]},
        {
            "role": "assistant",
            "content": '{"company":"KIOSK","address":null,"date":"1 May 2020","currency":null,'
            '"total":"3,50"}',
        },
    ]


def test_documents_are_read_and_follow_the_text() -> None:
    ready = prepared(text="", documents=[{"name": "a.txt", "text": RECEIPT}])
    assert ready["source"] == RECEIPT.strip("\n")
    with pytest.raises(DocumentError):
        prepared(documents=[{"name": "scan.pdf", "data": ""}])


@pytest.mark.parametrize("text", ["", " \n "])
def test_nothing_to_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="nothing to extract from"):
        prepared(text=text)


@pytest.mark.parametrize("schema", [None, "", {}, "bill"])
def test_a_missing_or_unknown_schema_lists_the_ready_ones(schema: Any) -> None:
    with pytest.raises(InvalidRequest, match="contact_form, invoice, invoice_lines, purchase"):
        prepared(output_schema=schema)


@pytest.mark.parametrize("name", sorted(READY_SCHEMAS))
def test_ready_examples_pass_their_own_gates(name: str) -> None:
    for example in READY_EXAMPLES[name]:
        ready = prepared(text=example["text"], output_schema=name, examples=[example])
        answer = asked(ready)[-2]["content"]
        Draft202012Validator(ready["generation_schema"]).validate(json.loads(answer))
        assert gates(answer, ready) == []


@pytest.mark.parametrize("tax", ["6", "6%"])
def test_the_tax_rate_for_the_amount_is_left_out_and_named(tax: str) -> None:
    ready = prepared()
    attempt = TASK.attempt(ready, FakeTierCall([json.dumps({**COPIED, "tax": tax})]))
    assert attempt["output"] == {name: OUTPUT[name] for name in OUTPUT if name != "tax"}
    assert attempt["signals"]["dropped:tax"] == 1.0
    assert TASK.check(ready, attempt) == []


@pytest.mark.parametrize(("tax", "gate"), [("6", "grounded"), ("6%", "schema")])
def test_the_tax_rate_for_a_required_amount_is_refused(tax: str, gate: str) -> None:
    required = {**TAXED, "required": [*TAXED["required"], "tax"]}
    assert gates({**COPIED, "tax": tax}, prepared(output_schema=required)) == [gate]


def test_the_llm_may_give_a_total_that_the_second_view_ranks_lower() -> None:
    ready = prepared(text=TWO_TOTALS)
    reply = json.dumps({**COPIED, "tax": None})
    small = TASK.attempt(ready, FakeTierCall([reply], name="slm"))
    large = TASK.attempt(ready, FakeTierCall([reply], name="llm"))
    assert [failure["gate"] for failure in TASK.check(ready, small)] == ["second_view"]
    assert TASK.check(ready, large) == []


def test_the_document_date_and_the_total_are_chosen_from_the_document() -> None:
    fields = prepared(output_schema="receipt")["generation_schema"]["properties"]
    assert fields["date"]["enum"] == ["02/03/2016"]
    assert fields["total"]["enum"] == ["1.012,40", "60,74", "1.073,14"]
    assert fields["company"]["type"] == "string"
    bare = prepared(text="A receipt", output_schema="receipt")["generation_schema"]["properties"]
    assert "enum" not in bare["date"]
    assert "enum" not in bare["total"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"date": "03/03/2016"}, ["grounded", "second_view"]),
        ({"company": "BRIGHT STATIONERS"}, ["grounded"]),
        ({"company": ""}, ["schema"]),
        ({"company": "10450"}, ["schema"]),
        ({"company": "STATIONERY LTD"}, ["second_view"]),
        ({"date": "14 MARKET STREET"}, ["schema"]),
        ({"total": "ten"}, ["schema", "grounded"]),
    ],
)
def test_wrong_values_are_refused(change: dict[str, Any], expected: list[str]) -> None:
    assert gates({**COPIED, **change}) == expected


@pytest.mark.parametrize(
    ("total", "expected"),
    [("1.073,41", ["grounded", "second_view"]), ("1.012,40", ["second_view"])],
)
def test_a_wrong_total_is_refused_where_more_than_one_may_be_right(
    total: str, expected: list[str]
) -> None:
    assert gates({**COPIED, "total": total}, prepared(text=TWO_TOTALS)) == expected


def test_the_only_total_that_code_sees_takes_the_place_of_a_wrong_one_of_the_slm() -> None:
    ready, reply = prepared(), json.dumps({**COPIED, "total": "1.012,40"})
    small = TASK.attempt(ready, FakeTierCall([reply], name="slm"))
    assert (small["output"], TASK.check(ready, small)) == (OUTPUT, [])
    assert small["signals"]["total_seen"] == 1.0
    large = TASK.attempt(ready, FakeTierCall([reply], name="llm"))
    assert large["output"]["total"] == 1012.4
    assert [failure["gate"] for failure in TASK.check(ready, large)] == ["second_view"]


def test_half_an_address_is_left_out_and_named() -> None:
    ready = prepared()
    attempt = TASK.attempt(ready, FakeTierCall([json.dumps({**COPIED, "address": "10450"})]))
    assert "address" not in attempt["output"]
    assert attempt["signals"]["dropped:address"] == 1.0
    assert TASK.check(ready, attempt) == []


def test_an_absent_optional_value_is_dropped() -> None:
    assert gates({**COPIED, "address": None, "tax": None}) == []


@pytest.mark.parametrize("text", ["", "no JSON", '{"company":"BRI', '"text"', '{"total":NaN}'])
def test_what_is_no_json_is_refused_and_no_error(text: str) -> None:
    assert gates(text) == ["schema"]


def test_a_cut_off_answer_and_an_empty_one_are_refused() -> None:
    assert gates(COPIED, finish="length") == ["not_truncated"]
    optional = {"properties": {"note": {"type": "string"}}}
    assert gates({"note": None}, prepared(output_schema=optional)) == ["empty"]


def repaired(copied: dict[str, Any], again: dict[str, Any], **request: Any) -> Any:
    """What the LLM is asked, and the attempt that comes of it, after the SLM copied `copied`."""
    ready, tier = prepared(**request), FakeTierCall([json.dumps(again)], name="llm")
    rejected = TASK.attempt(ready, FakeTierCall([json.dumps(copied)]))
    verdict = Verdict(
        attempt_id=rejected["id"],
        accepted=False,
        score=None,
        threshold=None,
        failed=TASK.check(ready, rejected),
    )
    assert verdict["failed"]
    attempt = TASK.repair(ready, rejected, verdict, tier)
    return tier.prompts[0], attempt, TASK.check(ready, attempt)


def test_repair_asks_for_the_refused_fields_only_and_keeps_the_others() -> None:
    copied, again = {**COPIED, "total": "9.999,99"}, {"total": "RM 1.073,14"}
    prompt, attempt, failed = repaired(copied, again, text=TWO_TOTALS)
    assert list(prompt.schema["properties"]) == ["total"]
    assert "company" not in prompt.messages[0]["content"]
    assert "total" in prompt.messages[-1]["content"].removeprefix(TWO_TOTALS.strip())
    assert (attempt["tier"], attempt["output"], failed) == ("llm", OUTPUT, [])
    assert attempt["signals"]["fields_asked_again"] == 1.0


def test_repair_asks_for_a_dropped_optional_field_as_well() -> None:
    copied = {**COPIED, "total": "9.999,99", "address": "99 NOWHERE ROAD"}
    again = {"total": "RM 1.073,14", "address": COPIED["address"]}
    prompt, attempt, failed = repaired(copied, again, text=TWO_TOTALS)
    assert list(prompt.schema["properties"]) == ["address", "total"]
    assert (attempt["output"], failed) == (OUTPUT, [])


@pytest.mark.parametrize("copied", ["no JSON", "[]"])
def test_repair_asks_for_everything_where_nothing_can_be_kept(copied: str) -> None:
    ready, tier = prepared(), FakeTierCall([json.dumps(COPIED)], name="llm")
    rejected = TASK.attempt(ready, FakeTierCall([copied]))
    failed = TASK.check(ready, rejected)
    verdict = Verdict(
        attempt_id=rejected["id"], accepted=False, score=None, threshold=None, failed=failed
    )
    attempt = TASK.repair(ready, rejected, verdict, tier)
    assert attempt["output"] == OUTPUT


def test_repair_that_gets_no_json_is_refused() -> None:
    ready = prepared()
    rejected = TASK.attempt(ready, FakeTierCall([json.dumps({**COPIED, "total": "9.999,99"})]))
    verdict = Verdict(
        attempt_id=rejected["id"],
        accepted=False,
        score=None,
        threshold=None,
        failed=TASK.check(ready, rejected),
    )
    attempt = TASK.repair(ready, rejected, verdict, FakeTierCall(["no JSON"], name="llm"))
    assert [failure["gate"] for failure in TASK.check(ready, attempt)] == ["schema"]


def test_of_a_long_document_repair_shows_the_lines_that_can_hold_the_field() -> None:
    prose = "\n".join(["The goods are as described in the catalogue of the seller."] * 100)
    head = "\n".join(["BRIGHT STATIONERY LTD", *["Words about the shop."] * 20])
    text = f"{head}\n{TWO_TOTALS}\n{prose}\n" + "\n".join(["Thank you."] * 20)
    copied = {**COPIED, "total": "1"}
    prompt, attempt, failed = repaired(copied, {"total": "RM 1.073,14"}, text=text)
    shown = prompt.messages[-1]["content"]
    assert "TOTAL RM 1.073,14" in shown
    assert "[...]" in shown
    assert len(shown) < len(text) / 2
    assert (attempt["output"]["total"], failed) == (1073.14, [])


def test_a_failing_model_is_raised() -> None:
    with pytest.raises(ModelUnavailable):
        TASK.attempt(prepared(), FakeTierCall([ModelUnavailable("The SLM is down.")]))
