"""Who sends an invoice or a receipt: signs in the text against the name that a model gave.

Small models take the customer, whose address stands first, or a piece of the seller's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tandem.quality.values import compact

SELLERS: Final = ("seller", "company", "vendor", "supplier", "merchant", "issuer")
_CELL: Final = re.compile(r"\n|\s{2,}|[,|\t]")
"""Where a line or a column of it begins."""
_LEADS: Final = re.compile(r"[:\-\u2013]\s*$|\b(?:by|from|von|de|of|to)\s+$", re.IGNORECASE)
_BUYER: Final = re.compile(
    r"bill|ship|guest|customer|client|buyer|kund|klant|attn|\ban\b|\baan\b|destinat",
    re.IGNORECASE,
)
_PAYEE: Final = re.compile(
    r"(?:titulaire\s+du\s+compte|account\s+(?:name|holder)|kontoinhaber|rekeninghouder|"
    r"t\.?n\.?v\.?|pay(?:able)?\s+to|in\s+favou?r\s+of|beneficiary|beneficiario|intestatario)"
    r"\s*:?\s*(?P<name>[^\n,:]{3,60}?)(?=\n|\s{2}|\s[-\u2013]\s|[,:]|\.\s|$)",
    re.IGNORECASE,
)


def seller_of(output: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first of the fields SELLERS that holds a text, as (name, value)."""
    texts = ((name, output.get(name)) for name in SELLERS)
    return next(((name, value) for name, value in texts if isinstance(value, str)), None)


def is_no_seller(name: str, text: str) -> bool:
    """Whether `text` speaks against `name` as its seller.

    It does where it names another payee ("account holder: ..."), and where `name` stands only
    inside a line ("GARDENIA (KL) LTD") or behind a buyer's label.
    """
    payees = [compact(match["name"]).text for match in _PAYEE.finditer(text)]
    wanted = compact(name).text
    if payees and not any(payee in wanted or wanted in payee for payee in payees):
        return True
    words = r"\s+".join(re.escape(word) for word in name.split())
    before = [text[: found.start()] for found in re.finditer(words, text, re.IGNORECASE)]
    return bool(words and before) and not any(_may_be_seller(one) for one in before)


def _may_be_seller(before: str) -> bool:
    cell = _CELL.split(before[-80:])[-1]
    if not cell.strip(" *#"):
        return True
    return bool(_LEADS.search(cell)) and not _BUYER.search(cell)
