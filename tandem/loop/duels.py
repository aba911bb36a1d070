"""Which try a duel of adapters is: of ten that are no better, one wins at 5 % some day, if all may
try on the same rows. What counts is how often the rows judged for a slot, by whatever adapters,
removed ones and dry runs too; so the count lies beside what is in force, and not on the cards.

`duels.json` holds numbers and short keyed hashes of texts, and is readable by its owner only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from tandem.errors import ModelFileError
from tandem.loop.series import Series
from tandem.models.adapters import AdapterCard, Adapters
from tandem.models.files import write_atomically
from tandem.models.promoted import PromotedFile, unwritable
from tandem.stats import Comparison

NAME: Final = "duels.json"


@dataclass(frozen=True)
class Try:
    """Which try on its rows a duel was, and below which two-sided p it is won.

    That is twice the level of the series, since only one side of the test puts anything in force:
    the first try is won at p < 0.05, and tries of any number put what is no better in force in 5 %.
    """

    number: int = 1
    needed: float = 0.05

    @property
    def confidence(self) -> float:
        """Of the comparison, two-sided."""
        return 1 - self.needed

    @property
    def words(self) -> str:
        """For people."""
        return f"Try {self.number} on these rows: won at p < {self.needed:.2g}."


FIRST: Final = Try()


@dataclass(frozen=True)
class Duels:
    """The duels that were fought for the slots of `adapters`."""

    adapters: Adapters

    @property
    def path(self) -> Path:
        """Where they are counted."""
        return self.adapters.folder / NAME

    def another(self, card: AdapterCard, texts: Sequence[str]) -> Try:
        """One more for the slot of `card`, judged by `texts`; the same pair again on the same rows
        keeps its number.

        Raises ModelFileError where the count cannot be read or written.
        """
        incumbent = self.adapters.in_force().get(card.slot)
        pair = json.dumps([card.base_sha256, card.sha256, incumbent.sha256 if incumbent else ""])
        compared = blake2b(pair.encode(), digest_size=8).hexdigest()
        with PromotedFile(self.adapters.folder).locked():
            slots = self._read()
            others = slots.get(card.slot, [])
            # Of several sets of rows that take turns each is counted for itself.
            known = max(others, key=lambda one: one.knows(texts), default=Series())
            series = known.then(compared, texts)
            kept = [one for one in others if one.key != series.key]
            self._write({**slots, card.slot: [*kept, series]})
        return Try(series.tries, 2 * series.level)

    def _read(self) -> dict[str, list[Series]]:
        try:
            slots = json.loads(self.path.read_text(encoding="utf-8"))["slots"]
            return {str(slot): [Series.of(one) for one in all_] for slot, all_ in slots.items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ModelFileError(
                f"{self.path} cannot be read: {error.strerror}. Nothing was put in force.",
                "Make it readable and compare again.",
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ModelFileError(
                f"{self.path} cannot be read: it is damaged. Nothing was put in force.",
                "Restore it, or remove it and judge by rows that are new (--test).",
            ) from None

    def _write(self, slots: dict[str, list[Series]]) -> None:
        told = {slot: [one.told() for one in all_] for slot, all_ in slots.items()}
        try:
            write_atomically(self.path, json.dumps({"slots": told}, indent=1))
        except OSError as error:
            raise unwritable(self.path, error) from None


def noted(
    incumbent: str, right: tuple[float, float], comparison: Comparison, which: Try, rows_sum: str
) -> dict[str, Any]:
    """What a card says of a duel. JSON-plain.

    Parameters
    ----------
    right: how many rows (their shares, of fields) the incumbent and the challenger got right.
    rows_sum: by which the rows are known again.
    """
    return {
        "incumbent": incumbent,
        "incumbent_right": round(right[0], 3),
        "right": round(right[1], 3),
        "rows": comparison.difference.n,
        "p": comparison.p,
        "try": which.number,
        "needed_p": which.needed,
        "finding": comparison.finding,
        "held_out_sum": rows_sum,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
