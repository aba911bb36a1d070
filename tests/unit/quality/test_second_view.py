"""The regular expressions' view of totals and dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.second_view import (
    date_candidates,
    second_view_gate,
    total_candidates,
    with_seen_total,
    written_amounts,
)

RECEIPT = """BRIGHT STATIONERY
DATE
:
02/03/2016 10:42
SUB TOTAL
12.40
GST 6% 0.74
TOTAL
RM 13.14
ROUNDING
0.01
TOTAL ROUNDED
RM 13.15
CASH
RM 20.00
CHANGE
RM 6.85
GST SUMMARY
TOTAL : 12.40 0.74
"""
INVOICE = """Factuurdatum: 19 april 2014
Orderdatum: 18 april 2014
Exclusief BTW € 1.593,36
BTW 21% € 334,61
Totaal te betalen € 1.927,97
"""


def test_the_grand_total_comes_first() -> None:
    assert total_candidates(RECEIPT) == [Decimal("13.15"), Decimal("13.14")]
    assert total_candidates(INVOICE) == [Decimal("1927.97")]
    assert total_candidates("Nothing is to be paid.") == []


def test_tendered_less_change_is_the_total_where_columns_fell_apart() -> None:
    text = "TOTAL\nCASH\nCHANGE\nMUFFIN\n11.00\n5.60\n16.60\n20.00\n3.40"
    assert total_candidates(text)[0] == Decimal("16.60")


def test_the_total_behind_a_rounding_is_what_is_paid() -> None:
    text = "TOTAL SALES INCL. GST\n100.62\nROUNDING ADJ\n-0.02\nTOTAL :\n100.60\nVISA\n100.60"
    assert total_candidates(text)[0] == Decimal("100.60")


def test_a_column_of_amounts_follows_its_column_of_labels() -> None:
    labels = "TOTAL SALES (EXCLUDING GST) :\nDISCOUNT :\nTOTAL GST :\nTOTAL (INCLUSIVE OF GST)\n"
    assert total_candidates(labels + "94.34\n0.00\n5.66\n100.00\nTHANK YOU") == [Decimal(100)]
    assert total_candidates(labels + "100.00\n20.00\nTHANK YOU") == [Decimal(100)]


def test_the_documents_own_date_comes_first() -> None:
    assert date_candidates(RECEIPT)[0] == date(2016, 3, 2)
    assert date_candidates("Due date: 2020-05-01\nIssued 2020-04-01")[0] == date(2020, 4, 1)
    assert date_candidates(INVOICE)[0] == date(2014, 4, 19)


def test_the_gate_names_fields_that_disagree() -> None:
    assert second_view_gate({"total": 13.15, "date": "2016-03-02"}, RECEIPT) == []
    assert [
        failure["detail"].split(":")[0]
        for failure in second_view_gate({"total": 13.14, "invoice_date": "2016-03-05"}, RECEIPT)
    ] == ["total", "invoice_date"]


def test_not_strict_any_labelled_total_and_any_date_will_do() -> None:
    assert second_view_gate({"total": 13.14}, RECEIPT, strict=False) == []
    assert second_view_gate({"date": "2014-04-18"}, INVOICE, strict=False) == []
    assert second_view_gate({"total": 12.4, "date": "2016-03-05"}, RECEIPT, strict=False) != []


def test_a_subtotal_is_no_total_where_no_total_is_seen() -> None:
    text = "SUB TOTAL :\n234.00\nTOTAL GST\n14.05\nTOTAL :\nCASH :\nCHANGE :\n248.05\n248.05"
    assert total_candidates(text) == []
    assert second_view_gate({"total": 248.05}, text) == []
    assert second_view_gate({"total": 234}, text, strict=False) == []
    refused = second_view_gate({"total": 234}, text)
    assert [failure["detail"] for failure in refused] == ["total: it is labelled as a part of one"]
    beside = "Subtotal 128.00   Tax 10.24   Total 138.24"
    assert second_view_gate({"total": 138.24}, beside) == []
    assert second_view_gate({"total": 128}, beside) != []


def test_a_seller_is_judged_where_there_is_a_total() -> None:
    text = "ACME SHOP\nBill to: Ann Lee\nTOTAL 5.00"
    assert second_view_gate({"seller": "Acme Shop", "total": 5}, text) == []
    assert second_view_gate({"seller": "Ann Lee"}, text) == []
    assert second_view_gate({"seller": "Ann Lee", "total": 5}, text, strict=False) == []
    refused = second_view_gate({"seller": "Ann Lee", "total": 5}, text)
    assert [failure["detail"].split(":")[0] for failure in refused] == ["seller"]


ONE_TOTAL = "CAFE\nSUB TOTAL\n9.00\nTOTAL\nRM 9.54\nCASH\n10.00\n"


def test_the_only_total_that_is_seen_takes_the_place_of_another() -> None:
    assert total_candidates(ONE_TOTAL) == [Decimal("9.54")]
    wrong = {"company": "CAFE", "total": 9.0}
    assert with_seen_total(wrong, ONE_TOTAL) == {"company": "CAFE", "total": 9.54}
    assert with_seen_total({"total": "9.00"}, ONE_TOTAL) == {"total": "9.54"}


def test_a_total_is_left_where_it_agrees_or_where_more_than_one_is_seen() -> None:
    right: dict[str, object] = {"total": 9.54}
    assert with_seen_total(right, ONE_TOTAL) is right
    other: dict[str, object] = {"total": 12.40}
    assert len(total_candidates(RECEIPT)) > 1
    assert with_seen_total(other, RECEIPT) is other
    nothing: dict[str, object] = {"company": "CAFE"}
    assert with_seen_total(nothing, ONE_TOTAL) is nothing
    assert with_seen_total(None, ONE_TOTAL) is None


def test_amounts_are_listed_as_they_are_written() -> None:
    text = "3 x 1 019,50 = € 3.058,50; -9,32 paid, VAT 21%, 21,00% on 19.04.2014, Rs 1939"
    assert written_amounts(text) == ["1 019,50", "3.058,50", "-9,32", "1939"]


def test_without_a_second_view_nothing_is_refused() -> None:
    assert second_view_gate({"total": 5, "date": "2020-01-01"}, "Five on New Year's Day") == []
    assert second_view_gate(None, RECEIPT) == []


@given(st.text(max_size=200))
def test_any_text_can_be_viewed(text: str) -> None:
    assert all(isinstance(amount, Decimal) for amount in total_candidates(text))
    assert all(isinstance(day, date) for day in date_candidates(text))
