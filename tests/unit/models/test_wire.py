"""What no client's layer shows: error bodies that drip, and what servers ask to wait."""

from __future__ import annotations

import contextlib
import time

import pytest

from tandem.models.call import CallError
from tandem.models.llm import openai_client
from tandem.models.tier import Prompt
from tests.loopback import Handler, serve, status

ASKED = Prompt([{"role": "user", "content": "Hello"}], 10)


def dripping_error(handler: Handler) -> None:
    """An error whose body comes a byte at a time, for 5 seconds."""
    handler.send_response(400)
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)


def test_the_deadline_holds_for_an_error_that_drips() -> None:
    with serve(dripping_error) as server:
        client = openai_client(url=server.url, api_key="", model="m", dialect="openai")
        started = time.monotonic()
        with pytest.raises(CallError):
            client.stream(ASKED, time.time() + 0.5)
        took = time.monotonic() - started
        client.close()
    assert took < 3


@pytest.mark.parametrize(
    ("asked", "seconds"), [("2", 2.0), ("nan", 0.0), ("-1", 0.0), ("Wed, 21 Oct 2026", 0.0)]
)
def test_what_a_busy_server_asks_to_wait(asked: str, seconds: float) -> None:
    with serve(status(429, headers=[("retry-after", asked)])) as server:
        client = openai_client(url=server.url, api_key="", model="m", dialect="openai")
        with pytest.raises(CallError) as raised:
            client.stream(ASKED, time.time() + 5)
        client.close()
    assert (raised.value.kind, raised.value.retry_after) == ("busy", seconds)
