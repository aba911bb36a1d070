"""Circuit breakers: one an endpoint."""

from __future__ import annotations

import time

import pytest

from tandem.errors import ModelUnavailable
from tandem.models.breaker import CircuitBreaker
from tests.loopback import Loopback, answer, serve, status
from tests.unit.models.house import House, context, prompt


def test_a_breaker_opens_for_its_endpoint_alone_and_lets_one_trial_through(
    house: House, good: Loopback
) -> None:
    with serve(status(500), status(500), answer("back")) as server:
        pool = house.pool(
            {"a": {"url": server.url}, "b": {"url": good.url}},
            breaker_failures=2,
            breaker_reset_s=0.2,
        )
        tier = pool.tier("slm").bind(context())
        texts = [tier.complete(prompt()).text for _ in range(4)]
        assert texts == ["fine"] * 4
        assert len(server.seen) == 2, "the open breaker let a call through"
        time.sleep(0.25)
        assert tier.complete(prompt()).text == "back"


def test_models_of_one_server_share_its_breaker(house: House, bad: Loopback) -> None:
    models = {"a": {"url": bad.url, "model": "m1"}, "b": {"url": bad.url, "model": "m2"}}
    tier = house.bind(models, breaker_failures=1)
    with pytest.raises(ModelUnavailable, match="b: its circuit breaker is open"):
        tier.complete(prompt())
    assert len(bad.seen) == 1


@pytest.mark.parametrize("code", [400, 401])
def test_what_is_not_the_servers_fault_opens_no_breaker(house: House, code: int) -> None:
    with serve(status(code), status(code), answer("fine")) as server:
        tier = house.bind({"a": {"url": server.url}}, breaker_failures=1)
        for _ in range(2):
            with pytest.raises(ModelUnavailable):
                tier.complete(prompt())
        assert tier.complete(prompt()).text == "fine"


def test_half_open_lets_one_caller_try() -> None:
    now = [0.0]
    breaker = CircuitBreaker(failures=1, reset_s=10.0, clock=lambda: now[0])
    breaker.failed()
    assert not breaker.allow()
    now[0] = 10.0
    assert breaker.allow()
    assert not breaker.allow(), "a second trial at the same time"
    breaker.failed()
    now[0] = 19.0
    assert not breaker.allow()
    now[0] = 20.0
    assert breaker.allow()
    breaker.succeeded()
    assert breaker.allow()
    assert breaker.allow()
