from __future__ import annotations

import pytest

from tandem.errors import SettingsError
from tandem.models.presets import PRESETS, apply_preset
from tandem.models.prices import tariff
from tandem.records import Usage
from tandem.settings import Model, Price

USAGE: Usage = {"input_tokens": 1_000_000, "output_tokens": 500_000}


def test_own_rates_and_seconds_add_up() -> None:
    rates = tariff(Price(per_million_input=2.0, per_million_output=8.0, per_second=0.01))
    assert rates.cost(USAGE, seconds=3.0) == pytest.approx(2.0 + 4.0 + 0.03)


def test_a_list_price_comes_from_the_bundled_data() -> None:
    rates = tariff(Price(priced_as="openai/gpt-4o-mini"))
    assert rates.per_million_input == pytest.approx(0.15)
    assert rates.cost(USAGE) == pytest.approx(0.15 + 0.30)


@pytest.mark.parametrize("name", ["openai/gpt-4o-minni", "opnai/gpt-4o-mini"])
def test_an_unknown_list_price_names_near_matches(name: str) -> None:
    with pytest.raises(SettingsError, match="openai/gpt-4o-mini"):
        tariff(Price(priced_as=name))


def test_nothing_set_costs_nothing() -> None:
    assert tariff(Price()).cost(USAGE, 10.0) == 0.0


def test_a_preset_fills_only_what_is_not_set() -> None:
    given = Model(
        backend="huggingface", preset="mistral-7b-vllm", url="http://gpu:8000", context=4096
    )
    filled = apply_preset(given)
    assert filled.model == "mistralai/Mistral-7B-Instruct-v0.3"
    assert filled.dialect == "vllm"
    assert (filled.url, filled.context) == ("http://gpu:8000", 4096)


def test_a_hosted_preset_brings_its_address_and_key() -> None:
    filled = apply_preset(Model(backend="huggingface", preset="llama-3-8b-hosted"))
    assert filled.url.startswith("https://router.huggingface.co")
    assert filled.api_key_env == "HF_TOKEN"


@pytest.mark.parametrize(
    ("preset", "expected"), [("mistral-7b-vlm", "mistral-7b-vllm"), ("phi-3-mini-tgi", "url")]
)
def test_a_preset_that_does_not_do_says_what_would(preset: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        apply_preset(Model(backend="huggingface", preset=preset))


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_makes_a_model(name: str) -> None:
    filled = apply_preset(Model(backend="huggingface", preset=name, url="http://host:1"))
    assert filled.model
    assert filled.context >= 4096


def test_a_model_without_a_preset_stays_as_it_is() -> None:
    model = Model(model="x")
    assert apply_preset(model) is model
