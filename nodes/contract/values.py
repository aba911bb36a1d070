"""Values of a contract, found by rules: governing law, notice period, renewal term, dates.

A value is a piece of the text with its offsets, so that it cannot but stand there; what is computed
from it ("sixty (60) days" is 60 days) stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from tandem.nodes.number_words import NUMBER_WORDS, SMALL, worded_number
from tandem.quality.dates import find_dates

FIELDS: Final = (
    "governing_law",
    "notice_period",
    "renewal_term",
    "effective_date",
    "expiration_date",
)


class Found(NamedTuple):
    """A value: where it stands, and its normal form."""

    start: int
    end: int
    value: str


_NUMBERS: Final = SMALL | {"zero": 0, "a": 1, "an": 1}
# Spaces are bounded wherever two runs of them may meet: else a page of blanks takes hours.
_UNIT: Final = (
    r"(?:(?:calendar|business|working|full|consecutive|additional|successive)[\s-]{1,20})?"
    r"(?P<unit>days?|weeks?|months?|years?)\b"
)
_GAP: Final = r"[\s-]{0,20}"
# "several hundred days" and "2 hundred days" are no hundred, "several hundred and ten" is no ten.
_WHOLE: Final = (
    r"(?:(?!hundred|thousand)|(?<=\ba\s)|(?<=\bthe\s)|(?<=\()|\A)"
    r"(?<!hundred[\s-])(?<!hundred\sand\s)(?<!thousand[\s-])(?<!thousand\sand\s)"
)
DURATION: Final = re.compile(
    rf"(?<!\w)(?:{_WHOLE}(?P<word>{NUMBER_WORDS}){_GAP}(?:\(\s{{0,9}}(?P<paren>\d{{1,3}})\s{{0,9}}\){_GAP})?"
    rf"|(?P<digits>\d{{1,3}}){_GAP}(?:\([^)]{{1,20}}\){_GAP})?)['\u2019]?s?{_GAP}{_UNIT}",
    re.IGNORECASE,
)
_LAW: Final = re.compile(
    r"\b(?:[Ll]aws?|LAWS?|[Ll]egislation)\s{1,20}(?:(?:and|or)\s+\w+\s{1,20})?"
    r"(?:of|in|as\s+in\s+force\s+in)?\s{0,20}"
    r"(?:the\s+)?(?P<kind>(?i:state|commonwealth|province|republic|kingdom|federal\s+republic)"
    r"\s+of\s+(?:the\s+)?)?"
    r"(?P<place>[A-Z][\w.\u2019'-]{0,40}"
    r"(?:\s{1,20}(?:(?:of|and|the)\s{1,20}(?:the\s{1,20})?)?[A-Z][\w.\u2019'-]{0,40}){0,5}"
    r"(?:,\s*(?:Canada|Australia|UK|India))?)"
)
_LAW_BEFORE: Final = re.compile(
    r"\b(?P<place>PRC|English|Chinese|German|French|Swiss)\s+[Ll]aws?\b"
)
_LAW_ABOUT: Final = re.compile(
    r"govern|constru|interpret|in\s+accordance\s+with|subject\s+to|determined", re.IGNORECASE
)
_NOT_PLACES: Final = re.compile(
    r"^(?:Agreement|Contract|Party|Parties|Section|Article|Company|Act|Conflict|Choice|Law)",
)
_LAW_TAIL: Final = re.compile(
    r"\s+(?:Without|Applicable|And|The|Excluding|As|USA|U\.S\.A\.?)\b.*$|[.,\u2019'\s-]+$|\.$"
)
_LAW_NAMES: Final = {
    "PRC": "People's Republic of China",
    "English": "England",
    "Chinese": "China",
    "German": "Germany",
    "French": "France",
    "Swiss": "Switzerland",
}
_NOTICE: Final = re.compile(r"\bnotice|\bnotif(?:y|ies|ication)|\bnot\s+(?:be\s+)?renew", re.I)
_NOTICE_FOR: Final = re.compile(
    r"renew|terminat|expir|extend|extension|cancel|anniversary|end\s+of\s+(?:the|each|any)", re.I
)
_BEFORE: Final = re.compile(
    r"^\W*(?:(?:advance|prior|written|in\s+writing|or\s+more)\W+){0,3}(?:notice|before|prior|in\s+"
    r"advance|notif)",
    re.IGNORECASE,
)
_AT_LEAST: Final = re.compile(
    r"(?:at\s+least|not\s+less\s+than|no\s+(?:later|less|fewer)\s+than|not\s+later\s+than|minimum\s+of"
    r"|upon|within)\W+(?:\w+\W+)?$",
    re.IGNORECASE,
)
_RENEW: Final = re.compile(r"renew|exten(?:d|sion)|continu|successive|roll\s*over", re.I)
_NO_RENEWAL: Final = re.compile(
    r"\W*(?:from|after|following|anniversary|\W*\(?\W*initial)", re.IGNORECASE
)
_YEARLY: Final = re.compile(
    r"(?P<monthly>month[- ]to[- ]month)|(?P<yearly>year[- ]to[- ]year|each\s+year\s+thereafter"
    r"|annual(?:ly)?\s+(?:periods?|basis|terms?)|on\s+an?\s+(?:annual|yearly)\s+basis"
    r"|yearly\s+basis|annually|automatically\s+each\s+year)",
    re.IGNORECASE,
)
_SUCCESSIVE: Final = re.compile(
    r"success|consecutive|\beach\b|every|any\s+renewal|periods|(?<!same )(?<!these )terms\b"
    r"|increments",
    re.IGNORECASE,
)
_FURTHER: Final = re.compile(
    r"(?:additional|further|success\w+|consecutive|subsequent|renewed|renew|extended|extend|renewal"
    r"(?:\s+\w+){0,2}\s+of)\W+(?:\w+\W+){0,4}$",
    re.IGNORECASE,
)
_FOREVER: Final = re.compile(
    r"unlimited\s+period|indefinite\w*|(?:continue|remain)\b.{0,40}\buntil\s+terminated", re.I
)
_EFFECTIVE: Final = re.compile(
    r"effective\s+(?:as\s+of|date|on)|dated\s+(?:as\s+of)?|made\s+(?:and\s+entered\s+into\s+)?"
    r"(?:this|as\s+of|on)|entered\s+into\s+(?:this|as\s+of|on)|commenc",
    re.IGNORECASE,
)
_EXPIRES: Final = re.compile(r"expir|terminat|until|through|end(?:s|ing)?\s+on", re.IGNORECASE)


def find_values(text: str, spans: Sequence[tuple[int, int]]) -> dict[str, Found]:
    """The first value of each field in the pieces `spans` of `text`; a field without one is left
    out."""
    found: dict[str, Found] = {}
    for start, end in spans:
        piece = text[start:end]
        for field, find in _RULES.items():
            if field not in found and (one := next(find(piece), None)):
                found[field] = Found(start + one.start, start + one.end, one.value)
    return found


def governing_law(text: str) -> Iterator[Found]:
    """The place whose law a sentence says to govern."""
    if not _LAW_ABOUT.search(text):
        return
    for match in _LAW_BEFORE.finditer(text):
        yield Found(match.start("place"), match.end("place"), _LAW_NAMES[match["place"]])
    for match in _LAW.finditer(text):
        place = _LAW_TAIL.sub("", match["place"])
        if place and not _NOT_PLACES.match(place):
            start = match.start("place")
            kind = match["kind"] or ""
            if kind.split() and kind.split()[0].casefold() not in ("state", "commonwealth"):
                start, place = match.start("kind"), kind + place
            value = " ".join(text[start : start + len(place)].split())
            yield Found(start, start + len(place), _LAW_NAMES.get(value, value))


def notice_period(text: str) -> Iterator[Found]:
    """How long before the end of a term notice must be given."""
    if not (_NOTICE.search(text) and _NOTICE_FOR.search(text)):
        return
    durations = list(DURATION.finditer(text))
    sure = [m for m in durations if _BEFORE.match(text[m.end() : m.end() + 60])]
    likely = [m for m in durations if _AT_LEAST.search(text[max(0, m.start() - 40) : m.start()])]
    for match in [*(m for m in sure if m in likely), *sure, *likely]:
        yield _duration(match)


def renewal_term(text: str) -> Iterator[Found]:
    """How long a renewal lasts; "successive" before it where there may be several."""
    renews = _RENEW.search(text)
    if renews is None:
        return
    durations = [*DURATION.finditer(text)]
    near = [m for m in durations if _FURTHER.search(text[max(0, m.start() - 60) : m.start()])]
    for match in [*near, *(m for m in durations if m.start() > renews.start())]:
        after = text[match.end() : match.end() + 60]
        if _BEFORE.match(after) or _NO_RENEWAL.match(after):
            continue
        around = text[max(0, match.start() - 35) : match.end() + 20]
        one = _duration(match)
        yield one._replace(
            value=f"{'successive ' if _SUCCESSIVE.search(around) else ''}{one.value}"
        )
    for match in _YEARLY.finditer(text):
        unit = "month" if match["monthly"] else "year"
        yield Found(match.start(), match.end(), f"successive 1 {unit}")
    for match in _FOREVER.finditer(text, renews.start()):
        yield Found(match.start(), match.end(), "perpetual")


def effective_date(text: str) -> Iterator[Found]:
    """The date of the agreement, or on which it takes effect."""
    return _dates(text, _EFFECTIVE)


def expiration_date(text: str) -> Iterator[Found]:
    """The date on which the agreement ends."""
    return _dates(text, _EXPIRES)


def _dates(text: str, about: re.Pattern[str]) -> Iterator[Found]:
    for one in find_dates(text):
        if about.search(text[max(0, one.start - 80) : one.start]):
            yield Found(one.start, one.end, one.readings[-1].isoformat())


def _duration(match: re.Match[str]) -> Found:
    return Found(match.start(), match.end(), duration_of(match))


def duration_of(match: re.Match[str]) -> str:
    """What a match of DURATION means: "60 days"."""
    written = match["paren"] or match["digits"]
    count = float(written) if written else worded_number(match["word"])
    unit = match["unit"].casefold().rstrip("s")
    return f"{count:g} {unit}{'s' if count != 1 else ''}"


_RULES: Final[Mapping[str, Callable[[str], Iterator[Found]]]] = {
    "governing_law": governing_law,
    "notice_period": notice_period,
    "renewal_term": renewal_term,
    "effective_date": effective_date,
    "expiration_date": expiration_date,
}


def same_value(field: str, said: Any, meant: str) -> bool:
    """Whether two values of a field are the same: any of several alternatives ("180 days / 6
    months", "5 years; 2 years"), written in any case."""
    wanted = {_plain(field, part) for part in re.split("[/;]", meant)}
    return _plain(field, str(said)) in wanted


def _plain(field: str, value: str) -> str:
    plain = re.sub(r"\([^)]{0,200}\)|[^\w\s]", " ", value.casefold())
    words = [_singular(word) for word in plain.split()]
    if field == "governing_law":
        words = [w for w in words if w not in ("the", "state", "of", "uk", "usa", "commonwealth")]
    return " ".join(str(_NUMBERS.get(word, word)) for word in words).replace("12 month", "1 year")


def _singular(word: str) -> str:
    return word.rstrip("s") if word.rstrip("s") in ("day", "week", "month", "year") else word
