"""Who may be the seller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.sellers import is_no_seller, seller_of

RECEIPT = """#002 GARDENIA BAKERIES (KL) SDN BHD
Guest Name: Sanjay      Hotel: Grand Palace
Sold by Nile Web Services, Inc.
FAIR  PRICE | Corner Shop
"""
INVOICE = """ALEXINUX
27 rue Henri Rolland
Titulaire du compte : NETPRESSE - IBAN FR76
NETPRESSE
"""


@pytest.mark.parametrize(
    "name", ["Gardenia Bakeries (KL) Sdn Bhd", "Grand Palace", "Nile Web Services", "FAIR PRICE"]
)
def test_a_name_that_begins_a_line_or_column_or_follows_a_label_may_sell(name: str) -> None:
    text = RECEIPT.removeprefix("#002 ")
    assert not is_no_seller(name, text)


@pytest.mark.parametrize("name", ["KL", "Sanjay", "Bakeries", "Web Services"])
def test_a_piece_of_a_name_and_a_buyer_may_not(name: str) -> None:
    assert is_no_seller(name, RECEIPT)


def test_the_named_payee_is_the_seller() -> None:
    assert is_no_seller("Alexinux", INVOICE)
    assert not is_no_seller("Netpresse", INVOICE)
    assert not is_no_seller("Netpresse SARL", INVOICE)
    assert not is_no_seller("Alexinux", INVOICE.replace("Titulaire", ""))


def test_a_name_that_the_text_does_not_hold_is_another_gate_s_business() -> None:
    assert not is_no_seller("Elsewhere Ltd", RECEIPT)


def test_the_first_text_field_of_a_seller_counts() -> None:
    assert seller_of({"company": "A", "seller": 3, "vendor": "B"}) == ("company", "A")
    assert seller_of({"total": 3}) is None


@given(st.text(max_size=40), st.text(max_size=200))
def test_any_text_can_be_judged(name: str, text: str) -> None:
    assert is_no_seller(name, text) in (True, False)
