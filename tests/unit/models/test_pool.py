"""Chains of models: stand-ins, retries, and what is charged."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tandem.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ModelFileError,
    ModelUnavailable,
    PromptTooLong,
    SettingsError,
)
from tandem.models.pool import TierPool
from tandem.models.tier import Prompt
from tandem.records import Message
from tandem.settings import Settings
from tests import loopback
from tests.loopback import Loopback, answer, serve, status
from tests.unit.models.house import SECRET, Address, House, context, model_of, prompt


def test_an_answer_is_counted_and_charged(house: House, good: Loopback) -> None:
    price = {"per_million_input": 1000.0, "per_million_output": 10_000.0}
    tier = house.bind({"a": {"url": good.url, "price": price}})
    completions = [tier.complete(prompt()) for _ in range(2)]
    assert completions[0].cost == pytest.approx(40 * 0.001 + 1 * 0.01)
    attempt = tier.attempt({"x": 1}, signals={"margin": 0.5})
    assert attempt["cost"] == pytest.approx(2 * completions[0].cost)
    assert attempt["usage"] == {"input_tokens": 80, "output_tokens": 2}
    assert (attempt["calls"], attempt["model"], attempt["text"]) == (2, "served-model", "fine")
    assert (attempt["output"], attempt["finish"], attempt["tier"]) == ({"x": 1}, "stop", "slm")
    assert attempt["seconds"] >= sum(completion.seconds for completion in completions)


def test_a_rate_per_second_counts_the_answered_call(house: House, good: Loopback) -> None:
    tier = house.bind({"a": {"url": good.url, "price": {"per_second": 2.0}}})
    completion = tier.complete(prompt())
    assert completion.cost == pytest.approx(2.0 * completion.seconds)


def test_a_call_that_the_deadline_cuts_is_not_charged(house: House) -> None:
    with serve(loopback.stall) as server:
        pool = house.pool({"a": {"url": server.url, "price": {"per_second": 1.0}}})
        tier = pool.tier("slm").bind(context(0.3))
        with pytest.raises(DeadlineExceeded, match="nothing is charged"):
            tier.complete(prompt())
    attempt = tier.attempt(None)
    assert (attempt["cost"], attempt["calls"], attempt["finish"]) == (0.0, 0, "error")
    assert 0.2 < attempt["seconds"] < 1.5


def test_a_stand_in_takes_over(house: House, bad: Loopback, good: Loopback) -> None:
    tier = house.bind({"a": {"url": bad.url}, "b": {"url": good.url}})
    assert tier.complete(prompt()).text == "fine"
    assert len(bad.seen) == 1


def test_when_none_answers_each_cause_is_named_and_nothing_leaks(
    house: House, bad: Loopback
) -> None:
    with serve(answer("a")) as gone:
        pass
    tier = house.bind({"a": {"url": bad.url}, "b": {"url": gone.url}})
    with pytest.raises(ModelUnavailable) as caught:
        tier.complete(prompt())
    assert "a: the server answered with status 500" in str(caught.value)
    assert "b: no connection" in str(caught.value)
    assert "Alice" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_tried_again(house: House, code: int) -> None:
    with serve(status(code), answer("fine")) as server:
        tier = house.bind({"a": {"url": server.url}}, retries=1)
        assert tier.complete(prompt()).text == "fine"
        assert len(server.seen) == 2
    assert tier.attempt(None)["calls"] == 1


@pytest.mark.parametrize("code", [400, 404])
def test_a_refusal_is_not_tried_again(house: House, code: int) -> None:
    with serve(status(code), answer("fine")) as server:
        with pytest.raises(ModelUnavailable, match=str(code)):
            house.bind({"a": {"url": server.url}}, retries=3).complete(prompt())
        assert len(server.seen) == 1


def test_a_wait_longer_than_the_time_left_is_not_waited_for(house: House, good: Loopback) -> None:
    with serve(status(429, headers=[("retry-after", "60")])) as busy:
        tier = house.bind({"a": {"url": busy.url}, "b": {"url": good.url}}, retries=2)
        assert tier.complete(prompt()).text == "fine"
        assert len(busy.seen) == 1


def test_a_wrong_key_names_its_variable(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    with serve(status(401, '{"error": "sk-very-secret is wrong"}')) as server:
        tier = house.bind({"a": {"url": server.url, "api_key_env": "MY_KEY"}})
        with pytest.raises(ModelUnavailable) as caught:
            tier.complete(prompt())
    assert "MY_KEY" in caught.value.remedy
    assert "sk-very-secret" not in str(caught.value)


def test_a_key_that_is_not_set_sends_nothing(house: House, good: Loopback) -> None:
    tier = house.bind({"a": {"url": good.url, "api_key_env": "NOT_SET_KEY"}})
    with pytest.raises(ModelUnavailable, match="NOT_SET_KEY is not set"):
        tier.complete(prompt())
    assert good.seen == []


def test_an_embedded_server_that_died_is_asked_for_again(house: House, good: Loopback) -> None:
    with serve(answer("a")) as gone:
        pass
    house.servers.addresses = [Address(gone.url, "old"), Address(good.url, "new")]
    tier = house.bind({"a": {"backend": "embedded"}})
    assert tier.complete(prompt()).text == "fine"
    assert house.servers.invalidated == ["a"]
    headers = {key.lower(): value for key, value in good.seen[0].headers.items()}
    assert headers["authorization"] == "Bearer new"


def test_an_embedded_server_that_dies_in_mid_answer_is_asked_again(
    house: House, good: Loopback
) -> None:
    with serve(loopback.broken) as dying:
        house.servers.addresses = [Address(dying.url), Address(good.url)]
        assert house.bind({"a": {"backend": "embedded"}}).complete(prompt()).text == "fine"


def test_a_retry_goes_where_the_adapter_of_its_prompt_is(house: House, good: Loopback) -> None:
    """Another was promoted between the first try and the second."""
    with serve(loopback.broken) as old, serve(answer("not this")) as new:
        house.servers.addresses = [
            Address(old.url, adapters=("first",)),
            Address(new.url, adapters=("second",)),
        ]
        house.servers.others = [Address(good.url, adapters=("other", "first"))]
        tier = house.bind({"a": {"backend": "embedded"}})
        assert tier.complete(prompt(adapter="first")).text == "fine"
        assert good.body["lora"] == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]
        assert new.seen == []


def test_the_model_without_the_adapter_never_answers_for_it(house: House, good: Loopback) -> None:
    house.servers.addresses = [Address(good.url, adapters=("second",))]
    with pytest.raises(ModelUnavailable, match="does not hold the adapter first"):
        house.bind({"a": {"backend": "embedded"}}).complete(prompt(adapter="first"))
    assert good.seen == []


def test_an_embedded_server_that_does_not_start_gives_way(house: House, good: Loopback) -> None:
    house.servers.addresses = [ModelFileError("The file is cut short.", "Run the verify command.")]
    tier = house.bind({"a": {"backend": "embedded"}, "b": {"url": good.url}})
    assert tier.complete(prompt()).text == "fine"
    alone = house.bind({"a": {"backend": "embedded"}})
    with pytest.raises(ModelUnavailable, match="cut short"):
        alone.complete(prompt())


def test_text_that_was_streamed_is_not_followed_by_another_answer(
    house: House, good: Loopback
) -> None:
    heard: list[str] = []
    with serve(loopback.broken) as server:
        pool = house.pool({"a": {"url": server.url}, "b": {"url": good.url}}, retries=2)
        tier = pool.tier("slm").bind(context(on_token=heard.append))
        with pytest.raises(ModelUnavailable, match="a: the answer broke off"):
            tier.complete(prompt())
        assert len(server.seen) == 1
    assert heard == ["Once", " upon"]
    assert good.seen == []


def test_a_broken_answer_that_nobody_heard_is_asked_again(house: House, good: Loopback) -> None:
    with serve(loopback.broken) as server:
        tier = house.bind({"a": {"url": server.url}, "b": {"url": good.url}}, retries=1)
        assert tier.complete(prompt()).text == "fine"
        assert len(server.seen) == 2


def test_a_prompt_that_cannot_fit_is_not_sent(house: House, good: Loopback) -> None:
    tier = house.bind({"a": {"url": good.url, "context": 512}})
    long: list[Message] = [{"role": "user", "content": "word " * 900}]
    with pytest.raises(PromptTooLong, match="512 tokens"):
        tier.complete(Prompt(long, 60))
    assert good.seen == []
    assert tier.complete(Prompt([{"role": "user", "content": "word " * 300}], 60)).text == "fine"


def test_a_server_that_finds_the_prompt_too_long_is_believed(house: House) -> None:
    refusal = json.dumps({"error": {"type": "exceed_context_size_error", "message": SECRET}})
    with serve(status(400, refusal)) as server, pytest.raises(PromptTooLong) as caught:
        house.bind({"a": {"url": server.url}}).complete(prompt())
    assert "Alice" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"schema": {}, "choices": ["a"]}, {"choices": []}, {"choices": ["a", ""]}]
)
def test_prompts_that_contradict_themselves_are_refused(
    house: House, good: Loopback, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        house.bind({"a": {"url": good.url}}).complete(prompt(**wrong))
    assert good.seen == []


def test_what_a_tier_is(house: House, good: Loopback) -> None:
    models: dict[str, dict[str, Any]] = {
        "a": {"url": good.url, "price": {"per_million_input": 1.0}, "context": 1024},
        "b": {"url": good.url, "private": False},
    }
    tier = house.pool(models).tier("slm")
    assert tier.private is False
    assert tier.price({"input_tokens": 2_000_000, "output_tokens": 0}) == pytest.approx(2.0)
    bound = tier.bind(context())
    assert (bound.name, bound.native_tools, bound.context_tokens) == ("slm", False, 1024)


def test_an_unknown_price_is_told_when_the_tier_is_built(house: House) -> None:
    models = {"m": model_of(url="http://127.0.0.1:9", price={"priced_as": "openai/gpt-99"})}
    settings = Settings.model_validate({"models": models, "tiers": {"slm": {"model": "m"}}})
    with pytest.raises(SettingsError, match="gpt-99"):
        TierPool(settings, house.servers, house.guard).tier("slm")


def test_threads_share_a_tier_call(house: House, good: Loopback) -> None:
    tier = house.bind({"a": {"url": good.url}})
    ready = threading.Barrier(8)

    def ask(_number: int) -> str:
        ready.wait(5)
        return tier.complete(prompt()).text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["fine"] * 8
    assert tier.attempt(None)["calls"] == 8
