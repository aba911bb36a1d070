"""Patterns of accounts, e-mail and IP addresses, and titled names."""

from __future__ import annotations

import ipaddress
from typing import Final

from tandem.privacy import numbers
from tandem.privacy.base import (
    A_DIGIT,
    IS,
    Finder,
    Pattern,
    rx,
)


def _ip(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


_ACCOUNTS: Final = (
    Finder("PAYMENT_CARD", "personal", numbers.cards, A_DIGIT),
    Finder("IBAN", "personal", numbers.ibans, A_DIGIT),
    Pattern(
        "BANK_ACCOUNT",
        "personal",
        0.8,
        rx(
            r"(?:account|acct|a/c|konto|compte|cuenta|rekening|routing|sort code|blz)"
            + IS
            + r"(?P<it>\d(?:[ \-]{0,2}+\d){5,16}+)(?![\w])"
        ),
        needs=A_DIGIT,
    ),
)


_CONTACT: Final = (
    Pattern(
        "EMAIL",
        "personal",
        1.0,
        rx(
            r"(?<![\w.+%\-])[\w.+%\-']{1,64}?\s?(?:@|%40|[(\[{]\s?at\s?[)\]}])\s?"
            r"[^\W_][\w\-]{0,62}+(?:\s?(?:\.|[(\[{]\s?dot\s?[)\]}])\s?[^\W_][\w\-]{0,62}+){1,8}+"
        ),
        needs=("@", "%40", "at"),
    ),
    Pattern(
        "IP_ADDRESS",
        "internal",
        0.9,
        rx(r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)"),
        valid=_ip,
        needs=A_DIGIT,
    ),
    Pattern(
        "IP_ADDRESS",
        "internal",
        0.9,
        rx(r"(?<![\w:.])(?=[\da-f]{0,4}:)[\da-f:]{3,39}(?![\w:])"),
        needs=(":",),
        valid=_ip,
    ),
    Pattern(
        "PERSON",
        "internal",
        0.6,
        rx(
            r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Sr|Sra)\.? (?P<it>[A-Z][\w'\-]+"
            r"(?: [A-Z][\w'\-]+)?)",
            case=True,
        ),
    ),
    Pattern(
        "PERSON",
        "internal",
        0.6,
        rx(
            r"\b(?i:my name is|i am called|this is|regards,|sincerely,)\s{1,3}"
            r"(?P<it>[A-Z][a-z][\w'\-]*(?: [A-Z][\w'\-]+){1,2})",
            case=True,
        ),
        needs=("my name is", "i am called", "this is", "regards,", "sincerely,"),
    ),
)

DETECTORS: Final[tuple[Pattern | Finder, ...]] = (*_ACCOUNTS, *_CONTACT)
