"""Patterns of numbers that a state gives to a person, with their checksums where there are."""

from __future__ import annotations

from typing import Final

from tandem.privacy import checksums
from tandem.privacy.base import A_DIGIT, IS, Pattern, anything, compact, digits, rx

DETECTORS: Final = (
    Pattern(
        "US_SSN",
        "personal",
        0.9,
        rx(r"(?<![\w\-])\d{3}(?P<s>[\-. ])\s?\d{2}(?P=s)\s?\d{4}(?![\w\-])"),
        needs=A_DIGIT,
        valid=digits(checksums.ssn, 9),
    ),
    Pattern(
        "US_SSN",
        "personal",
        0.9,
        rx(r"\b(?:ssn|social security)" + IS + r"(?P<it>\d{3}[\s\-.]?\d{2}[\s\-.]?\d{4})(?!\w)"),
        needs=A_DIGIT,
        valid=digits(anything, 9),
    ),
    Pattern(
        "NL_BSN",
        "personal",
        0.9,
        rx(
            r"(?:bsn|burgerservicenummer|sofi-?nummer)"
            + IS
            + r"(?P<it>\d{4}[ .]?\d{2}[ .]?\d{3}|\d{3}[ .]\d{3}[ .]\d{3})(?!\w)"
        ),
        needs=A_DIGIT,
        valid=digits(checksums.bsn, 9),
    ),
    Pattern(
        "FR_NIR",
        "personal",
        1.0,
        rx(
            r"(?<![\w\-])[12]\s?\d{2}\s?(?:0[1-9]|1[0-2]|[2-9]\d)\s?(?:\d{2}|2[AB])"
            r"\s?\d{3}\s?\d{3}[\s\-]?\d{2}(?!\w)"
        ),
        needs=A_DIGIT,
        valid=compact(checksums.nir),
    ),
    Pattern(
        "ES_DNI",
        "personal",
        0.8,
        rx(r"(?<![\w\-.])(?:\d{8}|\d{2}\.\d{3}\.\d{3}|[XYZ]-?\d{7})[ \-]?[A-Z](?![\w\-])"),
        needs=A_DIGIT,
        valid=compact(checksums.dni),
    ),
    Pattern(
        "UK_NINO",
        "personal",
        0.9,
        rx(r"(?<![\w\-])[A-Z]{2}[ \-]?\d{2}[ \-]?\d{2}[ \-]?\d{2}[ \-]?[A-D](?![\w\-])"),
        needs=A_DIGIT,
        valid=compact(checksums.nino),
    ),
    Pattern(
        "BR_CPF",
        "personal",
        1.0,
        rx(r"(?<![\w.\-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w\-])"),
        needs=A_DIGIT,
        valid=digits(checksums.cpf, 11),
    ),
    Pattern(
        "IT_CODICE_FISCALE",
        "personal",
        1.0,
        rx(r"(?<!\w)[A-Z]{6}\s?[\dL-V]{2}[ABCDEHLMPRST][\dL-V]{2}\s?[A-Z][\dL-V]{3}[A-Z](?!\w)"),
        needs=A_DIGIT,
        valid=compact(checksums.codice_fiscale),
    ),
    Pattern(
        "BE_NATIONAL",
        "personal",
        1.0,
        rx(r"(?<![\w.\-])\d{2}\.\d{2}\.\d{2}[\-. ]\d{3}[.\- ]\d{2}(?!\w)"),
        needs=A_DIGIT,
        valid=digits(checksums.belgian, 11),
    ),
    Pattern(
        "PL_PESEL",
        "personal",
        0.9,
        rx(r"pesel" + IS + r"(?P<it>\d{11})(?!\w)"),
        needs=A_DIGIT,
        valid=digits(checksums.pesel, 11),
    ),
    Pattern(
        "DE_STEUER_ID",
        "personal",
        0.9,
        rx(
            r"(?:steuer-?(?:id|identifikationsnummer|nummer)|tax id|tin)"
            + IS
            + r"(?P<it>\d{2} ?\d{3} ?\d{3} ?\d{3})(?!\w)"
        ),
        needs=A_DIGIT,
        valid=digits(checksums.steuer_id, 11),
    ),
    Pattern(
        "PASSPORT",
        "personal",
        0.8,
        rx(
            r"\b(?:passport|reisepass|passeport|pasaporte|paspoort|driv(?:er'?s|ing) licen[cs]e)"
            + IS
            + r"(?P<it>(?=(?:[A-Z]{0,12}\d){3})[A-Z\d]{6,18})(?!\w)"
        ),
        needs=A_DIGIT,
    ),
)
