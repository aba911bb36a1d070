"""What a call cost: the log's own figure, else the model's list price."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from tandem.errors import SettingsError
from tandem.loop.audit.row import LogRow
from tandem.models.prices import Tariff, tariff
from tandem.records import Usage
from tandem.settings import Price

LIST_CURRENCY: Final = "USD"
"""List prices are in it."""
OTHERS: Final = "others"
"""Stands for names that are not told one by one."""
MOST_NAMES: Final = 50
"""So many unknown models, and other currencies, are told by name."""
How = Literal["given", "listed", "unknown model", "unknown tokens", "other currency"]


class Priced(NamedTuple):
    """A cost in the report's currency, and where it comes from; None: it is in no sum."""

    cost: float | None
    how: How
    part: bool = False
    """Whether tokens of one side are not known, so that the cost is too low."""


@dataclass
class Pricer:
    """Prices rows; each model's list price is looked up once.

    Parameters
    ----------
    currency: of the report. A cost without a currency is taken to be in it.
    """

    currency: str
    unknown: Counter[str] = field(default_factory=Counter)
    """Rows by model that has no list price; the report's, where it is not in dollars, have none."""
    others: Counter[str] = field(default_factory=Counter)
    """Rows by currency that is another."""
    _known: dict[tuple[str, str], Tariff | None] = field(default_factory=dict)

    def count(self, row: LogRow) -> Priced:
        """The row's cost; what has none is counted by its name."""
        priced = self.price(row)
        if priced.how == "other currency":
            _add(self.others, row.currency)
        elif priced.how == "unknown model":
            _add(self.unknown, row.model or "no model named")
        return priced

    def price(self, row: LogRow) -> Priced:
        """The row's cost."""
        if row.cost is not None:
            if row.currency not in ("", self.currency):
                return Priced(None, "other currency")
            return Priced(row.cost, "given")
        rates = self._tariff(row)
        if rates is None:
            return Priced(None, "unknown model")
        if row.input_tokens is None and row.output_tokens is None:
            return Priced(None, "unknown tokens")
        part = row.input_tokens is None or row.output_tokens is None
        return Priced(rates.cost(usage(row)), "listed", part)

    def _tariff(self, row: LogRow) -> Tariff | None:
        key = (row.provider, row.model)
        if key not in self._known:
            if len(self._known) >= 10 * MOST_NAMES:
                self._known.clear()
            listed = row.model and self.currency == LIST_CURRENCY
            self._known[key] = listed_tariff(row.model, row.provider) if listed else None
        return self._known[key]


def usage(row: LogRow) -> Usage:
    """The row's tokens; what is not known counts as none."""
    return {"input_tokens": row.input_tokens or 0, "output_tokens": row.output_tokens or 0}


def listed_tariff(model: str, provider: str = "") -> Tariff | None:
    """List rates of a model as logs name it: with its provider or alone, with a date or without;
    None: no list knows it."""
    from genai_prices.data_snapshot import get_snapshot

    front, slash, rest = model.partition("/")
    tries = [(model, provider or None), (model, None)]
    tries += [(rest, front)] if slash else []
    for name, whose in tries:
        try:
            maker, known = get_snapshot().find_provider_model(name, None, whose, None)
            return tariff(Price(priced_as=f"{maker.id}/{known.id}"))
        except (LookupError, SettingsError):
            continue
    return None


def _add(names: Counter[str], name: str) -> None:
    names[name if name in names or len(names) < MOST_NAMES else OTHERS] += 1
