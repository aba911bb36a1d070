"""One session a server, opened when it is needed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tandem.errors import McpError
from tandem.mcp import catalogue
from tandem.models.cancel import Cancellation
from tests.live.house import wait_for
from tests.unit.mcp.house import COUNT, ECHO, House


def children() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [each for each in found if "mcp_server.py" in " ".join(each.cmdline())]


def test_results_are_typed_where_they_can_be(house: House) -> None:
    with house.sessions() as sessions:
        assert sessions.call("tiny", COUNT, {"text": "four"}) == 4
        assert sessions.call("tiny", ECHO, {"text": "four"}) == "four"
        assert sessions.call("tiny", ECHO, {"text": '{"a": [1, 2.5]}'}) == {"a": [1, 2.5]}
        assert sessions.call("tiny", ECHO, {"text": '{"a": NaN}'}) == '{"a": NaN}'


def test_a_result_that_takes_long_to_check_holds_up_its_caller_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked_in: list[int] = []

    def value(*_: object) -> None:
        checked_in.append(threading.get_ident())

    monkeypatch.setattr("tandem.mcp.sessions.value_of", value)
    with house.sessions() as sessions:
        sessions.call("tiny", ECHO, {"text": "four"})
    assert checked_in == [threading.get_ident()]


def test_a_server_is_one_process_for_all_threads_and_ends_with_the_sessions(house: House) -> None:
    with house.sessions() as sessions:
        assert children() == []
        with ThreadPoolExecutor(4) as pool:
            texts = [str(number) * 3 for number in range(12)]
            told = list(pool.map(lambda t: sessions.call("tiny", ECHO, {"text": t}), texts))
        assert told == texts
        assert len(children()) == 1
    assert children() == []
    with pytest.raises(McpError, match="closed"):
        sessions.call("tiny", ECHO, {"text": "too late"})


def test_a_server_that_died_between_calls_is_started_again(house: House) -> None:
    with house.sessions() as sessions:
        for _ in range(3):
            assert sessions.call("tiny", ECHO, {"text": "here"}) == "here"
            (process,) = children()
            process.kill()
            process.wait(5)
            wait_for(sessions._connections["tiny"]._over.is_set)
    assert house.calls == 3


def test_a_cancelled_call_ends_at_once(house: House) -> None:
    with house.sessions("hangs") as sessions:
        work = Cancellation()
        threading.Timer(0.5, work.cancel).start()
        with pytest.raises(McpError, match="cancelled"):
            work.context().run(sessions.call, "tiny", ECHO, {"text": "x"})
    assert house.calls == 1


def test_only_named_variables_reach_the_server(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    monkeypatch.setenv("OTHER_KEY", "secret")
    with house.sessions("environment", env=("MY_KEY",)) as sessions:
        names = set(sessions.call("tiny", ECHO, {"text": ""}))
    assert "MY_KEY" in names
    assert names - {"MY_KEY", "LC_CTYPE"} <= {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM"}
    assert os.environ["OTHER_KEY"] == "secret"


def test_a_variable_that_is_not_set_is_named(house: House) -> None:
    with house.sessions(env=("NO_SUCH_KEY",)) as sessions, pytest.raises(McpError) as refused:
        sessions.listing("tiny")
    assert "tiny: The environment variable NO_SUCH_KEY" in refused.value.what


@pytest.mark.parametrize("command", ["no-such-command-here", "/etc/passwd"])
def test_a_command_that_cannot_be_started_says_so(house: House, command: str) -> None:
    with house.sessions(command=command) as sessions, pytest.raises(McpError) as refused:
        sessions.listing("tiny")
    assert "cannot be started" in refused.value.what
    assert "command" in refused.value.remedy


def test_only_what_is_allowed_and_accepted_is_offered(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.accept(ECHO)
    with house.sessions() as sessions, caplog.at_level(logging.WARNING, "tandem.mcp"):
        assert sessions.accepted() == {"tiny": {"echo": ECHO}}
    assert "1 tools are not offered" in caplog.text
    house.accept(ECHO, COUNT)
    with house.sessions(tools=("count",)) as sessions:
        assert sessions.accepted() == {"tiny": {"count": COUNT}}
    assert house.calls == 0


def test_accepting_one_server_keeps_the_others(house: House) -> None:
    file = catalogue.path_of(house.settings())
    catalogue.accept(file, "other", [ECHO])
    catalogue.accept(file, "tiny", [COUNT])
    catalogue.accept(file, "tiny", [ECHO])
    assert catalogue.read(file) == {"other": {"echo": ECHO}, "tiny": {"echo": ECHO}}
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "servers": {}}', '{"version": 1}'])
def test_a_damaged_list_offers_nothing(house: House, text: str) -> None:
    file = catalogue.path_of(house.settings())
    file.parent.mkdir()
    file.write_text(text)
    with house.sessions() as sessions, pytest.raises(McpError, match="none is offered"):
        sessions.accepted()


def test_a_process_that_forgets_to_close_leaves_no_server(house: House) -> None:
    code = (
        "from tests.unit.mcp.house import ECHO, House; from pathlib import Path\n"
        "from tandem.mcp.sessions import McpSessions; import sys\n"
        f"sessions = McpSessions(House(Path({str(house.folder)!r})).settings('stubborn'))\n"
        "print(sessions.call('tiny', ECHO, {'text': 'done'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "done\n"
    assert done.stderr == ""
    marked = str(house.notes)
    assert not [each for each in psutil.process_iter(["cmdline"]) if marked in str(each.info)]
