"""Patterns in words: addresses, birth dates, statements about a person's health and money."""

from __future__ import annotations

import re
from typing import Final

from tandem.privacy.base import A_DIGIT, Pattern

_I: Final = re.IGNORECASE
_NAME = r"[A-Z][a-z][\w'\-]*"

_STREET_AFTER = (
    r"Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Close|Court|Ct|Way|Place|Pl"
    r"|Square|Sq|Terrace|Crescent|Parkway|Pkwy|Highway|Hwy|Alley|Trail|Circle|Gardens|Mews|Quay"
)
_STREET_BEFORE = (
    r"rue|avenue|avenida|avda\.?|boulevard|chemin|via|viale|piazza|calle|rua|plaza|paseo|carrer"
    r"|ul\.|ulica|jalan|jln\.?|lorong|allée|quai|cours|travessa|largo|praça"
)
_STREET_ENDING = (
    r"stra(?:ß|ss)e|str\.|straat|dreef|gasse|gade|gata|gatan|gatu|vegen|veien|vej|vägen|laan|plein"
    r"|plads|kade|gracht|singel|allee|platz|katu|kuja|weg|stræti|braut"
)
_ADDRESSES: Final = (
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.8,
        re.compile(
            r"(?<![\w.,$€£\-])\d{1,5}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[A-Z][\w'.\-]{0,30}+ ){0,3}?"
            rf"(?:[A-Z][\w'.\-]{{1,30}}+|\d{{1,3}}(?:st|nd|rd|th)) (?:{_STREET_AFTER})\b"
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.7,
        re.compile(
            rf"(?<!\w)(?:{_STREET_BEFORE}) (?:[^\W\d_][\w'.\-]{{0,30}}+ ){{1,4}}?\d{{1,4}}\b"
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
            rf"(?<!\w)(?=\w{{4,40}}[ .])\w*?(?:{_STREET_ENDING}) \d{{1,4}}[a-z]?(?![\w:%])", _I
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.8,
        re.compile(
            r"\bP\.? ?O\.? Box \d{1,6}|\b(?:PSC|Unit) \d{1,5},? Box \d{1,5}"
            r"|\b[AFD]PO A[AEP] \d{5}|\b(?:apt|apartment|suite|flat)\b\.? ?#?\d{1,4}[A-Z]?\b",
            _I,
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "STREET_ADDRESS",
        "personal",
        0.6,
        re.compile(
            r"\b(?:address(?: (?:is|to|with))?|lives? (?:at|on)|sent to|ship to)[ :,]{1,3}"
            r"(?P<it>(?:\d{1,5} (?:[^\W\d_][\w.'\-]{1,30}+ ?){1,4}+\d{0,4}"
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

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,7}+\.?"
_DATE = (
    r"(?:\d{1,4}(?:st|nd|rd|th)?[./\- ]{1,2}\d{1,2}[./\- ]{1,2}\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_BIRTH: Final = (
    Pattern(
        "BIRTH_DATE",
        "personal",
        0.9,
        re.compile(
            r"\b(?:born|d\.?o\.?b\.?|date of birth|birth ?da(?:te|y)|geboren|geb\.|n[ée]e? le"
            rf"|nacid[oa]|nat[oa] il|nascid[oa])\b[^\n\d]{{0,24}}?(?P<it>{_DATE})",
            _I,
        ),
        needs=A_DIGIT,
    ),
)

_CONDITION = (
    r"(?:hiv|aids|cancer|tumou?r|leuk\w+|diabet\w+|depress\w+|pregnan\w+|epilep\w+|schizo\w+"
    r"|bipolar|asthma|hepatitis|dementia|alzheimer\w*|parkinson\w*|anxiety|autis\w+|adhd|arthritis"
    r"|chemotherapy|miscarriage|an? (?:stroke|heart attack|addiction))"
)
_RECORD = (
    r"(?:diagnosis|medical (?:history|records?|condition|report)|medications?|prescription"
    r"|pregnancy|psychiatrist|therapist|chemo(?:therapy)?|blood (?:test|type|pressure|results?)"
    r"|test results?|illness|disability|depression|cancer|diabetes|hiv(?: status)?)"
)
_MONEY = (
    r"(?:(?:annual |monthly |yearly |gross |net |base )?(?:salary|wages?|income|bonus|pension)"
    r"|debts?|mortgage|net worth|credit score|(?:account|bank) balance|overdraft|savings)"
)
_MONEY_WORDS = (
    *("salary", "wage", "income", "bonus", "pension", "debt", "mortgage", "net worth", "paid"),
    *("credit score", "balance", "overdraft", "savings", "earn", "owe"),
)
_TITLED = rf"(?:Mr|Mrs|Ms|Miss|Dr)\.? {_NAME}"
_STATEMENTS: Final = (
    Pattern(
        "HEALTH",
        "personal",
        0.7,
        re.compile(
            rf"\b(?:(?i:my|his|her) (?i:{_RECORD})|{_NAME}'s (?i:{_RECORD})"
            r"|(?i:diagnosed (?:with|as))|(?i:tested positive for)"
            rf"|(?i:patient(?: name)?:?) {_NAME})"
        ),
    ),
    Pattern(
        "HEALTH",
        "personal",
        0.7,
        re.compile(
            rf"\b(?:(?i:i|he|she|the patient)|{_TITLED}|{_NAME}(?: {_NAME})?)(?i: (?:has|have|had"
            r"|suffers? from|suffered from|(?:is|was|am)(?: being)? treated for|takes|is|was|am)"
            rf" (?:\w+ ){{0,2}}?{_CONDITION}\b)"
        ),
    ),
    Pattern(
        "FINANCIAL",
        "personal",
        0.7,
        re.compile(
            rf"\b(?:(?i:my|his|her)|{_NAME}'s)(?i: {_MONEY}(?: (?:is|was|of|at)|:| =)"
            r"[^.\n\d]{0,30}\d)"
            rf"|\b(?i:{_MONEY} (?:of|owed by)) (?:{_TITLED}|(?!Q\d){_NAME})"
        ),
        needs=_MONEY_WORDS,
    ),
    Pattern(
        "FINANCIAL",
        "personal",
        0.7,
        re.compile(
            rf"\b(?:(?i:i|he|she)|{_TITLED})(?i: (?:earns?|owes?|(?:is|am|was) paid)"
            r"[^.\n\d]{0,20}\d[\d.,]*+ ?(?:k\b|usd|eur|gbp|dollars|euros|pounds|a (?:year|month))"
            r"|(?: (?:earns?|owes?|(?:is|am|was) paid)[^.\n\d]{0,20}[$€£] ?\d))"
        ),
        needs=_MONEY_WORDS,
    ),
)

DETECTORS: Final = (*_ADDRESSES, *_BIRTH, *_STATEMENTS)
