"""Whether a text reads like a contract at all: by the words that contracts in English are made of.

A letter, an e-mail or a receipt would else get a whole review, in which nothing is mentioned. What
it goes by are the kinds of such words that a text has, how dense they are, and whether it speaks of
itself as an agreement; docs/contracts.md says what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

LEAST_KINDS: Final = 3
LEAST_SHARE: Final = 0.03
"""Of the words. Of 72 agreements none had less than .044; of 235 handbook pages that have as many
kinds and name an agreement, none more than .025."""
SURE_KINDS: Final = 5
SURE_SHARE: Final = 0.04
"""So much is needed of an excerpt, which does not call itself an agreement..."""
LETTER_KINDS: Final = 5
"""...and of a letter, beside its calling itself one: letters about contracts use their words."""
BEGINNINGS: Final = (2_000, 12_000)
"""Characters, looked at beside the whole: a contract's annexes may be of any kind and length."""
_TITLE_CHARS: Final = 600
_LETTER_CHARS: Final = 1_500

_NOUN: Final = (
    r"(?:agreements?|contracts?|deeds?|leases?|indentures?|undertakings?|licen[cs]es?|addendum"
    r"|amendments?|covenants?|bill\s{1,9}of\s{1,9}sale|terms(?:\s{1,9}(?:and|&)\s{1,9}conditions)?"
    r"|terms\s{1,9}of\s{1,9}(?:service|use|sale)|nda)\b"
)
_SELF: Final = re.compile(
    rf"\b(?:this|these|the\s{{1,9}}present)\s{{1,9}}(?:[\w&'\u2019()/-]{{1,30}}\s{{1,9}}){{0,4}}{_NOUN}",
    re.IGNORECASE,
)
_TITLE: Final = re.compile(
    # A capital noun in a line, or any that ends a line: "EQUIPMENT LEASE NO. 4", "Rental contract".
    r"^\W{0,9}(?=[A-Z])(?:[^\n.!?,;]{0,80}\b)?"
    r"(?:(?:Agreement|Contract|Deed|Lease|Undertaking|Terms|Licen[cs]e)\b|(?:AGREEMENT|CONTRACT|DEED"
    rf"|LEASE|UNDERTAKING|TERMS|LICEN[CS]E)S?\b|(?i:{_NOUN})(?=[*\s]{{0,9}}(?:[.:\n]|\Z)))",
    re.MULTILINE,
)
_LETTER: Final = re.compile(
    r"^[ \t>]{0,9}(?:dear|hi|hello|hey|to whom it may concern|subject:|from:)\b"
    r"|^[ \t>]{0,9}(?:yours|kind regards|best regards|regards|sincerely|best wishes)\b",
    re.IGNORECASE | re.MULTILINE,
)
_KINDS: Final[Mapping[str, re.Pattern[str]]] = {
    "agreement": re.compile(rf"\b{_NOUN}", re.IGNORECASE),
    "shall": re.compile(r"\b(?:shall|must\s{1,9}not|agrees?\s{1,9}(?:to|that))\b", re.IGNORECASE),
    "party": re.compile(
        r"\b(?:part(?:y|ies)|licen[cs](?:or|ee)|landlord|tenant|lessor|lessee|seller|buyer"
        r"|contractor|disclos(?:er|ing)|recipient|undersigned)\b",
        re.IGNORECASE,
    ),
    "herein": re.compile(
        r"\b(?:here|there)(?:by|in|of|to|under|after|inafter|inbefore|with|from|upon|unto)\b",
        re.IGNORECASE,
    ),
    # A term that is defined: (the "Company"). Case counts.
    "defined": re.compile(
        r"\([^()\n\"\u201c]{0,60}[\"\u201c\u2018][A-Z][^\"\u201d()\n]{1,50}[\"\u201d\u2019]\s?\)"
    ),
    "law": re.compile(
        r"\bgovern(?:ed|ing)\b[^.]{0,40}\blaws?\b|\blaws?\s{1,9}of\b|\bjurisdiction\b",
        re.IGNORECASE,
    ),
    "legal": re.compile(
        r"\b(?:pursuant\s{1,9}to|notwithstanding|without\s{1,9}limitation|subject\s{1,9}to"
        r"|in\s{1,9}accordance\s{1,9}with|provided,?\s{1,9}(?:however,?\s{1,9})?that"
        r"|in\s{1,9}witness\s{1,9}whereof|set\s{1,9}forth|to\s{1,9}the\s{1,9}extent)\b",
        re.IGNORECASE,
    ),
    "duty": re.compile(
        r"\b(?:warrant(?:s|y|ies)?|indemnif\w{1,9}|liable|liabilit(?:y|ies)|breach|obligations?"
        r"|remed(?:y|ies)|damages|assign(?:s|ees?|ment)?|waive[rsd]?|enforceab\w{1,9})\b",
        re.IGNORECASE,
    ),
    "term": re.compile(
        r"\bterminat(?:e|ed|es|ion|ing)\b|\beffective\s{1,9}date\b|\bconfidential(?:ity)?\b"
        r"|\bexpir(?:y|ation)\b|\brenew(?:al|ed|s)?\b|\bnon-?disclosure\b",
        re.IGNORECASE,
    ),
}
_WORD: Final = re.compile(r"[^\W\d_]+")


def reads_as_contract(text: str) -> bool:
    """Whether `text`, or its beginning, reads like a contract in English.

    False for a text in another language: neither the words nor the head know it.
    """
    beginnings = [text[:most] for most in BEGINNINGS if len(text) > most]
    return any(_reads(piece) for piece in (*beginnings, text))


def _reads(text: str) -> bool:
    counts = {kind: len(pattern.findall(text)) for kind, pattern in _KINDS.items()}
    kinds = sum(count > 0 for count in counts.values())
    share = sum(counts.values()) / max(len(_WORD.findall(text)), 1)
    names_itself = _SELF.search(text) is not None
    letter = _LETTER.search(text[:_LETTER_CHARS]) is not None
    if letter:
        return names_itself and kinds >= LETTER_KINDS and share >= LEAST_SHARE
    titled = _TITLE.search(text[:_TITLE_CHARS]) is not None
    if names_itself or titled:
        return kinds >= LEAST_KINDS and share >= LEAST_SHARE
    return kinds >= SURE_KINDS and share >= SURE_SHARE
