"""Reversible placeholders: `<EMAIL_1>` for an address on the way out, the address on the way back.

The same entity has the same placeholder wherever it stands in a run. The map lives in memory, for
the run only. What looks like a placeholder in the text itself gets one of its own, so that every
placeholder that a model sees is ours, and nothing else is ever put in its place.
"""

from __future__ import annotations

import json
import re
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from tandem.privacy.known import SHORTEST, folded, places

PLACEHOLDER: Final = re.compile(r"<([A-Z][A-Z0-9_]{0,40})_([1-9]\d{0,5})>")
WRITTEN: Final = re.compile(r"(?:<|\\u003[cC])([A-Z][A-Z0-9_]{0,40}_[1-9]\d{0,5})(?:>|\\u003[eE])")
"""A placeholder in an answer; a model may write its brackets as JSON escapes."""
_BEGUN: Final = re.compile(
    r"(?:(?:<|\\u003[cC])(?:[A-Z][A-Z0-9_]{0,47}(?:\\(?:u(?:0(?:0(?:3)?)?)?)?)?)?"
    r"|\\(?:u(?:0(?:0(?:3)?)?)?)?)\Z"
)
"""The end of a text that may be the beginning of one."""
REDACTED: Final = "redacted:"
UNRESTORED: Final = "unrestored:"
"""What the signals of an attempt begin with that tell how many entities of a type were."""
_LONGEST: Final = 64
_FENCE: Final = "```json"
_LITERAL: Final = "LITERAL"
_NUMBERS: Final = frozenset({"PAYMENT_CARD", "IBAN", "PHONE", "US_SSN"})
"""Types whose separators say nothing: 4111-1111 and 4111 1111 are one entity."""


class Vault:
    """The placeholders of one run. Safe for use by threads; never written down or shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        self._known: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Vault({len(self._values)} placeholders)"

    def placeholder(self, kind: str, value: str) -> str:
        """The placeholder of `value`; the first way in which it was written is what comes back."""
        key = (kind, _identity(kind, value))
        with self._lock:
            if key not in self._names:
                self._numbers[kind] += 1
                self._names[key] = f"{kind}_{self._numbers[kind]}"
                self._values[self._names[key]] = value
            return f"<{self._names[key]}>"

    def protect(self, text: str) -> str:
        """`text` with what merely looks like a placeholder replaced by one."""
        return PLACEHOLDER.sub(lambda found: self.placeholder(_LITERAL, found[0]), text)

    def know(self, kind: str, value: str) -> None:
        """Remember a value that must be replaced wherever it comes; too short ones are not."""
        if len(short := folded(value)) >= SHORTEST:
            with self._lock:
                self._known.setdefault(short, kind)

    def knows(self, text: str) -> bool:
        """Whether a known value, or what is left of one beside a cut, stands in `text`."""
        return any(self.places(piece) for piece in _pieces(text))

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and type of each known value in `text`; see `known.places`."""
        known = dict(self._known)
        if not known:
            return []
        return [(start, end, known[value]) for start, end, value in places(text, known)]

    def restore(self, text: str, *, in_json: bool = False) -> str:
        """`text` with each placeholder replaced by what it stands for.

        Parameters
        ----------
        in_json: the text is JSON, so that what stands in its strings must be escaped.
        """

        def value(found: re.Match[str]) -> str:
            known = self._values.get(found[1])
            if known is None:
                return found[0]
            return json.dumps(known, ensure_ascii=False)[1:-1] if in_json else known

        return WRITTEN.sub(value, text)

    def restore_values(self, value: Any) -> Any:
        """A JSON-plain value with all its texts restored, keys included."""
        if isinstance(value, str):
            return self.restore(value)
        if isinstance(value, Mapping):
            return {self.restore(str(k)): self.restore_values(v) for k, v in value.items()}
        return [self.restore_values(each) for each in value] if isinstance(value, list) else value

    @property
    def empty(self) -> bool:
        """Whether nothing was replaced."""
        return not self._values

    def redacted(self) -> dict[str, int]:
        """How many entities of each type have a placeholder."""
        return {kind: n for kind, n in self._numbers.items() if kind != _LITERAL}

    def lost(self, answer: str) -> dict[str, int]:
        """By type, what in a model's answer (as it came) is no placeholder any more but was one, or
        is one that nobody gave out: these cannot be restored."""
        kinds = [kind for kind in self._numbers if kind != _LITERAL]
        if not kinds:
            return {}
        rest = WRITTEN.sub(lambda found: "" if found[1] in self._values else found[0], answer)
        names = "|".join(map(re.escape, kinds))
        altered = re.compile(rf"(?:[<\[({{{{]\s*({names})[ _-]{{0,2}}\d+|\b({names})_\d+)", re.I)
        cut_off = re.compile(rf"<({names})_?\Z")
        found = [*altered.finditer(rest), *cut_off.finditer(rest)]
        return dict(Counter((match[1] or match[match.lastindex or 1]).upper() for match in found))


class StreamRestorer:
    """Restores a text that comes in pieces; half a placeholder is held back.

    Parameters
    ----------
    tell: gets the restored text as it comes.
    in_json: see `Vault.restore`; None: told by how it begins.
    """

    def __init__(
        self, vault: Vault, tell: Callable[[str], None], in_json: bool | None = None
    ) -> None:
        self._vault, self._tell, self._in_json = vault, tell, in_json
        self._held = ""

    def feed(self, text: str) -> None:
        """Take the next piece."""
        self._held += text
        if self._in_json is None:
            self._in_json = _told_json(self._held)
            if self._in_json is None:
                return
        begun = _BEGUN.search(self._held[-_LONGEST:])
        keep = len(begun[0]) if begun else 0
        ready, self._held = self._held[: len(self._held) - keep], self._held[-keep:] if keep else ""
        self._emit(ready)

    def end(self) -> None:
        """No more comes: what was held back was no placeholder."""
        ready, self._held = self._held, ""
        self._emit(ready)

    def _emit(self, text: str) -> None:
        if text:
            self._tell(self._vault.restore(text, in_json=bool(self._in_json)))


class Vaults:
    """The vaults of the runs of a process, each forgotten when its run is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Vault]] = {}

    def of(self, run_id: str, until: float) -> Vault:
        """The vault of a run, kept until `until` (Unix time, seconds); one of its own for a call
        that belongs to no run."""
        if not run_id:
            return Vault()
        with self._lock:
            now = time.time()
            self._kept = {run: kept for run, kept in self._kept.items() if kept[0] > now}
            _, vault = self._kept.get(run_id, (until, Vault()))
            self._kept[run_id] = (until, vault)
            return vault

    def holds(self, run_id: str) -> bool:
        """Whether a run's vault is here; not where the run began in another process."""
        with self._lock:
            until, _ = self._kept.get(run_id, (0.0, None))
        return until > time.time()

    def forget(self, run_id: str) -> None:
        """The run is over."""
        with self._lock:
            self._kept.pop(run_id, None)


def _pieces(text: str) -> list[str]:
    """What stands between the placeholders of `text`."""
    return PLACEHOLDER.sub("\0", text).split("\0")


def without_placeholders(text: str) -> str:
    """What is left of `text` without placeholders."""
    return PLACEHOLDER.sub("", text)


def looks_like_json(text: str) -> bool:
    """Whether a text that begins like this is JSON, perhaps fenced."""
    return text.lstrip().startswith(("{", "[", _FENCE))


def _told_json(begun: str) -> bool | None:
    """`looks_like_json` of a text that begins like this; None: it is not told yet."""
    if looks_like_json(begun):
        return True
    return None if _FENCE.startswith(begun.strip()) else False


def notes(redacted: Mapping[str, int], lost: Mapping[str, int]) -> dict[str, float]:
    """Both as signals of an attempt: `redacted:EMAIL` and `unrestored:EMAIL`."""
    told = {f"{REDACTED}{kind}": float(number) for kind, number in redacted.items()}
    return told | {f"{UNRESTORED}{kind}": float(number) for kind, number in lost.items()}


def _identity(kind: str, value: str) -> str:
    plain = unicodedata.normalize("NFKC", value)
    if kind in _NUMBERS:
        return re.sub(r"[\W_]", "", plain).upper()
    # A password's capitals matter; and what is no number is the same entity only where it is
    # written alike.
    return re.sub(r"\s+", " ", plain).casefold() if kind == "EMAIL" else plain
