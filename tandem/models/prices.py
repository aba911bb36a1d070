"""What a call costs: list prices by name, or rates from the settings.

List prices come from genai-prices' bundled data (https://github.com/pydantic/genai-prices); nothing
is fetched. Where a model has a list price and own rates, both count.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from tandem.errors import SettingsError
from tandem.records import Usage
from tandem.settings import Price

_MILLION: Final = 1_000_000
_NEAR: Final = 5


@dataclass(frozen=True)
class Tariff:
    """A model's rates: per million tokens in and out, and per second of work."""

    per_million_input: float = 0.0
    per_million_output: float = 0.0
    per_second: float = 0.0

    def cost(self, usage: Usage, seconds: float = 0.0) -> float:
        """Cost of one answered call, in the settings' currency."""
        tokens = (
            usage["input_tokens"] * self.per_million_input
            + usage["output_tokens"] * self.per_million_output
        )
        return tokens / _MILLION + seconds * self.per_second


def tariff(price: Price) -> Tariff:
    """The rates of `price`.

    List rates are those of one million tokens; prices that rise with the length of the prompt are
    taken at their base rate.

    Raises
    ------
    SettingsError: `priced_as` names no known model; the message names near matches.
    """
    listed_in, listed_out = _listed(price.priced_as) if price.priced_as else (0.0, 0.0)
    return Tariff(
        per_million_input=price.per_million_input + listed_in,
        per_million_output=price.per_million_output + listed_out,
        per_second=price.per_second,
    )


def _listed(name: str) -> tuple[float, float]:
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    provider, _, model = name.partition("/")
    try:
        # A thousand tokens stay below every tier of prices that depend on the prompt's length.
        asked = calc_price(
            Tokens(input_tokens=1000, output_tokens=1000), model, provider_id=provider
        )
    except LookupError:
        raise _unknown(name) from None
    return float(asked.input_price) * 1000, float(asked.output_price) * 1000


def _unknown(name: str) -> SettingsError:
    known = _known_names()
    near = difflib.get_close_matches(name, known, n=_NEAR, cutoff=0.5)
    remedy = f"Near matches: {', '.join(near)}." if near else "Give provider/model, or own rates."
    return SettingsError(f"No list price is known for priced_as = {name!r}.", remedy)


def _known_names() -> list[str]:
    from genai_prices.data import providers

    return [f"{provider.id}/{model.id}" for provider in providers for model in provider.models]
