"""What a text says to somebody who undoes its encoding: HTML entities, percent signs, base64 and
letters of other alphabets that look Latin.

One layer of each is undone. What is found only then has no span in the text itself, so it can be
blocked, but neither masked nor redacted.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tandem.privacy.detectors import Finding

_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{11,}+={0,2}")
_LOOK_ALIKES: Final = str.maketrans(
    "асеорхуіјѕԁһԛԝАВСЕНКМОРТХУІЈЅαεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aceopxyijsdhqwABCEHKMOPTXYIJSaeiknoptuxABEZHIKMNOPTYX",
)


def disguised(
    text: str, found: Sequence[Finding], check: Callable[[str], Sequence[Finding]]
) -> Iterator[tuple[Finding, str]]:
    """What `check` finds in the readings of `text` beside what it `found` in the text itself, each
    with the characters it covers there. Raises what `check` raises."""
    known = {(each.type, _undone(text[each.start : each.end])) for each in found}
    for reading in readings(text):
        for finding in check(reading):
            said = reading[finding.start : finding.end]
            if (finding.type, said) not in known:
                known.add((finding.type, said))
                yield finding, said


def readings(text: str) -> Iterator[str]:
    """What `text` says where encodings are undone; nothing where there are none."""
    plain = _undone(text)
    if plain != text:
        yield plain
    decoded = _BASE64.sub(_decoded, plain)
    if decoded != plain:
        yield decoded


def _undone(text: str) -> str:
    if "&" in text:
        text = html.unescape(text)
    if _PERCENT.search(text):
        text = urllib.parse.unquote(text, errors="replace")
    return text if text.isascii() else text.translate(_LOOK_ALIKES)


def _decoded(run: re.Match[str]) -> str:
    """The text that base64 holds; what holds no text stays as it is."""
    written = run[0].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        said = base64.b64decode(written + "=" * (-len(written) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return run[0]
    return said if all(c in "\n\r\t" or _is_of_text(c) for c in said) else run[0]


def _is_of_text(character: str) -> bool:
    """Unlike isprintable, also spaces of other widths and what is not seen."""
    return unicodedata.category(character) not in {"Cc", "Cn", "Co", "Cs"}
