"""Patterns in words: birth dates, statements about a person's health and money."""

from __future__ import annotations

import re
from typing import Final

from tandem.privacy.base import A_DIGIT, Pattern

_I: Final = re.IGNORECASE
_NAME = r"[A-Z][a-z][\w'\-]*"

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
            rf"|nacid[oa]|nat[oa] il|nascid[oa])(?!\w)[^\n\d]{{0,24}}?(?P<it>{_DATE})",
            _I,
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "BIRTH_DATE",
        "personal",
        0.9,
        re.compile(
            rf"(?<![\w./\-])(?P<it>{_DATE})(?: (?:is|was|as|=)|:)(?: \w{{2,5}}+)?"
            r" (?:date of birth|birth ?day|birth date|d\.?o\.?b)",
            _I,
        ),
        needs=("birth", "dob", "d.o.b"),
    ),
)

_CONDITION = (
    r"(?:hiv|aids|cancer|tumou?r|leuk\w+|diabet\w+|depress\w+|pregnan\w+|epilep\w+|schizo\w+"
    r"|bipolar|asthma|hepatitis|dementia|alzheimer\w*|parkinson\w*|anxiety|autis\w+|adhd|arthritis"
    r"|chemotherapy|miscarriage|an? (?:stroke|heart attack|addiction)|migraines?|burn-?out"
    r"|multiple sclerosis|anorexi\w|bulimi\w|ptsd|lupus|tuberculosis|syphilis|herpes|endometriosis"
    r"|crohn\w*|c(?:o?e)liac\w*|psoriasis|thrombosis|dyslexi\w|(?:kidney|heart|liver) (?:failure"
    r"|disease|transplant)|allergic to|on sick leave|signed off sick|in rehab)"
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
_PAID = r"(?:earn(?:s|ed)?|owes?|(?:is|am|was) paid)\b"
_STARTERS = r"(?!(?:If|When|While|Since|Because|And|But|Then|The|As|In|On|After|Today)\b)"
"""Capitals that begin a sentence, and no name."""
_CURRENCY = r"(?:usd|eur|gbp|chf|dollars|euros|pounds|francs)"
_MILLIONS = r" ?(?:[mb]n?\b|[mb]illion|trillion)"
_UNIT = rf"(?:k\b|{_CURRENCY}|an? (?:year|month|week))"
_MONEY_WORDS = (
    *("salary", "wage", "income", "bonus", "pension", "debt", "mortgage", "net worth", "paid"),
    *("credit score", "balance", "overdraft", "savings", "earn", "owe"),
)
_TITLED = rf"(?:Mr|Mrs|Ms|Miss|Dr)\.? {_NAME}"
_RELATIVE = (
    r"(?i:(?:my|his|her|our)(?: \w{1,12}+)? (?:daughter|son|wife|husband|mother|father|mum|mom|dad"
    r"|partner|child|kid|baby|sister|brother|colleague|boss|friend|employee|patient))"
)
_STATEMENTS: Final = (
    Pattern(
        "HEALTH",
        "personal",
        0.7,
        re.compile(
            rf"\b(?:(?i:my|his|her) (?i:{_RECORD})|{_NAME}'s (?i:{_RECORD})"
            rf"|(?i:(?:my|his|her) (?:\w{{1,12}}+ )?{_CONDITION}\b)"
            rf"|(?:(?i:i|he|she)|{_TITLED}|{_RELATIVE})(?i: suffers? from)"
            r"|(?i:diagnosed (?:with|as))|(?i:tested positive for)"
            rf"|(?i:patient(?: name)?:?) {_NAME})"
        ),
    ),
    Pattern(
        "HEALTH",
        "personal",
        0.7,
        re.compile(
            rf"\b(?:(?i:i|he|she|the patient)|{_TITLED}|{_RELATIVE}|{_NAME}(?: {_NAME})?)"
            r"(?i: (?:has|have|had|has been|is having|suffers? from|suffered from"
            r"|(?:is|was|am)(?: being)? treated for|takes|is|was|am)"
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
            rf"\b(?:(?i:i|he|she)|{_TITLED}|{_RELATIVE}|{_STARTERS}{_NAME} {_NAME})(?i: {_PAID}"
            rf"[^.\n\d$€£]{{0,20}}(?:\d[\d.,]*+ ?{_UNIT}|[$€£] ?\d[\d.,]*+(?!{_MILLIONS})))"
        ),
        needs=_MONEY_WORDS,
    ),
    Pattern(
        "FINANCIAL",
        "personal",
        0.7,
        re.compile(
            rf"\b(?:(?i:i|he|she)|{_TITLED}|{_RELATIVE})(?i: (?:makes?\b[^.\n\d]{{0,10}}\d[\d.,]*+"
            rf" ?(?:k|{_CURRENCY})? (?:an?|per) (?:year|month|week)\b"
            r"|(?:am|is|was) [^.\n]{0,30}?\bin debt\b|(?:ha[sd] |have )?filed for bankruptcy))"
        ),
        needs=("make", "debt", "bankruptcy"),
    ),
)

DETECTORS: Final = (*_BIRTH, *_STATEMENTS)
