"""Where findings overlap, none of them gets out under the name of another."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tandem.errors import EgressBlocked
from tandem.privacy.assess import assess
from tandem.privacy.detectors import Finding, _merged, scan
from tandem.privacy.egress import Guard
from tandem.privacy.masking import mask
from tandem.privacy.redaction import Vault
from tandem.settings import Leave
from tests.unit.ledger.rows import profile


def guard(leave: Mapping[str, Leave]) -> Guard:
    return Guard(("none", "internal"), scan, leave=leave)


@pytest.mark.parametrize(
    ("text", "leave", "held"),
    [
        ("my savings: +44 20 7946 0958", {"PHONE": "allow"}, "FINANCIAL"),
        ("patient John.doe@x.com lost a leg", {"EMAIL": "allow"}, "HEALTH"),
        ("patient John.doe@x.com lost a leg", {"EMAIL": "redact"}, "HEALTH"),
    ],
)
def test_a_blocked_type_is_not_carried_out(
    text: str, leave: Mapping[str, Leave], held: str
) -> None:
    with pytest.raises(EgressBlocked, match=held):
        guard(leave).release_all([text], profile(), "model llm", Vault())
    assert assess({"text": text}, scan=scan, lifts=guard(leave).lifts).floor == "personal"


def test_what_lies_under_an_allowed_type_and_is_to_be_redacted_is_redacted() -> None:
    found = _merged(
        [Finding("EMAIL", 0, 5, 1.0, "personal"), Finding("OWN", 3, 9, 1.0, "personal")]
    )
    (finding,) = found
    own = Guard(("none",), lambda _: [finding], leave={"EMAIL": "allow", "OWN": "redact"})
    assert own.release_all(["abcdefghi!"], profile(), "out", Vault()) == ["<EMAIL_1>!"]


def test_all_types_of_a_chain_of_overlaps_are_kept_once() -> None:
    (found,) = _merged(
        [
            Finding("A", 0, 4, 0.7, "internal"),
            Finding("B", 2, 8, 0.9, "personal"),
            Finding("A", 6, 9, 0.7, "internal"),
            Finding("C", 8, 12, 0.8, "personal"),
        ]
    )
    assert (found.type, found.start, found.end) == ("B", 0, 12)
    assert found.also == (("A", "internal"), ("C", "personal"))


@pytest.mark.parametrize(
    ("number", "kind"),
    [("DE89 3704 0044 0532 0130 00", "IBAN"), ("5105 1051 0510 5100", "PAYMENT_CARD")],
)
def test_a_proven_number_is_not_also_the_phone_that_its_digits_look_like(
    number: str, kind: str
) -> None:
    out = guard({kind: "redact"}).release_all([f"pay {number} now"], profile(), "out", Vault())
    assert out == [f"pay <{kind}_1> now"]


def test_a_masked_statement_goes_on_to_its_end_whatever_covers_its_beginning() -> None:
    assert mask("He is patient John.doe@x.com lost a leg. Bye.", scan).endswith("]. Bye.")
