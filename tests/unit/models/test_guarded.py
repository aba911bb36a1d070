"""Nothing reaches a model that is not private without the guard's consent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tandem.errors import EgressBlocked, ModelError
from tests.loopback import Loopback, serve, status
from tests.unit.models.house import ASKED, SECRET, TOOL, House, context, prompt


def test_the_guard_sees_all_that_leaves_on_every_call(house: House, good: Loopback) -> None:
    with serve(status(500)) as busy:
        models: dict[str, dict[str, Any]] = {
            "a": {"url": busy.url, "private": False},
            "b": {"url": good.url, "private": False},
            "c": {"url": good.url},
        }
        tier = house.bind(models, retries=1)
        described = {"type": "object", "properties": {"iban": {"description": "of Bob Brown"}}}
        tier.complete(prompt(schema=described))
    by_outlet = [outlet for outlet, text in house.guard.seen if text == SECRET]
    assert by_outlet == ["model a", "model a", "model b"]
    for word in ("Bob Brown", "iban"):
        assert sum(word in text for _, text in house.guard.seen) == 3


def test_the_guard_sees_choices_and_tools(house: House, good: Loopback) -> None:
    tier = house.bind({"a": {"url": good.url, "private": False, "native_tools": True}})
    tier.complete(prompt(choices=["Carol Clark", "none"]))
    with pytest.raises(ModelError):
        tier.choose_calls(ASKED, [TOOL], 60)
    seen = "\n".join(text for _, text in house.guard.seen)
    assert "Carol Clark" in seen
    assert "adds numbers" in seen


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": [4111111111111111]},
        {"default": 4111111111111111.0},
        {"properties": {4111111111111111: {}}},
    ],
)
def test_the_guard_sees_numbers_of_a_schema(schema: Any, house: House, good: Loopback) -> None:
    tier = house.bind({"a": {"url": good.url, "private": False}})
    tier.complete(prompt(schema=schema))
    assert any("4111111111111111" in text.split("\n") for _, text in house.guard.seen)


def test_private_models_are_not_asked_about(house: House, good: Loopback) -> None:
    house.bind({"a": {"url": good.url, "private": True}}).complete(prompt())
    assert house.guard.seen == []


def _refuse(_text: str) -> str:
    raise EgressBlocked("Personal data may not leave.")


def _crash(_text: str) -> str:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("rule", [_refuse, _crash, lambda _text: None])
def test_a_guard_that_does_not_say_yes_keeps_the_door_shut(
    house: House, good: Loopback, rule: Callable[[str], str]
) -> None:
    house.guard.rule = rule
    tier = house.bind({"a": {"url": good.url, "private": False}})
    with pytest.raises(EgressBlocked) as caught:
        tier.complete(prompt())
    with pytest.raises(EgressBlocked):
        tier.choose_calls(ASKED, [TOOL], 60)
    assert good.seen == []
    assert "Alice" not in str(caught.value)
    assert tier.attempt(None)["calls"] == 0


def test_a_message_leaves_as_the_guard_released_it(house: House, good: Loopback) -> None:
    house.guard.rule = lambda text: text.replace("Alice Adams", "[NAME]")
    house.bind({"a": {"url": good.url, "private": False}}).complete(prompt())
    assert good.body["messages"][0]["content"] == "[NAME] owes 12 pounds"


def test_a_constraint_that_the_guard_would_change_does_not_leave(
    house: House, good: Loopback
) -> None:
    house.guard.rule = lambda text: text.replace("Alice Adams", "[NAME]")
    tier = house.bind({"a": {"url": good.url, "private": False}})
    with pytest.raises(EgressBlocked):
        tier.complete(prompt(choices=["Alice Adams", "nobody"]))
    assert good.seen == []


def test_a_private_run_reaches_no_public_model(house: House, good: Loopback) -> None:
    pool = house.pool({"a": {"url": good.url, "private": False}})
    tier = pool.tier("slm").bind(context(private_only=True))
    with pytest.raises(EgressBlocked, match="private only"):
        tier.complete(prompt())
    assert good.seen == []
    private = house.pool({"a": {"url": good.url}}).tier("slm").bind(context(private_only=True))
    assert private.complete(prompt()).text == "fine"
