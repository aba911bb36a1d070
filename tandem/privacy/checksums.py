"""Check digits of cards, accounts and national numbers. Each takes digits (and letters) only."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_IBAN_REGISTRY = """
    AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22
    CY:28 CZ:24 DE:22 DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22
    GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30
    KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27
    MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33
    SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29
    VA:22 VG:24 XK:20
"""
_IBAN_LENGTHS: Final = {pair[:2]: int(pair[3:]) for pair in _IBAN_REGISTRY.split()}
"""Characters of an IBAN by country (SWIFT IBAN registry, release 99)."""
_CF_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17),
            *(19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ),
        strict=True,
    )
)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 (payment cards)."""
    return LuhnSums(digits).passes(0, len(digits))


class LuhnSums:
    """Luhn checks of any part of a long row of digits, each in constant time."""

    def __init__(self, digits: str) -> None:
        values = [int(digit) for digit in digits]
        self._sums: Final = tuple(
            [
                0,
                *accumulate(
                    _DOUBLED[value] if place % 2 == parity else value
                    for place, value in enumerate(values)
                ),
            ]
            for parity in (0, 1)
        )
        """Sums of the first n digits, with those at even (odd) places doubled."""

    def passes(self, start: int, stop: int) -> bool:
        """Whether digits[start:stop] passes; every second digit from the right is doubled."""
        sums = self._sums[stop % 2]
        return (sums[stop] - sums[start]) % 10 == 0


def iban_length(country: str) -> int | None:
    """Characters of an IBAN of `country` (two capital letters); None: no such country."""
    return _IBAN_LENGTHS.get(country)


def iban(compact: str) -> bool:
    """ISO 13616: the length of its country, and mod 97 = 1. `compact` is in capitals."""
    if len(compact) != _IBAN_LENGTHS.get(compact[:2]):
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def ssn(digits: str) -> bool:
    """US social security number: no check digit, but ranges that are never given out."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def bsn(digits: str) -> bool:
    """Dutch burgerservicenummer: the eleven test."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return len(digits) == 9 and _weighted(digits, weights) % 11 == 0 and int(digits) > 0


def nir(compact: str) -> bool:
    """French social security number with its key (INSEE): 97 - number mod 97."""
    number = compact[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(compact[13:])


def dni(compact: str) -> bool:
    """Spanish DNI or NIE: the letter is the number mod 23."""
    number = compact[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return _DNI_LETTERS[int(number) % 23] == compact[-1]


def cpf(digits: str) -> bool:
    """Brazilian CPF: two check digits mod 11."""
    for length in (9, 10):
        total = _weighted(digits[:length], range(length + 1, 1, -1))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return len(set(digits)) > 1


def codice_fiscale(compact: str) -> bool:
    """Italian tax code: its last letter (DM 23/12/1976)."""
    total = sum(
        _CF_ODD[character] if place % 2 == 0 else int(character, 36) - 10 * character.isalpha()
        for place, character in enumerate(compact[:15])
    )
    return chr(ord("A") + total % 26) == compact[15]


def pesel(digits: str) -> bool:
    """Polish PESEL: a month and a day that exist, and the check digit."""
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    total = _weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))
    return 1 <= month <= 12 and 1 <= day <= 31 and -total % 10 == int(digits[10])


def belgian(digits: str) -> bool:
    """Belgian national number: 97 - number mod 97 (born from 2000 on: with a 2 before it)."""
    check = int(digits[9:])
    return check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def steuer_id(digits: str) -> bool:
    """German tax number of a person: ISO/IEC 7064, MOD 11,10."""
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10]) and digits[0] != "0"


_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")


def nino(compact: str) -> bool:
    """UK national insurance number: no check digit, but prefixes that are never given out."""
    return _NINO.fullmatch(compact) is not None


def _weighted(digits: str, weights: range | tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
