from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tandem.evals import services as kept
from tandem.settings import Settings, load
from tests.unit.cli.shell import ERROR, INVALID, Run, check
from tests.unit.services import FakeServices


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [{"text": f"QUINCE {n}", "label": "up" if n % 2 else "down"} for n in range(60)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@pytest.fixture
def models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[str], list[str]], None]:
    """What the two tiers answer, whichever settings ask."""

    def answer(slm: list[str], llm: list[str]) -> None:
        def services(settings: Settings, _cache: Any, _ledger: Path) -> FakeServices:
            made = FakeServices(tmp_path, slm=slm, llm=llm)
            made.__dict__["settings"] = settings
            return made

        monkeypatch.setattr(kept, "EvalServices", services)

    return answer


def test_the_cheapest_good_enough_is_chosen_and_written(
    run: Run, rows: Path, models: Any, tmp_path: Path
) -> None:
    models(["down", "up"] * 30, ["down", "up"] * 30)
    words = ("--data", rows, "--task", "sentiment", "--candidates", "slm-embedded,llm-embedded")
    told = run("select", *words, "--quality", "0.9", "--write", tmp_path / "out.toml")
    assert told.code == 0, told
    assert "chosen" in told.out
    assert "Take " in told.out
    assert "QUINCE" not in told.out
    assert load(tmp_path / "out.toml").tasks["sentiment"].quality == 0.9
    again = run("select", *words, "--write", tmp_path / "out.toml")
    check(again, INVALID, "there already")


def test_nobody_can_be_promised(run: Run, rows: Path, models: Any, tmp_path: Path) -> None:
    models(["up"] * 60, ["down", "up"] * 29 + ["up", "up"])
    words = ("--data", rows, "--task", "sentiment", "--candidates", "slm-embedded,llm-embedded")
    told = run("select", *words, "--quality", "0.97", "--json")
    found = json.loads(told.out)
    assert found["chosen"] is None
    by_name = {one["name"]: one for one in found["candidates"]}
    assert by_name["slm-embedded"]["needed"] is None
    assert by_name["llm-embedded"]["needed"] > 60
    assert "No candidate can be promised" in found["words"][0]
    told = run("select", *words, "--quality", "0.97", "--write", tmp_path / "out.toml")
    check(told, INVALID, "No candidate can be promised")
    assert not (tmp_path / "out.toml").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--task", "nobody"], INVALID, "no task 'nobody'"),
        (["--task", "draft"], INVALID, "right or wrong"),
        (["--task", "sentiment", "--candidates", "gpt-9"], INVALID, "no candidate"),
        (["--task", "sentiment", "--labels", "up,sideways"], INVALID, "not one of --labels"),
        (["--task", "sentiment", "--quality", "90"], INVALID, "between 0 and 1"),
        (["--task", "sentiment", "--quality", "0.9", "--margin", "0.1"], INVALID, "one of the two"),
        (["--task", "sentiment", "--confidence", "0.2"], INVALID, "--confidence"),
    ],
)
def test_bad_input(
    run: Run, rows: Path, models: Any, words: list[str], code: int, told: str
) -> None:
    models([], [])
    check(run("select", "--data", rows, *words), code, told)


def test_five_rows_are_too_few(run: Run, tmp_path: Path, models: Any) -> None:
    models([], [])
    path = tmp_path / "five.jsonl"
    path.write_text('{"text": "QUINCE", "label": "up"}\n{"text": "x", "label": "down"}\n')
    check(run("select", "--data", path, "--task", "sentiment"), INVALID, "2 different texts")
    check(run("select", "--data", tmp_path / "gone", "--task", "sentiment"), INVALID, "gone")


def test_settings_that_do_not_parse(run: Run, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[tiers]\nslm = 3\n")
    told = run("--settings", tmp_path / "bad.toml", "select", "--data", rows, "--task", "sentiment")
    check(told, ERROR, "bad.toml")
