"""What was redacted once is redacted where nothing around it tells what it is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import EgressBlocked
from tandem.models.client import RawReply
from tandem.models.guarded import GuardedClient
from tandem.models.tier import Prompt
from tandem.nodes.texts import head_and_tail
from tandem.privacy.assess import assess
from tandem.privacy.detectors import scan
from tandem.privacy.egress import Guard
from tandem.privacy.known import folded
from tandem.privacy.redaction import Vault
from tandem.settings import Leave
from tests.unit.ledger.rows import profile

LEAVE: Mapping[str, Leave] = {"BIRTH_DATE": "redact", "PASSWORD": "redact", "IBAN": "redact"}
GUARD = Guard(("none", "internal"), scan, leave=LEAVE)
ASKED = "I was born on 12 March 1980 and my PIN is 4821. Extract both."
ANSWERED = 'Your last answer was {"date":"12 March 1980","code":"4821"}; correct it.'
IBAN = "DE89 3704 0044 0532 0130 00"


def released(*texts: str, vault: Vault | None = None) -> list[str]:
    return GUARD.release_all(texts, profile(), "model llm", vault or Vault())


def knowing(*values: str) -> Vault:
    vault = Vault()
    for value in values:
        vault.know("PASSWORD", value)
    return vault


@pytest.mark.parametrize("texts", [(ASKED, ANSWERED), (ANSWERED, ASKED)])
def test_a_value_is_redacted_where_its_context_is_missing(texts: tuple[str, ...]) -> None:
    vault = Vault()
    out = released(*texts, vault=vault)
    assert not any(said in text for text in out for said in ("4821", "1980"))
    assert [vault.restore(text) for text in out] == list(texts)


def test_what_a_request_holds_is_known_before_anything_is_sent() -> None:
    vault = Vault()
    assess({"text": ASKED}, scan=scan, lifts=GUARD.lifts, note=GUARD.noting(vault))
    assert vault.redacted() == {}
    (out,) = released('{"code":"4821"}', vault=vault)
    assert out == '{"code":"<PASSWORD_1>"}'


@given(
    st.lists(st.sampled_from(["", " ", "-", ".\n", "\u200b"]), min_size=3, max_size=3),
    st.text(alphabet="xyz <>1é", max_size=8),
    st.text(alphabet="xyz <>1é", max_size=8),
)
def test_no_spacing_lets_a_known_value_out(gaps: list[str], before: str, after: str) -> None:
    written = "".join(a + b for a, b in zip("48A1", [*gaps, ""], strict=True))
    text, vault = f"{before}{written}{after}", knowing("48a1")
    (out,) = released(text, vault=vault)
    assert "48a1" not in folded(out)
    assert vault.restore(out) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("that estimate", False),
        ("the latest", True),
        ("T-E-S-T", True),
        ("tes tament", False),
        ("tes[...]", False),
    ],
)
def test_a_short_word_is_not_found_at_the_seam_of_others(text: str, hidden: bool) -> None:
    assert (released(text, vault=knowing("test")) != [text]) is hidden


def test_values_that_overlap_are_replaced_as_one() -> None:
    vault = knowing("beta gamma 48")
    vault.know("IBAN", "alpha beta")
    assert released("to alpha beta gamma 48!", vault=vault) == ["to <PASSWORD_1>!"]


@pytest.mark.parametrize("tokens", range(20, 60))
def test_a_value_that_is_cut_leaves_no_piece(tokens: int) -> None:
    text, vault = f"{'x y ' * 20}pay {IBAN} now {'z w ' * 20}", Vault()
    assess({"text": text}, scan=scan, lifts=GUARD.lifts, note=GUARD.noting(vault))
    shown = head_and_tail(text, tokens)
    try:
        (out,) = released(shown, vault=vault)
    except EgressBlocked:
        assert tokens in (48, 49)  # what is left of it looks like a phone's number
        return
    whole, left = folded(IBAN), folded(out)
    assert not any(whole[at : at + 4] in left for at in range(len(whole) - 3))
    assert vault.restore(out) == shown


@pytest.mark.parametrize(
    "texts", [("the code 48", "21 is it"), (base64.b64encode(b"it is 4821 ok").decode(),)]
)
def test_a_known_value_in_two_texts_or_encoded_is_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(EgressBlocked, match="redacted elsewhere"):
        released(*texts, vault=knowing("4821"))
    released(*texts, vault=knowing("4822"))


class Silent:
    """A client that gives no answer."""

    def stream(self, *_: Any) -> RawReply:
        return RawReply("{}", "m", "stop", {"input_tokens": 1, "output_tokens": 1})


@pytest.mark.parametrize("value", [4821, "4821"])
def test_a_constraint_cannot_carry_a_known_value_out(value: Any) -> None:
    client: Any = Silent()
    door = GuardedClient(client, GUARD, private=False, outlet="model llm")
    asked = Prompt([{"role": "user", "content": ASKED}], 5, schema={"enum": [value]})
    with pytest.raises(EgressBlocked, match="schema"):
        door.stream(asked, profile(), 1e12)
    fine = Prompt([{"role": "user", "content": ASKED}], 5, schema={"enum": [4822]})
    assert door.stream(fine, profile(), 1e12).text == "{}"
