"""The arithmetic gate of invoices and receipts: amounts that belong together add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Any, Final

from tandem.quality.values import parse_number
from tandem.records import GateFailure

NET: Final = (
    "net",
    "net_total",
    "total_net",
    "net_amount",
    "amount_net",
    "subtotal",
    "sub_total",
    "amount_untaxed",
    "total_excl_tax",
    "total_before_tax",
    "taxable_amount",
)
_TILL_SUBTOTALS: Final = ("subtotal", "sub_total")
TAX: Final = (
    "tax",
    "tax_amount",
    "total_tax",
    "tax_total",
    "amount_tax",
    "vat",
    "vat_amount",
    "gst",
)
TOTAL: Final = (
    "total",
    "grand_total",
    "total_amount",
    "amount_total",
    "gross",
    "gross_total",
    "total_gross",
    "gross_amount",
    "total_incl_tax",
    "total_due",
    "amount_due",
    "invoice_total",
    "amount",
)
"""Names of a document's grand total."""
RATES: Final = ("tax_rate", "vat_rate", "gst_rate", "tax_percent", "line_tax_percent")
EXTRAS: Final = (
    "discount",
    "shipping",
    "delivery",
    "rounding",
    "service_charge",
    "tip",
    "fees",
)
_LISTS: Final = ("line_items", "items", "lines", "positions", "products")
_QUANTITY: Final = ("quantity", "qty", "count")
_UNIT_PRICE: Final = ("unit_price", "price_unit", "price", "rate")
_AMOUNT: Final = ("amount", "line_total", "total", "price_subtotal", "subtotal", "total_price")
TOLERANCE: Final = Decimal("0.02")
"""Cent roundings of a sum; a product may also be half a unit of its last shown price digit off."""


def totals_gate(output: Any) -> list[GateFailure]:
    """Gate "totals": net + tax = total, line amounts sum up, quantity x unit price = amount.

    Only what is there is checked, under the ready schemas' names and their common synonyms.
    Discounts, shipping and roundings count with either sign where they are given.
    """
    if not isinstance(output, Mapping):
        return []
    details = [*_header(output), *_line_sum(output), *_line_products(output)]
    return [GateFailure(gate="totals", detail=detail) for detail in details]


def amount_of(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Decimal] | None:
    """The first of the fields `names` that holds a number, as (name, value)."""
    for name in names:
        value = record.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        number = parse_number(value) if isinstance(value, str) else Decimal(str(value))
        if number is not None:
            return name, number
    return None


def _header(output: Mapping[str, Any]) -> Iterator[str]:
    net, tax, total = (amount_of(output, names) for names in (NET, TAX, TOTAL))
    if tax and total and tax[1] >= total[1] > 0:
        yield f"{tax[0]} is not less than {total[0]}"
        return
    if not (net and tax and total):
        return
    if _adds_up(net[1] + tax[1], [total[1]], output):
        return
    if net[0] in _TILL_SUBTOTALS and _tax_inside(net[1], tax[1], total[1]):
        return
    rate = amount_of(output, RATES)
    slip = f" ({tax[0]} equals {rate[0]})" if rate and rate[1] == tax[1] else ""
    yield f"{net[0]} + {tax[0]} is not {total[0]}{slip}"


def _tax_inside(net: Decimal, tax: Decimal, total: Decimal) -> bool:
    """A "subtotal" that already holds the tax, as tills print it."""
    return abs(net - total) <= TOLERANCE and 0 < tax < total / 3


def _line_sum(output: Mapping[str, Any]) -> Iterator[str]:
    for name in _LISTS:
        lines = _records(output.get(name))
        amounts = [found[1] for line in lines if (found := amount_of(line, _AMOUNT))]
        sums = [found for names in (NET, TOTAL) if (found := amount_of(output, names))]
        if not sums or len(amounts) < max(len(lines), 1):
            continue
        if not _adds_up(sum(amounts, Decimal()), [value for _, value in sums], output):
            yield f"the amounts of {name} do not sum up to {' or '.join(name for name, _ in sums)}"


def _line_products(output: Mapping[str, Any]) -> Iterator[str]:
    for name in _LISTS:
        for index, line in enumerate(_records(output.get(name))):
            quantity, price, amount = (
                amount_of(line, names) for names in (_QUANTITY, _UNIT_PRICE, _AMOUNT)
            )
            if not (quantity and price and amount) or price[0] == amount[0]:
                continue
            if abs(quantity[1] * price[1] - amount[1]) > _product_tolerance(quantity[1], price[1]):
                yield f"{name}[{index}]: {quantity[0]} x {price[0]} is not {amount[0]}"


def _product_tolerance(quantity: Decimal, price: Decimal) -> Decimal:
    exponent = price.as_tuple().exponent
    shown = Decimal(1).scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else Decimal()
    unit = min(shown, Decimal("0.01")) if shown else Decimal("0.01")
    return TOLERANCE + abs(quantity) * unit / 2


def _records(value: Any) -> list[Mapping[str, Any]]:
    return [line for line in value if isinstance(line, Mapping)] if isinstance(value, list) else []


def _adds_up(value: Decimal, sums: list[Decimal], output: Mapping[str, Any]) -> bool:
    """Whether `value`, with any of the document's extras added or taken off, is one of `sums`."""
    extras = [found[1] for name in EXTRAS if (found := amount_of(output, (name,)))]
    for signs in product((0, 1, -1), repeat=len(extras)):
        adjusted = value + sum((s * x for s, x in zip(signs, extras, strict=True)), Decimal())
        if any(abs(adjusted - wanted) <= TOLERANCE for wanted in sums):
            return True
    return False
