"""What kind of text this is, as far as words and layout tell: a contract, perhaps one, or another.

A letter, an e-mail or a receipt would else get a whole review, in which nothing is mentioned. What
names itself an agreement and has numbered clauses is a contract, in however plain words; for the
rest it goes by the kinds of words that contracts in English are made of, and how dense they are.
What is left in doubt is reviewed, and the review says so; the rest is refused. docs/contracts.md
says what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

TextKind = Literal["contract", "doubtful", "other"]

LEAST_CLAUSES: Final = 3
"""Numbered clauses of a text that names itself an agreement..."""
CLAUSE_WORDS: Final = 80
"""...and have on average no more words. Of 8 plain contracts none had more than 28 a clause, of
handbook pages that name an agreement and have numbered steps none fewer than 100."""
DOUBT_SHARE: Final = 0.01
DOUBT_KINDS: Final = 4
"""With so many kinds of words, what has numbered clauses and no name is in doubt, unless they are
less dense than NAMELESS_SHARE..."""
NAMELESS_SHARE: Final = 0.02
DOUBT_LETTER_KINDS: Final = 6
"""...and so is a letter."""
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
    r"|terms\s{1,9}of\s{1,9}(?:service|use|sale)|nda|mou|side\s{1,9}letters?"
    r"|memorandum\s{1,9}of\s{1,9}understanding)\b"
)
_SELF: Final = re.compile(
    rf"\b(?:this|these|the\s{{1,9}}present)\s{{1,9}}(?:[\w&'\u2019()/-]{{1,30}}\s{{1,9}}){{0,4}}{_NOUN}",
    re.IGNORECASE,
)
_TITLE: Final = re.compile(
    # A capital noun in a line, or any that ends a line: "EQUIPMENT LEASE NO. 4", "Rental contract".
    # Not "Requesting an agreement": that is a page about one.
    r"^\W{0,9}(?=[A-Z])(?!How\b|About\b|[A-Z]\w{1,15}ing\s{1,9}(?:an?|the|your|our|for|to|with)\b)"
    r"(?:[^\n.!?,;]{0,80}\b)?"
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
        r"\bgovern(?:ed|ing)\b[^.]{0,40}\blaws?\b|\blaws?\s{1,9}(?:of|applies)\b|\bjurisdiction\b",
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
_NUMBERED: Final = re.compile(
    r"^[ \t#*]{0,9}(?:(?:article|section|clause|\u00a7)[ \t]{0,9}[\dIVXL]{1,5}\b"
    r"|\d{1,2}(?:\.\d{1,2}){0,3}[.)]|\d{1,2}\.\d{1,2}\b|[IVXL]{1,5}\.)[ \t*.:]{1,9}[^\W\d_]",
    re.IGNORECASE | re.MULTILINE,
)
_LIKEST: Final[tuple[TextKind, ...]] = ("contract", "doubtful", "other")


def kind_of_text(text: str) -> TextKind:
    """What `text` is, by its beginning or by the whole, whichever reads more like a contract.

    "other" for a text in another language: neither the words nor the head know it.
    """
    beginnings = [text[:most] for most in BEGINNINGS if len(text) > most]
    found = {_kind(piece) for piece in (*beginnings, text)}
    return next(kind for kind in _LIKEST if kind in found)


def _kind(text: str) -> TextKind:
    counts = {kind: len(pattern.findall(text)) for kind, pattern in _KINDS.items()}
    kinds = sum(count > 0 for count in counts.values())
    words = max(len(_WORD.findall(text)), 1)
    share = sum(counts.values()) / words
    clauses = len(_NUMBERED.findall(text))
    numbered = clauses >= LEAST_CLAUSES and words <= clauses * CLAUSE_WORDS
    title, letter = _TITLE.search(text[:_TITLE_CHARS]), _LETTER.search(text[:_LETTER_CHARS])
    headed = numbered and title and letter and title.start() < letter.start()
    if letter and not headed:
        return _letter(text, kinds, share, numbered)
    if title or _SELF.search(text):
        if numbered or (kinds >= LEAST_KINDS and share >= LEAST_SHARE):
            return "contract"
        in_doubt = kinds >= LEAST_KINDS and share >= DOUBT_SHARE and clauses >= LEAST_CLAUSES
        return "doubtful" if in_doubt else "other"
    if kinds >= SURE_KINDS and share >= SURE_SHARE:
        return "contract"
    in_doubt = numbered and kinds >= DOUBT_KINDS and share >= NAMELESS_SHARE
    return "doubtful" if in_doubt else "other"


def _letter(text: str, kinds: int, share: float, numbered: bool) -> TextKind:
    if _SELF.search(text) and share >= LEAST_SHARE and (kinds >= LETTER_KINDS or numbered):
        return "contract"
    return "doubtful" if kinds >= DOUBT_LETTER_KINDS else "other"
