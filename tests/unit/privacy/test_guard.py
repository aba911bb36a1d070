from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import DocumentError, EgressBlocked
from tandem.privacy.assess import assess
from tandem.privacy.detectors import Finding, scan
from tandem.privacy.egress import Guard
from tandem.privacy.masking import MaskFilter, mask, mask_values
from tandem.records import Document, Request, Sensitivity
from tests.unit.ledger.rows import profile

CARD = "4111111111111111"
NONE: tuple[Sensitivity, ...] = ("none",)
PUBLIC = Guard(("none", "internal"), scan)


def broken(text: str) -> list[Finding]:
    raise ValueError(f"cannot scan {text}")


def test_what_is_not_sensitive_leaves_unchanged() -> None:
    text = "How do I claim travel costs? Ask Mr. Smith."
    assert PUBLIC.release(text, profile(), "model llm") is text


@given(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(["", " ", "-", "\n", "\u200b", "   ", "\u2014"]), min_size=15, max_size=15
    ),
    st.text(max_size=40),
)
def test_a_card_in_any_spacing_never_passes(before: str, gaps: list[str], after: str) -> None:
    written = "".join(a + b for a, b in zip(CARD, [*gaps, ""], strict=True))
    with pytest.raises(EgressBlocked) as caught:
        PUBLIC.release(f"{before}. Card: {written}. {after}", profile(), "model llm")
    assert written not in str(caught.value)


@given(st.sampled_from(["none", "internal", "personal", "secret", "what"]))
def test_the_profile_s_word_counts_too(level: str) -> None:
    described = profile(sensitivity=level)
    if level in ("none", "internal"):
        assert PUBLIC.release("hello", described, "out") == "hello"
    else:
        with pytest.raises(EgressBlocked, match="out"):
            PUBLIC.release("hello", described, "out")


def test_a_low_profile_never_opens_the_door() -> None:
    with pytest.raises(EgressBlocked, match=r"personal \(EMAIL\)"):
        PUBLIC.release("alice@example.com", profile(), "out")


def test_what_may_be_seen_is_a_setting() -> None:
    guard = Guard(("none", "personal"), scan)
    assert guard.release("alice@example.com", profile(), "out")
    with pytest.raises(EgressBlocked):
        guard.release("Mr. Smith", profile(), "out")


def test_a_detector_that_raises_blocks_and_tells_no_text() -> None:
    with pytest.raises(EgressBlocked, match="could not be checked") as caught:
        Guard(("none", "internal", "personal"), broken).release("planted", profile(), "out")
    assert "planted" not in str(caught.value)
    shown: BaseException | None = caught.value
    assert shown is not None
    assert shown.__cause__ is None
    assert shown.__context__ is None


def test_findings_that_are_none_block() -> None:
    nothing: Any = lambda _text: None  # noqa: E731
    with pytest.raises(EgressBlocked, match="could not be checked"):
        Guard(NONE, nothing).release("hello", profile(), "out")


def test_a_text_too_long_to_check_is_blocked() -> None:
    guard = Guard(NONE, scan, max_chars=10)
    assert guard.release("a" * 10, profile(), "out")
    with pytest.raises(EgressBlocked, match="over 10 characters"):
        guard.release("a" * 11, profile(), "out")


def test_a_type_that_holds_text_is_not_told() -> None:
    def chatty(text: str) -> list[Finding]:
        return [Finding(f"found {text}", 0, 1, 1.0, "secret")]

    with pytest.raises(EgressBlocked, match="OTHER") as caught:
        Guard(NONE, chatty).release("planted", profile(), "out")
    assert "planted" not in str(caught.value)


MAIL = "alice@example.com"
PLACES: list[tuple[str, Request]] = [
    ("text", {"text": MAIL}),
    ("messages[1]", {"text": "", "messages": [
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": MAIL}]}),
    ("documents[0]", {"text": "", "documents": [{"name": "a.txt", "text": MAIL}]}),
    ("documents[0].name", {"text": "", "documents": [{"name": MAIL, "text": ""}]}),
    ("examples[0]", {"text": "", "examples": [{"text": "x", "output": {"to": MAIL}}]}),
    ("template", {"text": "", "template": MAIL}),
    ("slots[0]", {"text": "", "slots": {"to": MAIL}}),
    ("labels", {"text": "", "labels": ["a", MAIL]}),
    ("output_schema", {"text": "", "output_schema": {"default": MAIL}}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "request_"), PLACES, ids=[place for place, _ in PLACES])
def test_every_part_of_a_request_is_scanned(source: str, request_: Request) -> None:
    sensitivity, evidence, reasons, _ = assess(request_, scan=scan)
    assert sensitivity == "personal"
    assert [(each["type"], each["source"]) for each in evidence] == [("EMAIL", source)]
    assert reasons == ["personal: found 1 EMAIL"]


@given(st.sampled_from(["none", "internal", "personal", "secret"]))
def test_a_declaration_can_only_raise(declared: Any) -> None:
    found = assess({"text": MAIL, "sensitivity": declared}, scan=scan).sensitivity
    assert found == ("secret" if declared == "secret" else "personal")
    assert assess({"text": "hello", "sensitivity": declared}, scan=scan).sensitivity == declared


def test_documents_as_bytes_are_read_or_count_as_secret() -> None:
    request: Request = {"text": "", "documents": [{"name": "a.pdf", "data": "JVBERi0="}]}
    assert assess(request, scan=scan).sensitivity == "secret"
    assert assess(request, lambda _document: "hello", scan=scan).sensitivity == "none"
    found = assess(request, lambda _document: MAIL, scan=scan)
    assert found.evidence[0]["source"] == "documents[0]"


def test_a_document_that_cannot_be_read_is_the_caller_s_error() -> None:
    def unreadable(document: Document) -> str:
        raise DocumentError(f"{document['name']} is encrypted.")

    with pytest.raises(DocumentError):
        assess({"text": "", "documents": [{"name": "a.pdf", "data": ""}]}, unreadable, scan=scan)


def test_what_cannot_be_checked_counts_as_secret() -> None:
    failed = assess({"text": "planted"}, scan=broken)
    assert failed.sensitivity == "secret"
    assert "planted" not in " ".join(failed.reasons)
    assert assess({"text": "a" * 11}, max_chars=10, scan=scan).sensitivity == "secret"


def test_mask_puts_types_in_place_of_findings() -> None:
    masked = mask(f"Mail {MAIL} or pay with {CARD} now", scan)
    assert masked == "Mail [EMAIL] or pay with [PAYMENT_CARD] now"
    assert mask("hello", scan) == "hello"


@given(st.text(max_size=80), st.text(max_size=80))
def test_masked_text_holds_no_planted_card(before: str, after: str) -> None:
    assert CARD not in mask(f"{before} {CARD} {after}", scan)


def test_mask_hides_what_it_cannot_check() -> None:
    assert mask("planted", broken) == "[HIDDEN]"


def test_mask_values_reaches_every_text() -> None:
    value = {MAIL: [MAIL, (1, None, True, 0.5)], "card": int(CARD), "odd": object()}
    assert mask_values(value, scan) == {
        "[EMAIL]": ["[EMAIL]", [1, None, True, 0.5]],
        "card": "[HIDDEN]",
        "odd": "[object]",
    }


def test_log_records_and_tracebacks_are_masked() -> None:
    try:
        raise ValueError(f"bad mail {MAIL}")
    except ValueError:
        record = logging.LogRecord(
            "t", logging.ERROR, "f", 1, "for %s", (MAIL,), sys.exc_info(), sinfo=f"stack {MAIL}"
        )
    assert MaskFilter(scan).filter(record)
    told = logging.Formatter("%(message)s").format(record)
    assert told.startswith("for [EMAIL]")
    assert "bad mail [EMAIL]" in told
    assert MAIL not in told
