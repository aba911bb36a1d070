"""What is sensitive in a row reaches LangSmith in no part of any request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.evals.masked import RowMasker, Withheld, shown
from tandem.privacy.assess import assess
from tandem.privacy.detectors import Finding, scan
from tandem.privacy.egress import Guard
from tests.langsmith_recorder import recorder
from tests.unit.evals.cases import case
from tests.unit.evals.uploads import SUITE, result, uploader

MAIL = "jane.doe@example.org"
IBAN = "DE89 3704 0044 0532 0130 00"
CARD = "4111 1111 1111 1111"
ALL = (MAIL, IBAN, IBAN.replace(" ", ""), CARD, CARD.replace(" ", ""))
TEXT = f"Write to {MAIL}, pay to {IBAN} or by card {CARD}."
GUARD = Guard(("none", "internal"), scan)
MASKER = RowMasker(GUARD)
TEXTS = SUITE.model_copy(update={"primary": "label_match", "evaluators": {}})


def everything(one: Any, done: Any) -> str:
    whole = [
        MASKER.inputs(one, [done]),
        MASKER.reference(one),
        MASKER.outputs(one, done),
        MASKER.comments(one, done),
        MASKER.tags(one),
    ]
    return json.dumps(whole, ensure_ascii=False)


def planted() -> tuple[Any, Any]:
    one = case(1, TEXT, expected={"mail": MAIL, IBAN: "a key"}, tags=[MAIL], secrets=[CARD])
    one["request"]["messages"] = [{"role": "user", "content": f"My card: {CARD}"}]
    step = {
        "tier": "slm",
        "purpose": "answer",
        "model": "m",
        "output": {"card": int(CARD.replace(" ", ""))},
        "accepted": False,
        "failed": [f"copied ({MAIL})"],
        "seconds": 1.0,
        "cost": 0.0,
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "calls": 1,
        "error": "",
    }
    done = result(
        "tandem",
        one,
        output={"iban": IBAN.replace(" ", ""), "mail": MAIL},
        draft=f"Dear {MAIL}",
        route=[step],
        reasons=[f"for {MAIL}"],
        comments={"label_match": f"said {IBAN}"},
        sensitivity="personal",
        error={"code": "x", "what": f"of {MAIL}", "remedy": CARD},
    )
    return one, done


def test_no_part_of_any_request_holds_what_was_planted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, done = planted()
    with recorder() as langsmith:
        monkeypatch.setenv("LANGSMITH_API_KEY", "a-key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        uploader(tmp_path, [one], [done], TEXTS).upload()
        assert len(langsmith.runs) == 1
        assert langsmith.holding(*ALL) == []
        assert langsmith.holding("[EMAIL]")


def test_what_was_found_in_the_request_is_hidden_where_it_stands_alone() -> None:
    # Without "account number" before it, no detector knows these digits.
    one = case(1, "My account number is 12-345-678, please.")
    number = "12-345-678"
    assert [one["request"]["text"][at.start : at.end] for at in scan(one["request"]["text"])] == [
        number
    ]
    for alone in (number, "12 345 678", 12345678, "x12345678"):
        assert not scan(str(alone))
        done = result("tandem", one, output={"answer": alone}, draft=[{"deep": f"<{alone}>"}])
        assert str(alone) not in json.dumps(MASKER.outputs(one, done))


def test_a_clean_row_is_shown_as_it_is() -> None:
    one = case(1, "A fine film, seen 3 times.", tools=[{"name": "rate"}])
    made = MASKER.inputs(one, [])
    assert made["request"] == one["request"]
    assert made["tools"] == [{"name": "rate"}]
    done = result("tandem", one, output={"score": 3, "share": 0.5, "ok": True, "none": None})
    assert MASKER.outputs(one, done)["output"] == done["output"]


def test_measured_figures_stay_numbers_and_identifiers_do_not() -> None:
    card = CARD.replace(" ", "")
    one = case(1)
    done = result("tandem", one, seconds=float(f"0.{card}"), output=[int(card), float(card)])
    said = MASKER.outputs(one, done)
    assert said["seconds"] == float(f"0.{card}")
    assert all(str(one).startswith("[") for one in said["output"])


@pytest.mark.parametrize("sensitivity", ["personal", "secret"])
def test_a_declaration_beyond_what_was_found_withholds(sensitivity: str) -> None:
    one = case(1)
    one["request"]["sensitivity"] = sensitivity  # type: ignore[typeddict-item]
    with pytest.raises(Withheld):
        MASKER.inputs(one, [])


def test_what_only_shows_across_texts_withholds() -> None:
    one = case(1, "1111 1111")
    one["request"]["messages"] = [{"role": "user", "content": "4111 1111"}]
    assert assess(one["request"], scan=scan).sensitivity == "personal"
    with pytest.raises(Withheld):
        MASKER.inputs(one, [])


def test_a_text_that_could_not_be_checked_withholds_the_row() -> None:
    long = case(1, "x" * 1_000_001)
    with pytest.raises(Withheld):
        MASKER.inputs(long, [])
    fine = case(2)
    with pytest.raises(Withheld):
        MASKER.outputs(fine, result("tandem", fine, output="x" * 1_000_001))

    def broken(text: str) -> Sequence[Finding]:
        raise ZeroDivisionError(text)

    with pytest.raises(Withheld):
        RowMasker(Guard(("none",), broken)).inputs(fine, [])


def test_what_only_the_guards_own_detector_finds_is_masked() -> None:
    def own(text: str) -> Sequence[Finding]:
        place = text.find("Project Quince")
        return [] if place < 0 else [Finding("PROJECT", place, place + 14, 1.0, "secret")]

    masker = RowMasker(Guard(("none", "internal"), own))
    one = case(1, "A film.")
    made = masker.outputs(one, result("tandem", one, output="On Project Quince."))
    assert made["output"] == "On [PROJECT]."


@pytest.mark.parametrize(
    ("public", "sensitivity", "error", "leaves"),
    [
        (True, "secret", False, True),
        (False, "none", False, True),
        (False, "personal", False, False),
        (False, "none", True, False),
    ],
)
def test_rows_with_documents(public: bool, sensitivity: Any, error: bool, leaves: bool) -> None:
    one = case(1, files=["/somewhere/scan.pdf"])
    one["request"]["documents"] = [{"name": "scan.pdf", "data": "cXVpbmNl"}]
    failed: Any = {"code": "document", "what": "", "remedy": ""}
    done = result("tandem", one, sensitivity=sensitivity, error=failed if error else None)
    masker = RowMasker(GUARD, public)
    if not leaves:
        with pytest.raises(Withheld):
            masker.inputs(one, [done])
        return
    said = masker.inputs(one, [done])
    assert said["documents"] == 2
    assert "cXVpbmNl" not in json.dumps(said)
    assert "somewhere" not in json.dumps(said)


def test_withheld_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [case(1, "x" * 1_000_001), case(2), case(3)]
    results = [result("tandem", one) for one in cases]
    results[2]["draft"] = "x" * 1_000_001
    with recorder() as langsmith:
        monkeypatch.setenv("LANGSMITH_API_KEY", "a-key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        made = uploader(tmp_path, cases, results).upload()
        assert (made.examples, made.withheld) == (2, 1)
        assert (made.experiments[0].sent, made.experiments[0].withheld) == (1, 2)
        assert len(langsmith.examples) == 2
        assert len(langsmith.runs) == 1


@given(st.text(max_size=60), st.sampled_from([MAIL, IBAN, CARD]))
@settings(max_examples=25, deadline=None)
def test_wherever_it_stands(around: str, secret: str) -> None:
    one = case(1, f"Reach me: {secret} .")
    done = result("tandem", one, output=[around, f"{around} {secret} {around}"])
    try:
        said = json.dumps(MASKER.outputs(one, done), ensure_ascii=False)
    except Withheld:
        return
    assert secret not in said


def test_policies_as_they_are_shown() -> None:
    assert shown("settings:/home/somebody/other.toml") == "settings-other"
    assert shown("random_mix:0.3") == "random_mix-0.3"
    assert shown("tandem") == "tandem"
