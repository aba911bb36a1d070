"""Numbers with checksums behind every encoding that docs/privacy.md promises to undo."""

from __future__ import annotations

import base64
import html
import urllib.parse
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tandem.privacy import checksums
from tandem.privacy.assess import assess
from tandem.privacy.detectors import rank, scan
from tandem.records import Sensitivity

DIGITS = st.text(alphabet="0123456789", min_size=18, max_size=18)
SCRIPTS = (0x30, 0x660, 0x966, 0xFF10, 0x1D7CE, 0x1D7F6)
"""Zeros: ASCII, Arabic, Devanagari, full-width, bold and monospace."""
UNSEEN = ("", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\ufe0f")
BETWEEN = ("", " ", "-", "\n", "\t", "\u00a0", "\u2013", "\u2009")


def card(digits: str) -> str:
    head = f"4{digits[:14]}"
    return head + next(d for d in "0123456789" if checksums.luhn(head + d))


def iban(digits: str) -> str:
    return next(made for n in range(2, 99) if checksums.iban(made := f"DE{n:02}{digits}"))


def bsn(digits: str) -> str:
    return "BSN " + next(
        made for n in range(10**8) if checksums.bsn(made := f"{int(digits[:8]) + n:09}")
    )


def cpf(digits: str) -> str:
    head = f"{1 + int(digits[0]) % 8}{digits[1:8]}9"
    made = next(f"{head}{n:02}" for n in range(100) if checksums.cpf(f"{head}{n:02}"))
    return f"{made[:3]}.{made[3:6]}.{made[6:9]}-{made[9:]}"


NUMBERS = st.one_of(*(DIGITS.map(make) for make in (card, iban, bsn, cpf)))
SPACED = st.one_of(DIGITS.map(card), DIGITS.map(iban))
"""Those that are found in any spacing."""


def plain(text: str) -> str:
    return text


def entities(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)


def hexadecimal_entities(text: str) -> str:
    return "".join(f"&#x{ord(character):x};" for character in text)


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def base_64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def base_64_url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


WRAPPERS = (plain, entities, hexadecimal_entities, percent, base_64, base_64_url, html.escape)
WRAPPED = (*WRAPPERS, urllib.parse.quote)


def level(text: str) -> Sensitivity:
    return assess({"text": text}, scan=scan).sensitivity


@given(NUMBERS, st.sampled_from(WRAPPED))
def test_behind_one_encoding(number: str, wrap: Any) -> None:
    assert level(f"Please note: {wrap(f'it is {number} here')} and so on") == "personal"


@given(NUMBERS, st.sampled_from(SCRIPTS), st.sampled_from(UNSEEN), st.sampled_from(WRAPPERS))
def test_in_other_digits_with_unseen_characters(
    number: str, zero: int, unseen: str, wrap: Any
) -> None:
    written = unseen.join(
        chr(zero + int(character)) if character.isdigit() else character for character in number
    )
    assert level(f"Please note: {wrap(written)} and so on") == "personal"


@given(SPACED, st.lists(st.sampled_from(BETWEEN), min_size=34, max_size=34), st.booleans())
def test_in_any_spacing(number: str, gaps: list[str], encoded: bool) -> None:
    written = "".join(a + b for a, b in zip(number, gaps, strict=False))
    assert level(f"Note: {percent(written) if encoded else written}.") == "personal"


@given(st.text(max_size=60), st.sampled_from(["none", "internal", "personal", "secret"]))
def test_a_declaration_never_lowers(text: str, declared: Any) -> None:
    alone = level(text)
    told = assess({"text": text, "sensitivity": declared}, scan=scan).sensitivity
    assert rank(told) == max(rank(alone), rank(declared))
