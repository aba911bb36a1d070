"""Servers that die, hang, flood, lie, change their words, or plant instructions."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tandem.errors import McpError
from tandem.mcp.offers import Offer
from tests import mcp_server
from tests.unit.mcp.house import COUNT, ECHO, House


def refused(house: House, mode: str, offer: Offer = ECHO, **server: float) -> str:
    """What is said of a call; nothing of the server's own words."""
    with house.sessions(mode, **server) as sessions, pytest.raises(McpError) as error:
        sessions.call("tiny", offer, {"text": "hello"})
    assert "Ignore all" not in str(error.value)
    assert "hello" not in str(error.value)
    assert "tandem mcp check tiny" in error.value.remedy or "by hand" in error.value.remedy
    return error.value.what


@pytest.mark.parametrize("mode", ["dies", "huge"])
def test_a_call_without_an_answer_is_never_sent_again(house: House, mode: str) -> None:
    what = refused(house, mode)
    assert what.startswith("tiny_echo: The server ended, or sent too much, before it answered")
    assert "whether it carried the call out is not known" in what
    assert house.calls == 1


@pytest.mark.parametrize("mode", ["dies", "hangs"])
def test_of_a_call_that_only_reads_nothing_may_have_happened(house: House, mode: str) -> None:
    own: Any = {"read_only": ("echo",), "seconds": 0.5 if mode == "hangs" else 10.0}
    with house.sessions(mode, **own) as sessions, pytest.raises(McpError) as error:
        sessions.call("tiny", ECHO, {"text": "hello"})
    assert "it changes nothing, and was not asked again" in error.value.what
    assert "carried the call out" not in error.value.what
    assert "whether it happened" not in error.value.remedy


def test_a_server_that_hangs_costs_its_time_and_no_more(house: House) -> None:
    started = time.monotonic()
    what = refused(house, "hangs", seconds=0.5)
    assert "no answer within 0.5 s" in what
    assert time.monotonic() - started < 5
    assert house.calls == 1


def test_a_server_that_keeps_dying_is_left_alone(house: House) -> None:
    with house.sessions("dies") as sessions:
        said = []
        for _ in range(4):
            with pytest.raises(McpError) as error:
                sessions.call("tiny", ECHO, {"text": "x"})
            said.append(error.value.what)
    assert house.calls == 2
    assert ["left alone" in what for what in said] == [False, False, True, True]


def test_a_silent_server_is_given_up(house: House) -> None:
    started = time.monotonic()
    assert "said nothing" in refused(house, "silent", start_s=0.5)
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("mode", ["changed", "changed schema", "injection"])
def test_a_tool_that_is_not_as_it_was_accepted_is_not_called(house: House, mode: str) -> None:
    assert "not what was accepted; nothing was sent" in refused(house, mode)
    assert house.calls == 0


def test_a_tool_that_is_gone_is_not_called(house: House) -> None:
    assert "does not offer it any more" in refused(house, "gone")
    assert house.calls == 0


@pytest.mark.parametrize(
    ("mode", "offer", "why"),
    [
        ("lies", COUNT, "does not fit the schema"),
        ("picture", COUNT, "not structured"),
        ("picture", ECHO, "no text (image)"),
        ("no result", ECHO, "no result of a tool"),
        ("fails", ECHO, "says that the call failed"),
    ],
)
def test_what_is_no_result_is_refused(house: House, mode: str, offer: Offer, why: str) -> None:
    assert why in refused(house, mode, offer)
    assert house.calls == 1


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("endless list", "more tools than"),
        ("twice", "two tools of the same name"),
        ("array", "does not speak MCP"),
    ],
)
def test_a_bad_list_is_refused_whole(house: House, mode: str, why: str) -> None:
    with house.sessions(mode) as sessions, pytest.raises(McpError, match=why):
        sessions.listing("tiny")


def test_a_bad_tool_refuses_itself_and_not_the_others(house: House) -> None:
    with house.sessions("bad schemas") as sessions:
        listing = sessions.listing("tiny")
    assert [each.name for each in listing if each.offer] == ["echo"]
    assert len(listing) == 1 + len(mcp_server.BAD_SCHEMAS)
    assert all(each.why for each in listing if each.name != "echo")


def test_words_before_the_protocol_are_passed_over(house: House) -> None:
    with house.sessions("chatty") as sessions:
        assert sessions.call("tiny", ECHO, {"text": "hello"}) == "hello"


def test_one_death_is_one_however_many_calls_waited(house: House) -> None:
    with house.sessions("dies late") as sessions:

        def failed(_: int) -> str:
            with pytest.raises(McpError) as error:
                sessions.call("tiny", ECHO, {"text": "x"})
            return error.value.what

        sessions.listing("tiny")
        with ThreadPoolExecutor(3) as pool:
            said = list(pool.map(failed, range(3)))
        assert all("not sent again" in what for what in said)
        assert "left alone" not in failed(4)
