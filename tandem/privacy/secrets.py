"""Patterns of keys, passwords and tokens."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

from tandem.privacy.base import Pattern

_I: Final = re.IGNORECASE
_COMMON_WORDS = """
about after again already also always and any because been before being blocked but can cannot
changed compromised correct different empty expired for forgotten from gone good has have hidden
how if in incorrect invalid is it known left linked locked long lost missing my needed never new
no not now of off old on one only optional or out over protected rejected required reset safe
same saved secure sent set short shown so still stolen stored strong that the this to too
unknown until used valid very weak what when where which who why with without working wrong you
your asked entered mandatory case-sensitive sensitive unchanged something someone somewhere
disclosed shared leaked exposed needed accepted null none true false string field here below
above due available going hashed encrypted masked visible kept printed generated checked verified
updated created reset at by per part both either usually typically automatically currently
temporarily longer shorter easy hard simple complex enough fine right there present filled typed
displayed blank common public private personal confidential her his our their its an just stale
disabled enabled based made done everything nothing anything supposed
falsch abgelaufen vergessen gesperrt zu nicht incorrecta caducada oublié expiré incorrecte
sha256 base64 bcrypt argon2 oauth2 pbkdf2
"""
_NO_PASSCODE: Final = frozenset(_COMMON_WORDS.split())


def _is_password(written: str) -> bool:
    value = written.strip("\"'`.,;:!?()<>[]{}*").lower()
    return len(value) >= 3 and value not in _NO_PASSCODE and not value.startswith("${")


def _is_mixed(written: str) -> bool:
    """A password by its look: letters with digits or signs among them, as no word is written."""
    value = written.strip("\"'`.,;:?()<>[]{}*")
    letters = any(character.isalpha() for character in value)
    return letters and any(character.isdigit() for character in value) and _is_password(value)


def _is_random(written: str) -> bool:
    """Letters and digits that nobody would write as words (entropy over 3 bits a character)."""
    counts = Counter(written)
    entropy = -sum(n / len(written) * math.log2(n / len(written)) for n in counts.values())
    return entropy > 3 and any(character.isdigit() for character in written)


_PASSCODE_HINTS = (
    *("pass", "pwd", "kennwort", "contrase", "wachtwoord", "senha", "secret", "parola"),
    *("pin", "otp", "cvv", "cvc", "code"),
)
_PASSCODE_NOUN = (
    r"(?:pass ?(?:word|phrase|code)|passwd|pwd|passwort|kennwort|mot de passe|contrase[ñn]a"
    r"|wachtwoord|senha|login secret|parola d'ordine)"
)
_KEY_WORD = (
    r"(?:api[ _\-]?(?:key|token)|access[ _\-]?(?:key|token)"
    r"|secret(?:[ _\-]?(?:key|access[ _\-]?key))?"
    r"|client[ _\-]?secret|auth(?:entication)?[ _\-]?token|refresh[ _\-]?token"
    r"|private[ _\-]?key|(?:recovery|backup|licen[cs]e|encryption)[ _\-](?:key|code)|token)"
)
DETECTORS: Final = (
    Pattern(
        "PRIVATE_KEY",
        "secret",
        1.0,
        re.compile(
            r"-----\s?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?\s?-----"
            r"[A-Za-z0-9+/=\s:,\-]{0,8000}+"
        ),
        needs=("private key",),
    ),
    Pattern(
        "API_KEY",
        "secret",
        1.0,
        re.compile(
            r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
            r"|gh[pousr]_[A-Za-z0-9]{20,255}+|github_pat_\w{20,255}+|glpat-[\w\-]{16,64}+"
            r"|sk-[\w\-]{16,255}+|sk_(?:live|test)_\w{10,128}+|rk_(?:live|test)_\w{10,128}+"
            r"|xox[abeoprs]-[A-Za-z0-9\-]{8,255}+|xapp-[A-Za-z0-9\-]{8,255}+"
            r"|AIza[\w\-]{35}|ya29\.[\w\-]{20,512}+|hf_[A-Za-z0-9]{20,64}+|npm_[A-Za-z0-9]{30,64}+"
            r"|pypi-[\w\-]{20,512}+|lsv2_(?:pt|sk)_\w{16,128}+|SG\.[\w\-]{16,64}+\.[\w\-]{16,64}+"
            r"|dop_v1_[a-f0-9]{64}|AGE-SECRET-KEY-[A-Z0-9]{50,80}+)"
        ),
    ),
    Pattern(
        "WEBHOOK",
        "secret",
        1.0,
        re.compile(
            r"hooks\.slack\.com/services/[\w/]{20,200}+"
            r"|discord(?:app)?\.com/api/webhooks/\d+/[\w\-]{20,200}+"
        ),
        needs=("hooks.slack.com", "webhooks"),
    ),
    Pattern(
        "JWT",
        "secret",
        1.0,
        re.compile(r"(?<![\w\-])eyJ[\w\-]{8,4096}+\.eyJ[\w\-]{4,8192}+\.[\w\-]{0,4096}+"),
        needs=("eyj",),
    ),
    Pattern(
        "BEARER_TOKEN",
        "secret",
        0.9,
        re.compile(
            r"\b(?:bearer|basic) (?P<it>(?=[^\s]{0,200}[\d=._\-])[\w.~+/\-]{16,4096}+=*)", _I
        ),
        needs=("bearer", "basic"),
    ),
    Pattern(
        "URL_PASSWORD",
        "secret",
        1.0,
        re.compile(r"\b[a-z][a-z0-9+.\-]{1,20}://[^\s/:@]{0,64}:(?P<it>[^\s/@]{1,128})@", _I),
        needs=("://",),
    ),
    Pattern(
        "PASSWORD",
        "secret",
        0.9,
        re.compile(
            rf"{_PASSCODE_NOUN}[\"'`*]{{0,3}}\s{{0,4}}[:=]{{1,2}}>?\s{{0,4}}(?P<it>\S{{3,128}})", _I
        ),
        valid=_is_password,
        needs=_PASSCODE_HINTS,
    ),
    Pattern(
        "PASSWORD",
        "secret",
        0.8,
        re.compile(
            rf"{_PASSCODE_NOUN}(?: (?:for|to|of) [\w .\-]{{1,40}}?)?"
            r" (?:is|was|ist|lautet|est|es|é)(?: (?:now|still|set to|currently))?"
            r"\s?:?\s{1,4}(?P<it>\S{3,128})",
            _I,
        ),
        valid=_is_password,
        needs=_PASSCODE_HINTS,
    ),
    Pattern(
        "PASSWORD",
        "secret",
        0.7,
        re.compile(rf"{_PASSCODE_NOUN}[\"'`*]{{0,3}}(?: to| into)? {{1,4}}(?P<it>\S{{6,128}})", _I),
        valid=_is_mixed,
        needs=_PASSCODE_HINTS,
    ),
    Pattern(
        "PASSWORD",
        "secret",
        0.8,
        re.compile(
            r"\b(?:(?:pin|otp|cvv2?|cvc2?|security code|one[ \-]time (?:code|password)"
            r"|verification code"
            r"|access code)(?: (?:code|number))?)"
            r"(?: (?:on|of|for|in|you|we|they|i)(?: [a-z]{1,12}+){1,3}?)?"
            r"\s{0,3}(?:is|=|:|was)?\s{0,3}"
            r"(?P<it>\d{3,8})(?![\w/\-]|[.,]\d)",
            _I,
        ),
        needs=_PASSCODE_HINTS,
    ),
    Pattern(
        "API_KEY",
        "secret",
        0.8,
        re.compile(
            rf"{_KEY_WORD}[\"'`]{{0,2}}(?: (?:for|of|to)(?: [a-z]{{1,16}}+){{1,3}}?)?"
            r"\s{0,3}(?:is|was|=|:|=>)\s{0,3}[\"'`]?(?P<it>[\w+/.=\-]{12,512})",
            _I,
        ),
        valid=_is_random,
        needs=("key", "token", "secret", "code"),
    ),
)
