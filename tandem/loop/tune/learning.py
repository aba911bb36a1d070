"""What an adapter learns from: labelled rows, cleaned, dealt out, and told of in a card.

Nothing that is left out is left out silently: the card counts it, with the reason.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

from tandem.errors import InvalidRequest
from tandem.loop.labelled import TEACHING, LabelledRows, drawn, read_labelled
from tandem.loop.tune.recipe import TuningRow
from tandem.nodes.labels import speakable
from tandem.nodes.tuned import asked_labels, label_turns
from tandem.privacy.masking import HIDDEN
from tandem.quality.calibration.examples import same_key
from tandem.records import Sensitivity

Sensitive = Literal["leave_out", "mask", "keep"]
LEAST_ROWS: Final = 100
LEAST_HELD_OUT: Final = 50
MOST_HELD_OUT: Final = 500
HELD_OUT_SHARE: Final = 0.2
"""Of the rows that teach: those are held out that `tandem calibrate` fits its score on first, so
that neither what is learnt nor what chooses the adapter ever certifies or tests."""
WITHIN: Final = "drawn_below"
"""On the card: texts drawn at or above it were neither learnt nor judged by."""
RARE: Final = 0.3
"""A label is repeated until it has this share of what an even distribution would give it..."""
MOST_REPEATS: Final = 4
"""... but no row more often than this."""


class OfText(Protocol):
    """A row to learn from or to judge by."""

    @property
    def text(self) -> str:
        """What the model reads."""
        ...


Row = TypeVar("Row", bound=OfText)


@dataclass(frozen=True)
class Labelled:
    """A text and its label."""

    text: str
    label: str


@dataclass(frozen=True)
class LearningSet:
    """Rows to train on, and rows that no training sees."""

    labels: tuple[str, ...]
    train: tuple[Labelled, ...]
    held_out: tuple[Labelled, ...]
    card: dict[str, Any]
    """Counts, and the sums by which the rows are known again."""

    @property
    def asked(self) -> str:
        """What the adapter is for, beside its task: these labels."""
        return asked_labels(self.labels)

    def rows(self, seed: int = 0) -> list[TuningRow]:
        """What the trainer reads: rare labels repeated, so that they are learnt at all."""
        spoken = {label: word for word, label in speakable(self.labels).items()}
        rows = [
            TuningRow(tuple(label_turns(one.text)), spoken[one.label])
            for one in _evened(self.train, len(self.labels))
        ]
        random.Random(seed).shuffle(rows)  # noqa: S311 (an order, no secret)
        return rows


@dataclass(frozen=True)
class Privacy:
    """What becomes of sensitive rows.

    Parameters
    ----------
    level: how sensitive a text is. open_to: levels that count as harmless.
    mask: a text without what is sensitive in it.
    """

    level: Callable[[str], Sensitivity]
    open_to: frozenset[Sensitivity]
    mask: Callable[[str], str]
    choice: Sensitive = "leave_out"

    def treated(self, text: str) -> str | None:
        """A sensitive text as it is learnt from; None: not at all."""
        if self.choice == "keep":
            return text
        if self.choice == "leave_out":
            return None
        masked = self.mask(text)
        return None if masked == HIDDEN else masked

    def learnt(self, text: str) -> str | None:
        """Any text as it is learnt from; None: not at all."""
        return text if self.level(text) in self.open_to else self.treated(text)


def learning_set(
    source: Path,
    names: Sequence[str],
    privacy: Privacy,
    test: Path | None = None,
    seed: int = 0,
    within: float = TEACHING,
) -> LearningSet:
    """The rows of `source`, cleaned. Held out are those of `test`; without it only the part of
    `source` teaches that is for fitting in every command, and a share of that is held out. Both are
    drawn by a hash of the text, so that the same rows always fall alike.

    Parameters
    ----------
    within: how large that part is.

    Raises
    ------
    InvalidRequest: a file cannot be read, a label is not of the set, too few rows are left, or a
        row of `test` stands in `source` as well.
    """
    given = read_labelled(source, names)
    clean, told = _clean(given, privacy)
    if test is None:
        train, held_out, told_deal = dealt(clean, seed, within)
        told |= told_deal
    else:
        train = clean
        held_out, told_test = _clean(read_labelled(test, given.names), privacy)
        told |= {f"test_{name}": count for name, count in told_test.items()}
    refuse_leak(train, held_out)
    came = f"{len(given.texts)} rows came{_after(given.repeats())}{kept_back(told)}"
    refuse_few(train, held_out, came)
    told |= {"sensitive_rows": privacy.choice, "file": source.name, "seed": seed}
    return LearningSet(given.names, tuple(train), tuple(held_out), _card(train, held_out, told))


def dealt_set(
    names: Sequence[str],
    train: Sequence[Labelled],
    held_out: Sequence[Labelled],
    told: Mapping[str, Any],
) -> LearningSet:
    """Rows that were cleaned and dealt out by somebody else; `told` joins the card.

    Raises
    ------
    InvalidRequest: too few rows, or a held-out row stands among those to learn from as well.
    """
    refuse_leak(train, held_out)
    refuse_few(train, held_out, f"{len(train) + len(held_out)} rows came")
    return LearningSet(
        tuple(names), tuple(train), tuple(held_out), _card(train, held_out, dict(told))
    )


def _card(
    train: Sequence[Labelled], held_out: Sequence[Labelled], told: dict[str, Any]
) -> dict[str, Any]:
    return {
        **told,
        "train": len(train),
        "held_out": len(held_out),
        "train_sum": sum_of(train, _label),
        "held_out_sum": sum_of(held_out, _label),
        "by_label": dict(Counter(one.label for one in train)),
    }


def _label(row: Labelled) -> str:
    return row.label


def _after(words: str) -> str:
    return f"; {words}" if words else ""


def _clean(given: LabelledRows, privacy: Privacy) -> tuple[list[Labelled], dict[str, Any]]:
    """The rows as they are learnt from, one a text: masked first, since texts that differ in
    nothing but what is masked are one text then."""
    rows = [
        Labelled(text, given.names[at])
        for text, at in zip(given.texts, given.labels.tolist(), strict=True)
    ]
    treated = [_treated(row, privacy) for row in rows]
    kept, told = agreed([row for row, _ in treated if row is not None], _label)
    both = zip(rows, treated, strict=True)
    texts = {same_key(row.text) for row, (_, sensitive) in both if sensitive}
    return kept, {**told, "rows": len(rows), "sensitive": len(texts)}


def agreed(
    rows: Sequence[Row], answer: Callable[[Row], Hashable]
) -> tuple[list[Row], dict[str, Any]]:
    """One row of each text whose rows give one answer, and counts for the card."""
    by_text: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_text[same_key(row.text)].append(row)
    kept = [same[0] for same in by_text.values() if len({answer(row) for row in same}) == 1]
    contradictory = sum(
        len(same) for same in by_text.values() if len({answer(r) for r in same}) > 1
    )
    return kept, {
        "rows": len(rows),
        "duplicates": len(rows) - contradictory - len(kept),
        "contradictory": contradictory,
    }


def _treated(row: Labelled, privacy: Privacy) -> tuple[Labelled | None, bool]:
    """A row as it is learnt from (None: not at all), and whether it is sensitive."""
    if privacy.level(row.text) in privacy.open_to:
        return row, False
    text = privacy.treated(row.text)
    return None if text is None else replace(row, text=text), True


def dealt(
    rows: Sequence[Row], seed: int, within: float
) -> tuple[list[Row], list[Row], dict[str, Any]]:
    """Rows to learn from and rows to judge by, by a hash of their text, of those drawn below
    `within`; and for the card, how many others there are."""
    drawn_rows = sorted(((drawn(row.text, seed), row) for row in rows), key=lambda one: one[0])
    able = [row for at, row in drawn_rows if at < within]
    most = min(MOST_HELD_OUT, max(LEAST_HELD_OUT, round(HELD_OUT_SHARE * len(able))))
    return able[most:], able[:most], {WITHIN: within, "kept_back": len(rows) - len(able)}


def kept_back(told: Mapping[str, Any]) -> str:
    """What is kept back for `tandem calibrate`, in words."""
    if not told.get("kept_back"):
        return ""
    return f"; {told['kept_back']} are kept for `tandem calibrate`, which certifies on no others"


def refuse_few(train: Sequence[OfText], held_out: Sequence[OfText], came: str) -> None:
    """Raise InvalidRequest where there are too few rows to learn from, or to judge by."""
    if len(train) >= LEAST_ROWS and len(held_out) >= LEAST_HELD_OUT:
        return
    raise InvalidRequest(
        f"{len(train)} rows to learn from and {len(held_out)} to be judged by are too few "
        f"({came}).",
        f"Give at least {LEAST_ROWS} and {LEAST_HELD_OUT} different ones, or others to be judged "
        "by (--test): then all of --data is learnt, and a promise needs yet other rows. Nothing "
        "was trained. With fewer, put them into the request as examples.",
    )


def refuse_leak(train: Sequence[OfText], test: Sequence[OfText]) -> None:
    """Raise InvalidRequest where a text stands on both sides."""
    seen = {same_key(one.text) for one in train}
    leaked = sum(same_key(one.text) in seen for one in test)
    if leaked:
        raise InvalidRequest(
            f"{leaked} of the {len(test)} test rows stand among those to learn from as well: the "
            "figures would flatter.",
            "Take them out of one of the files; nothing was trained.",
        )


def _evened(rows: Sequence[Labelled], count: int) -> list[Labelled]:
    by_label: dict[str, list[Labelled]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    least = RARE * len(rows) / count
    evened: list[Labelled] = []
    for own in by_label.values():
        times = min(MOST_REPEATS, max(1, round(least / len(own))))
        evened += own * times
    return evened


def sum_of(rows: Sequence[Row], answer: Callable[[Row], str]) -> str:
    """A short hash by which rows are known again, in any order."""
    digest = hashlib.sha256()
    for key in sorted(f"{same_key(row.text)}\0{answer(row)}" for row in rows):
        digest.update(key.encode("utf-8", "replace"))
    return digest.hexdigest()[:16]
