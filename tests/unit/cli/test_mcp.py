"""`tandem mcp list` and `check`, with the tiny server of tests/mcp_server.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests import mcp_server
from tests.unit.cli.shell import ERROR, INVALID, Run, check

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")


def settings(folder: Path, mode: str = "good", tools: str = '["echo"]') -> None:
    (folder / "tandem.toml").write_text(
        "[mcp.servers.tiny]\n"
        f"command = {json.dumps(sys.executable)}\n"
        f'args = ["-S", {json.dumps(mcp_server.__file__)}, {json.dumps(mode)}]\n'
        f"tools = {tools}\n"
    )


def test_a_tool_is_offered_once_it_was_shown_and_accepted(tmp_path: Path, run: Run) -> None:
    settings(tmp_path)
    assert "not accepted yet" in run("mcp", "list").out
    looked = run("mcp", "check")
    assert looked.code == ERROR
    assert "Says it again." in looked.out
    assert "tiny_count  not in `tools`" in looked.out
    assert not (tmp_path / ".tandem" / "mcp.json").exists()
    assert run("mcp", "check", "tiny", "--accept").code == 0
    (told,) = json.loads(run("mcp", "list", "--json").out)
    assert (told["tool"], told["state"], told["read_only"]) == ("echo", "accepted", False)
    assert run("mcp", "check").code == 0


@pytest.mark.parametrize(
    ("mode", "word"), [("changed", "changed since"), ("gone", "not offered by the server")]
)
def test_what_is_not_as_it_was_accepted_says_so(
    tmp_path: Path, run: Run, mode: str, word: str
) -> None:
    settings(tmp_path)
    run("mcp", "check", "--accept")
    settings(tmp_path, mode)
    told = run("mcp", "check")
    assert told.code == ERROR
    assert word in told.out


def test_a_bad_schema_is_refused_even_where_it_would_be_accepted(tmp_path: Path, run: Run) -> None:
    settings(tmp_path, "bad schemas", '["echo", "huge"]')
    told = run("mcp", "check", "--accept", "--json")
    assert told.code == ERROR
    states = {tool["tool"]: tool["state"] for tool in json.loads(told.out)["tools"]}
    assert (states["echo"], states["huge"], states["remote"]) == (
        "accepted",
        "refused",
        "not allowed",
    )


def test_planted_words_reach_the_terminal_as_one_plain_line(tmp_path: Path, run: Run) -> None:
    settings(tmp_path, "injection")
    told = run("mcp", "check").out
    assert all(line.isprintable() for line in told.splitlines())


def test_a_server_that_is_not_there_is_named(tmp_path: Path, run: Run) -> None:
    settings(tmp_path)
    check(run("mcp", "check", "nobody"), INVALID, "no MCP server of that name")
    (tmp_path / "tandem.toml").write_text('[mcp.servers.tiny]\ncommand = "no-such-command"\n')
    told = run("mcp", "check")
    assert told.code == ERROR
    assert "tiny: Its command cannot be started" in told.err


def test_without_servers_it_says_where_to_name_one(run: Run) -> None:
    assert "docs/mcp.md" in run("mcp", "list").out


def test_the_doctor_tells_of_tools_that_wait(tmp_path: Path, run: Run) -> None:
    settings(tmp_path)
    checks = {one["name"]: one for one in json.loads(run("doctor", "--json").out)}
    assert checks["mcp tiny"]["detail"] == "0 of 1 allowed tools are accepted"
    assert "tandem mcp check tiny" in checks["mcp tiny"]["remedy"]
