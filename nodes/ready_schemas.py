"""Ready schemas by name: what most people want of an invoice, a receipt, an order, a contact form.

Dates come out as ISO dates, currencies as ISO 4217 codes, amounts as numbers: see typed() in
extract_schema.py. Only what every such document holds is required.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]


def _text(description: str, chars: int) -> Schema:
    return {"type": "string", "description": description, "maxLength": chars}


def _amount(description: str) -> Schema:
    return {"type": "number", "description": description}


def _date(description: str) -> Schema:
    return {"type": "string", "format": "date", "description": description}


def _record(properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _name(description: str) -> Schema:
    """A name holds a letter: small models give a registration number in its place."""
    return {**_text(description, 80), "pattern": r"[^\W\d_]"}


def _number(description: str) -> Schema:
    """A document's number holds a digit: small models give the word before it in its place."""
    return {**_text(description, 40), "pattern": r"\d"}


_ADDRESS: Final = r"^(?=[\s\S]*\d)[\s\S]*[^\W\d_]{3}[\s\S]*[^\W\d_]{3}"


def _address(description: str) -> Schema:
    """An address holds words and a number: small models give half a name in its place."""
    return {**_text(description, 140), "pattern": _ADDRESS}


_CURRENCY: Final[Schema] = {
    "type": "string",
    "format": "currency",
    "description": "currency sign or code",
    "maxLength": 12,
}
_LINE_ITEMS: Final[Schema] = {
    "type": "array",
    "description": "the goods or services, in order",
    "maxItems": 40,
    "items": _record(
        {
            "description": _text("name of the article", 100),
            "quantity": _amount("how many"),
            "unit_price": _amount("price of one"),
            "amount": _amount("price of the line"),
        },
        ["description"],
    ),
}

_INVOICE: Final[Schema] = {
    "seller": _name("company that sends the invoice and gets the money"),
    "invoice_number": _number("number of the invoice"),
    "date": _date("date of the invoice"),
    "currency": _CURRENCY,
    "net": _amount("sum without tax"),
    "tax": _amount("amount of tax in money, not the rate"),
    "total": _amount("grand total to pay, tax included"),
}
"""What books need. Every line more costs a small model seconds, and is one more that may fail."""

READY_SCHEMAS: Final[dict[str, Schema]] = {
    "invoice": _record(_INVOICE, ["seller", "invoice_number", "date", "total"]),
    "invoice_lines": _record(
        {
            **_INVOICE,
            "buyer": _name("customer to whom it is billed"),
            "due_date": _date("date until which to pay"),
            "line_items": _LINE_ITEMS,
        },
        ["seller", "invoice_number", "date", "total", "line_items"],
    ),
    "receipt": _record(
        {
            "company": _name("name of the shop or company"),
            "address": _address("street and town of the shop, no registration or phone number"),
            "date": _date("date of the purchase, without the time"),
            "currency": _CURRENCY,
            "total": _amount("grand total to pay, not the cash given"),
        },
        ["company", "date", "total"],
    ),
    "purchase_order": _record(
        {
            "order_number": _number("number of the order"),
            "date": _date("date of the order"),
            "delivery_date": _date("date on which to deliver"),
            "buyer": _name("company that orders"),
            "supplier": _name("company that is to deliver"),
            "ship_to": _address("address to deliver to"),
            "currency": _CURRENCY,
            "net": _amount("sum without tax"),
            "tax": _amount("amount of tax in money, not the rate"),
            "total": _amount("grand total, tax included"),
            "line_items": _LINE_ITEMS,
        },
        ["order_number", "line_items"],
    ),
    "contact_form": _record(
        {
            "name": _text("name of the person who writes", 80),
            "company": _text("company of the person", 80),
            "email": _text("e-mail address", 80),
            "phone": _text("telephone number", 30),
            "subject": _text("subject, as written", 120),
            "message": _text("what the person wants, copied from the text", 400),
        },
        ["name", "message"],
    ),
}
