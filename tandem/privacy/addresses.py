"""Patterns of street addresses."""

from __future__ import annotations

import re
from typing import Final

from tandem.privacy.base import A_DIGIT, Pattern

_I: Final = re.IGNORECASE

_STREET_AFTER = (
    r"Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Close|Court|Ct|Way|Place|Pl"
    r"|Square|Sq|Terrace|Crescent|Parkway|Pkwy|Highway|Hwy|Alley|Trail|Circle|Gardens|Mews|Quay"
)
_STREET_BEFORE = (
    r"rue|avenue|avenida|avda\.?|boulevard|chemin|viale|piazza|calle|rua|plaza|paseo|carrer"
    r"|ul\.|ulica|jalan|jln\.?|lorong|allée|quai|cours|travessa|largo|praça"
)
_STREET_ENDING = (
    r"stra(?:ß|ss)e|str\.|straat|dreef|gasse|gade|gata|gatan|gatu|vegen|veien|vej|vägen|laan|plein"
    r"|plads|kade|gracht|singel|allee|platz|katu|kuja|weg|stræti|braut"
)
_NUMBERED = r"\d{1,5} (?:[^\W\d_][\w.'\-]{1,30}+ ){1,4}+\d{1,4}"
"""Two numbers around a street's name, as house and street are written in many countries."""
_TOWN_LINES = r"(?:\s{0,2}\n[^\w\n]{0,8}[^\W\d][^\d\n]{1,50}+){1,3}+\d{4,6}(?!\d)"
"""Lines that end in a postcode."""
DETECTORS: Final = (
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.8,
        re.compile(
            r"(?<![\w.,$€£\-])\d{1,5}[A-Za-z]?,? (?:\d{1,5} )?(?:[NSEW]\.? )?"
            r"(?:[A-Z][\w'.\-]{0,30}+ ){0,3}?"
            rf"(?:[A-Z][\w'.\-]{{1,30}}+|\d{{1,3}}(?:st|nd|rd|th)) (?:{_STREET_AFTER})\b"
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.7,
        re.compile(
            rf"(?<!\w)(?:{_STREET_BEFORE}|via(?= (?-i:[A-ZÀ-Þ])))"
            r" (?:[^\W\d_][\w'.\-]{0,30}+ ){1,4}?\d{1,4}\b"
            rf"|(?<![\w.,])\d{{1,4}}(?: ?(?:bis|ter|[a-z]))?,? (?:{_STREET_BEFORE}) [^\W\d_]\w+",
            _I,
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.7,
        re.compile(
            r"(?<!\w)(?:\d{1,5} )?(?=\w{4,40}[ .])"
            rf"\w*?(?:{_STREET_ENDING}) \d{{1,4}}[a-z]?(?![\w:%])",
            _I,
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.8,
        re.compile(
            r"\b(?:P\.? ?O\.? Box|postbox|postfach|postboks|private bag) \d{1,6}"
            r"|\b(?:PSC|Unit) \d{1,5},? Box \d{1,5}|\b[AFD]PO A[AEP] \d{5}"
            rf"|(?:(?<![\w.,]){_NUMBERED}[.,]?\s{{0,3}}[^\w\s]{{0,4}}\s{{0,3}})?"
            r"\b(?:apt|apartment|suite|flat)\b\.? ?#?\d{1,4}[A-Z]?\b"
            rf"(?: {_NUMBERED})?(?:{_TOWN_LINES})?",
            _I,
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.6,
        re.compile(
            r"\b(?:address(?:es)?(?: (?:is|to|with))?|here they are|lives? (?:at|on)"
            r"|sent to|ship to)[ :,]{1,3}(?P<it>(?:\d{1,5} (?:\d{1,5} |C/ )?"
            r"(?:[^\W\d_][\w.'\-]{1,30}+ ?){1,4}+\d{0,4}"
            r"|(?:[A-ZÀ-Þ][\w.'\-]{1,30}+ ){1,3}+\d{1,4}))\b"
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.6,
        re.compile(
            r"(?<!\w)(?P<it>(?:[A-ZÀ-Þ][\w.'\-]{2,30}+ ){1,3}+\d{1,4}[a-z]?,?\s{1,3}"
            r"(?:\d{4} ?[A-Z]{2}|[A-Z]{1,2}-?\d{4,5}|\d{5}) [A-ZÀ-Þ]\w+)"
        ),
        needs=A_DIGIT,
    ),
)
