from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table

from tandem.cli.consoles import plain_console
from tandem.ledger.store import Ledger
from tests.loopback import answer, serve
from tests.unit.cli.shell import ERROR, INVALID, Run, check
from tests.unit.loop.replay.ledgers import Writer, llm_try

OLD = """
[calibration]
shipped = false
[models.slm-embedded]
model = "qwen2.5-coder-0.5b-instruct"
private = true
price = { per_million_input = 1.0, per_million_output = 2.0 }
[models.llm-embedded]
model = "qwen2.5-coder-1.5b-instruct"
price = { per_million_input = 10.0, per_million_output = 20.0 }
"""
NEW = f"{OLD}\n[tasks.sentiment]\nmin_margin = 0.2\n"


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    (tmp_path / "tandem.toml").write_text(OLD)
    (tmp_path / "new.toml").write_text(NEW)
    return Writer(Ledger(f"sqlite:///{tmp_path / '.tandem/ledger.sqlite'}", texts="all"))


def figures(run: Run, *words: str) -> Any:
    told = run("replay", "new.toml", "--json", *words)
    assert told.code == 0, told
    return json.loads(told.out)


def test_the_tables_tell_what_changes(run: Run, written: Writer) -> None:
    written.accepted("r1")
    written.escalated("r2", margin=0.25)
    written.run("r3", llm_try("a1"), decided={"tier": "llm"})
    written.ledger.start("open", {"text": "x"})
    told = run("replay", "new.toml")
    assert told.code == 0
    assert "Settings that differ: tasks.sentiment.min_margin." in told.out
    assert "1 llm to slm" in told.out
    assert "1 runs have not ended" in told.out
    assert "the LLM agrees" in told.out


def test_a_hint_names_its_section(run: Run, written: Writer) -> None:
    for name in ("r1", "r2"):
        written.accepted(name, margin=0.15)
    told = run("replay", "new.toml")
    assert "Next time: set [shadow] share, so that" in told.out


def test_lines_and_cells_keep_their_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("[privacy] mask")
    table.add_row("[models.x] price")
    console = plain_console()
    console.print("set [shadow] share")
    console.print(table)
    told = capsys.readouterr().out
    assert all(each in told for each in ("[shadow] share", "[privacy] mask", "[models.x] price"))


def test_the_json_holds_the_same(run: Run, written: Writer) -> None:
    written.escalated("r1", margin=0.25)
    told = figures(run)
    assert told["total"]["cost"]["value"] == pytest.approx(0.00102)
    assert told["changed"] == ["tasks.sentiment.min_margin"]
    assert figures(run, "--task", "sentiment", "--since", "2023-01-01")["total"]["runs"] == 1


def test_the_ledger_is_as_it_was(run: Run, written: Writer, tmp_path: Path) -> None:
    written.escalated("r1", margin=0.25)
    with sqlite3.connect(tmp_path / ".tandem/ledger.sqlite") as file:
        before = list(file.iterdump())
        figures(run)
        assert list(file.iterdump()) == before


def test_a_ledger_of_an_older_schema_is_replayed(run: Run, written: Writer, tmp_path: Path) -> None:
    written.escalated("r1", margin=0.25)
    written.ledger.close()
    with sqlite3.connect(tmp_path / ".tandem/ledger.sqlite") as file:
        for table in ("feedback", "spend", "shadow", "effects", "kept_runs"):
            file.execute(f"DROP TABLE tandem_{table}")
        file.execute("UPDATE tandem_schema SET version = 1")
    assert figures(run)["total"]["exact"] == 1


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[nonsense]\nx = 1\n", ERROR, ["new.toml:1", "unknown key"]),
        ("[policy\n", ERROR, ["new.toml", "cannot be read"]),
        ('currency = "EUR"\n', INVALID, ["EUR", "USD", "Nothing was replayed"]),
        ("[tasks.nobody]\nquality = 0.9\n", ERROR, ["nobody"]),
    ],
)
def test_settings_of_no_use(
    run: Run, written: Writer, tmp_path: Path, text: str, code: int, words: list[str]
) -> None:
    written.accepted("r1")
    (tmp_path / "new.toml").write_text(text)
    check(run("replay", "new.toml"), code, *words)


def test_nothing_to_replay(run: Run, written: Writer) -> None:
    check(run("replay", "new.toml"), INVALID, "no runs yet")
    written.accepted("r1")
    check(run("replay", "new.toml", "--task", "faq"), INVALID, "no run that matches")
    told = run("replay", "new.toml", "--since", "2026-01-02", "--until", "2026-01-01")
    check(told, INVALID, "--until")
    check(run("replay", "gone.toml"), ERROR, "gone.toml")


def test_asking_again_needs_requests(run: Run, written: Writer, tmp_path: Path) -> None:
    bare = Writer(Ledger(f"sqlite:///{tmp_path / 'bare.sqlite'}"))
    bare.run("r1", llm_try("a1"), decided={"tier": "llm"}, complexity=0.8)
    ledger = f'[ledger]\nurl = "sqlite:///{tmp_path / "bare.sqlite"}"\n'
    (tmp_path / "tandem.toml").write_text(f"{OLD}\n{ledger}[policy]\nllm_above = 0.5\n")
    (tmp_path / "new.toml").write_text(f"{OLD}\n[policy]\nllm_above = 0.9\n")
    check(run("replay", "new.toml", "--rerun", "3"), INVALID, "holds the request of none")


SERVED = """
[calibration]
shipped = false
[models.small]
backend = "openai"
dialect = "vllm"
url = "URL"
model = "small"
private = true
price = { per_million_input = 1.0 }
[models.large]
backend = "openai"
dialect = "vllm"
url = "URL"
model = "large"
price = { per_million_input = 10.0 }
[tiers.slm]
model = "small"
[tiers.llm]
model = "large"
"""


def test_requests_are_asked_again_under_the_new_settings(run: Run, tmp_path: Path) -> None:
    """Runs that began on the LLM go to the SLM: another answer, and 40 tokens at its price."""
    with serve(answer(("down", {"down": -0.01, "up": -5.0}))) as server:
        base = SERVED.replace("URL", f"{server.url}/v1")
        first = '[tasks.sentiment]\nfirst_tier = "{}"\n'
        (tmp_path / "tandem.toml").write_text(base + first.format("llm"))
        (tmp_path / "new.toml").write_text(base + first.format("slm"))
        path = tmp_path / ".tandem/ledger.sqlite"
        written = Writer(Ledger(f"sqlite:///{path}", texts="all"))
        for number in range(3):
            written.run(f"r{number}", llm_try("a1", "up"), decided={"tier": "llm"})
        told = figures(run, "--rerun", "5")
        shown = run("replay", "new.toml", "--rerun", "2").out
    (again,) = told["rerun"]
    assert (again["asked"], again["failed"], again["others"]["value"]) == (3, 0, 3)
    assert again["cost"]["value"] == pytest.approx(3 * 40e-6)
    assert server.body["model"] == "small"
    assert "asked again: 2 of 3 kept requests" in shown
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT count(*) FROM tandem_runs").fetchone() == (3,)
