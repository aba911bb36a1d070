"""Patterns of accounts, e-mail and IP addresses, phone numbers and titled names."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from tandem.privacy import numbers
from tandem.privacy.base import (
    A_DIGIT,
    IS,
    NOT_IN_NUMBER,
    NUMBER_ENDS,
    WORD_STARTS,
    Finder,
    Pattern,
    anything,
    digits,
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


def _is_national_phone(written: str) -> bool:
    digits = re.sub(r"\D", "", written)
    date = re.match(r"\d{1,2}[.\-/ ]\d{1,2}[.\-/ ](?:19|20)?\d{2}(?!\d)", written)
    return 8 <= len(digits) <= 12 and (not date or len(digits) > 8)


_EXTENSION = r"(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
_PHONES: Final = (
    Pattern(
        "PHONE",
        "personal",
        0.9,
        rx(r"(?<![\w+])\+[ (]{0,2}[1-9](?:[ ().\-/]{0,4}+\d){7,14}(?!\d)" + _EXTENSION),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.8,
        rx(NOT_IN_NUMBER + r"00[1-9]\d{0,2}(?:[ ().\-/]{1,3}+\d{1,6}){2,6}+" + _EXTENSION),
        valid=digits(anything, 10, 11, 12, 13, 14, 15),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.8,
        rx(
            r"(?<![\w.\-/+(])(?:1[ .\-]?)?(?:\(\d{3}\)[ .\-]?|\d{3}[.\-])\d{3}[.\- ]\d{4}"
            + _EXTENSION
            + NUMBER_ENDS
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.7,
        rx(
            NOT_IN_NUMBER
            + r"(?:0[1-9]\d{0,3}|\(0?[1-9]\d{1,3}\))(?:[ .\-/]{1,3}+\d{2,8}){1,5}+"
            + NUMBER_ENDS
        ),
        valid=_is_national_phone,
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.8,
        rx(
            WORD_STARTS
            + r"(?:tele?(?:ph?one?|fono?|fax)?|t[ée]l[ée]phone|phone|mobile?|handy|cell(?:phone)?"
            r"|fax|whats ?app|h/?p|hotline|desk|contact (?:number|no)|my number|call|sms"
            r"|(?:messages?|text(?: (?:me|him|her|us))?) (?:to|at|on)|(?:reach|ring) (?:me|us))"
            r"(?![^\W\d_])(?: (?:me|us|him|her|them|at|on|no|nr|number|is)\b){0,4}+"
            r"[\s:.)(#/\-]{0,8}+(?:fax[\s:.]{1,4})?"
            r"(?P<it>\+?\(?\d(?:[ ().\-/]{0,3}+\d){5,14})(?![\d,])" + _EXTENSION
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.7,
        rx(
            NOT_IN_NUMBER
            + r"(?P<it>\(?\d(?:[ ().\-/]{0,3}+\d){6,14}"
            + _EXTENSION
            + r")[ \-(]{1,3}(?:office|mobile|cell|fax|tel)\b"
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
    ),
)

DETECTORS: Final[tuple[Pattern | Finder, ...]] = (*_ACCOUNTS, *_CONTACT, *_PHONES)
