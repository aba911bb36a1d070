"""`tandem ask --continue`: the rest of a text that time ran out for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tandem.errors import DeadlineExceeded
from tests.unit.cli.shell import INVALID, Run
from tests.unit.nodes.longform.texts import BRIEF, TOP, outline, prose
from tests.unit.services import FakeServices, Reply

TWO = outline("How it works", "Who waters")


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, *llm: Reply) -> FakeServices:
    services = FakeServices(folder, llm=llm)
    monkeypatch.setattr("tandem.app.Services", lambda _settings: services)
    return services


@pytest.mark.parametrize("as_json", [True, False])
def test_a_text_that_time_ran_out_for_is_gone_on_with(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    use(monkeypatch, tmp_path / "a", TWO, prose(120, "a"), DeadlineExceeded("Late.", "Wait."))
    first = run("ask", BRIEF, "--task", "longform", "--json")
    assert first.code == 3
    file = tmp_path / "begun"
    file.write_text(first.out if as_json else json.loads(first.out)["draft"]["text"])
    further = use(monkeypatch, tmp_path / "b", outline("Who waters"), prose(120, "b"), TOP)
    told = run("ask", BRIEF, "--continue", file)
    assert told.code == 0, told.err
    assert prose(120, "a") in told.out
    assert prose(120, "b") in told.out
    assert len(further.fakes["llm"].prompts) == 3


def test_what_the_command_line_said_of_a_draft_is_no_part_of_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path / "a", TWO, prose(120, "a"), DeadlineExceeded("Late.", "Wait."))
    first = run("ask", BRIEF, "--task", "longform")
    assert "not accepted" in first.err
    file = tmp_path / "begun.md"
    file.write_text("A line of a log.\n" + first.err)
    further = use(monkeypatch, tmp_path / "b", outline("Who waters"), prose(120, "b"), TOP)
    told = run("ask", BRIEF, "--continue", file)
    assert told.code == 0, told.err
    assert prose(120, "a") in told.out
    seen = told.out + json.dumps([each.messages for each in further.fakes["llm"].prompts])
    for own in ("not accepted", "time was up", "all-LLM", "A line of a log"):
        assert own not in seen


def test_what_to_do_next_names_the_answer_as_json(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path / "a", TWO, prose(120, "a"), DeadlineExceeded("Late.", "Wait."))
    assert "--json > FILE" in run("ask", BRIEF, "--task", "longform").err


@pytest.mark.parametrize("content", [None, "", "{}", '{"output": null, "draft": null}'])
def test_nothing_to_go_on_with_is_told(run: Run, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "begun"
    if content is not None:
        file.write_text(content)
    told = run("ask", BRIEF, "--continue", file)
    assert (told.code, told.out) == (INVALID, "")
    assert "Nothing was run" in told.err
