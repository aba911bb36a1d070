"""The arithmetic gate."""

from __future__ import annotations

from typing import Any

import pytest

from tandem.quality.totals import totals_gate

LINES = [
    {"description": "a", "quantity": 3, "unit_price": 1.5, "amount": 4.5},
    {"description": "b", "quantity": 1, "unit_price": 7.9, "amount": 7.9},
]


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"total": 13.15},
        {"net": 46.68, "tax": 9.34, "total": 56.02},
        {"subtotal": 46.68, "vat_amount": "9,34", "grand_total": 56.03},
        {"net": 100, "discount": 10, "tax": 9, "total": 99},
        {"net": 12.4, "tax": 0.74, "rounding": 0.05, "total": 13.19},
        {"subtotal": 717.97, "tax": 124.61, "total": 717.97},
        {"net": 12.4, "line_items": LINES},
        {"total": 12.4, "line_items": LINES},
        {"total": 99, "line_items": [{"description": "a"}]},
        {"line_items": [{"quantity": 3, "unit_price": 0.33, "amount": 1.0}]},
        [1, 2],
        None,
    ],
)
def test_what_adds_up_passes(output: Any) -> None:
    assert totals_gate(output) == []


@pytest.mark.parametrize(
    ("output", "detail"),
    [
        (
            {"net": 270, "tax_rate": 20, "tax": 20, "total": 324},
            "net + tax is not total (tax equals tax_rate)",
        ),
        ({"net": 46.68, "tax": 9.34, "total": 56.2}, "net + tax is not total"),
        ({"net": 717.97, "tax": 124.61, "total": 717.97}, "net + tax is not total"),
        ({"tax": 15.9, "total": 15.9}, "tax is not less than total"),
        ({"tax": 500, "total": 80}, "tax is not less than total"),
        (
            {"net": 12.5, "total": 13.0, "line_items": LINES},
            "the amounts of line_items do not sum up to net or total",
        ),
        (
            {"items": [{"qty": 2, "price": 5, "amount": 12}]},
            "items[0]: qty x price is not amount",
        ),
    ],
)
def test_what_does_not_add_up_is_named(output: Any, detail: str) -> None:
    assert [failure["detail"] for failure in totals_gate(output)] == [detail]
