"""Which texts an adapter learnt, and by which it was chosen: nothing is certified, tested or
compared on what it learnt, and nothing certified on what chose it, whatever file the rows come in.

Kept beside the adapter as short keyed hashes, never as text. The key lies in the same file, so
whoever reads that can try whether a text that he guesses is among them, and no more; another
adapter's hashes of the same texts look different. It is readable by its owner only.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from tandem.errors import ModelFileError
from tandem.loop.labelled import Split
from tandem.models.adapters import AdapterCard, Adapters
from tandem.models.files import write_atomically
from tandem.models.promoted import unwritable
from tandem.privacy.masking import mask
from tandem.quality.calibration.examples import same_key
from tandem.services import Services

FILE: Final = "seen.json"
_BYTES: Final = 8
"""Of a hash: of a million texts one in 10^13 others looks like one of them."""


@dataclass(frozen=True)
class Seen:
    """What an adapter has seen of texts.

    Parameters
    ----------
    name: the adapter's; empty: there is none, and nothing was seen.
    masked: how a text was changed before it was learnt from.
    """

    name: str = ""
    key: bytes = b""
    learnt: frozenset[str] = frozenset()
    judged: frozenset[str] = frozenset()
    masked: Callable[[str], str] | None = None

    def has_learnt(self, text: str) -> bool:
        """Whether it learnt from `text`, case and white space aside."""
        return self._among(self.learnt, text)

    def was_judged_by(self, text: str) -> bool:
        """Whether it was compared with what was in force on `text`."""
        return self._among(self.judged, text)

    def _among(self, known: frozenset[str], text: str) -> bool:
        if not known:
            return False
        forms = {text, self.masked(text)} if self.masked else {text}
        return any(_hash(form, self.key) in known for form in forms)


NOTHING: Final = Seen()


class Apart(NamedTuple):
    """Rows dealt out so that an adapter has seen none of those that certify and learnt none of
    those that test, and how many had to be moved to fitting for it."""

    parts: Split
    learnt: int
    judged: int
    fresh: int
    """Rows for fitting, from the first on, that the adapter did not learn."""


def write_seen(adapters: Adapters, name: str, learnt: Iterable[str], judged: Iterable[str]) -> None:
    """Keep what the adapter `name` learns from and is judged by. Raises ModelFileError."""
    key = secrets.token_bytes(16)
    told = {
        "key": key.hex(),
        "learnt": sorted({_hash(text, key) for text in learnt}),
        "judged": sorted({_hash(text, key) for text in judged}),
    }
    path = _path(adapters, name)
    try:
        write_atomically(path, json.dumps(told), mode=0o600)
    except OSError as error:
        raise unwritable(path, error) from None


def is_kept(adapters: Adapters, name: str) -> bool:
    """Whether it is known what the adapter `name` learnt."""
    return _path(adapters, name).is_file()


def seen_in_force(services: Services, task: str, asked: str) -> Seen:
    """What the adapter that answers `task`, and what is asked of it, has seen.

    Raises ModelFileError where that is not known: nothing could be promised of it then.
    """
    card = services.adapter(task, asked)
    return NOTHING if card is None else _read(services, card)


def apart(parts: Split, texts: Sequence[str], seen: Seen) -> Apart:
    """`parts`, rows of `texts`, with those that `seen` knows in the part for fitting, at its end:
    what is measured on the first n of it is measured on texts that the adapter did not learn."""
    learnt = np.array([seen.has_learnt(text) for text in texts], dtype=bool)
    judged = np.array([seen.was_judged_by(text) for text in texts], dtype=bool)
    fit, calibrate, test = parts
    barred = learnt | judged
    moved = [calibrate[barred[calibrate]], test[learnt[test]]]
    order = np.concatenate([fit, *moved])
    known = learnt[order]
    return Apart(
        Split(
            np.concatenate([order[~known], order[known]]),
            calibrate[~barred[calibrate]],
            test[~learnt[test]],
        ),
        learnt=int(learnt[calibrate].sum() + learnt[test].sum()),
        judged=int((judged & ~learnt)[calibrate].sum()),
        fresh=int((~known).sum()),
    )


def told(name: str, learnt: int, judged: int) -> str:
    """What was moved, in words; empty: nothing."""
    if not learnt + judged:
        return ""
    return (
        f"{learnt + judged} rows certify nothing, since the adapter in force {name} learnt from "
        f"{learnt} of them and was chosen by {judged}: what is promised speaks of texts that it "
        "never saw"
    )


def _read(services: Services, card: AdapterCard) -> Seen:
    path = _path(services.adapters, card.name)
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        key = bytes.fromhex(kept["key"])
        learnt, judged = frozenset(map(str, kept["learnt"])), frozenset(map(str, kept["judged"]))
    except (OSError, ValueError, TypeError, KeyError):
        raise ModelFileError(
            f"{path} is gone or damaged: which rows the adapter {card.name} learnt is not known, "
            "so that nothing can be promised of it.",
            f"Promote it again with the rows that it was tuned with, after `tandem adapters "
            f"rollback {card.name}`; or tune the task again. Nothing was changed.",
        ) from None
    masked = None
    if card.data.get("sensitive_rows") == "mask":
        masked = lambda text: mask(text, services.detector)  # noqa: E731
    return Seen(card.name, key, learnt, judged, masked)


def _path(adapters: Adapters, name: str) -> Path:
    return adapters.folder / name / FILE


def _hash(text: str, key: bytes) -> str:
    told = same_key(text).encode("utf-8", "replace")
    return blake2b(told, digest_size=_BYTES, key=key).hexdigest()
