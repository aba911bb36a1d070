"""`tandem mcp list` and `check`, with the tiny server of tests/mcp_server.py."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests import mcp_server
from tests.unit.cli.shell import ERROR, INVALID, Run, Told, check

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")


LOOK = 3
"""Exit code where a person has to look."""


def settings(folder: Path, mode: str = "good", tools: str = '["echo"]') -> None:
    (folder / "tandem.toml").write_text(
        "[mcp.servers.tiny]\n"
        f"command = {json.dumps(sys.executable)}\n"
        f'args = ["-S", {json.dumps(mcp_server.__file__)}, {json.dumps(mode)}]\n'
        f"tools = {tools}\n"
    )


def accept(run: Run, *server: str) -> Told:
    """Accept what `tandem mcp check` shows, by the command that it gives."""
    (digest,) = re.findall(r"--accept ([0-9a-f]{16})", run("mcp", "check", *server).out)
    return run("mcp", "check", *server, "--accept", digest)


def test_a_tool_is_offered_once_it_was_shown_and_accepted(tmp_path: Path, run: Run) -> None:
    settings(tmp_path)
    assert "not accepted yet" in run("mcp", "list").out
    looked = run("mcp", "check")
    assert looked.code == LOOK
    assert "Says it again." in looked.out
    assert "tiny_count  not in `tools`" in looked.out
    assert not (tmp_path / ".tandem" / "mcp.json").exists()
    assert accept(run, "tiny").code == 0
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
    accept(run)
    settings(tmp_path, mode)
    told = run("mcp", "check")
    assert told.code == LOOK
    assert word in told.out


def test_what_changed_is_shown_beside_what_was_accepted(tmp_path: Path, run: Run) -> None:
    settings(tmp_path)
    accept(run)
    settings(tmp_path, "changed")
    lines = run("mcp", "check").out.splitlines()
    assert "    - says: Says it again." in lines
    changed = [line.split(":")[0] for line in lines if line.startswith("    +")]
    assert changed == ["    + says", "    + sha256"]
    (told,) = [
        tool
        for tool in json.loads(run("mcp", "check", "--json").out)["tools"]
        if tool["state"] == "changed"
    ]
    assert told["accepted"]["description"] == "Says it again."
    assert told["now"]["description"] != told["accepted"]["description"]


def test_only_what_was_shown_is_accepted(tmp_path: Path, run: Run) -> None:
    settings(tmp_path)
    digest = json.loads(run("mcp", "check", "--json").out)["digest"]
    settings(tmp_path, "changed")  # between the look and the word
    check(run("mcp", "check", "--accept", digest), INVALID, "nothing was accepted")
    assert not (tmp_path / ".tandem" / "mcp.json").exists()
    settings(tmp_path)
    assert run("mcp", "check", "--accept", digest).code == 0
    settings(tmp_path, tools='["echo", "count"]')  # what is allowed is a part of it
    check(run("mcp", "check", "--accept", digest), INVALID, "nothing was accepted")


def test_without_a_server_there_is_nothing_to_check(run: Run) -> None:
    check(run("mcp", "check"), INVALID, "name no MCP server")


def test_a_bad_schema_is_refused_even_where_it_would_be_accepted(tmp_path: Path, run: Run) -> None:
    settings(tmp_path, "bad schemas", '["echo", "huge"]')
    digest = json.loads(run("mcp", "check", "--json").out)["digest"]
    told = run("mcp", "check", "--accept", digest, "--json")
    assert told.code == LOOK
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
