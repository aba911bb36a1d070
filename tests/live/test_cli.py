"""The `tandem` command as a process of its own, on the real embedded pair."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.live.house import Home, wait_for

TANDEM = Path(sys.executable).with_name("tandem")
MOOD = ("--task", "sentiment", "--labels", "positive,negative")
PERSONAL = "diana.whitlock@mail.example.org"
UNREADABLE = """
[models.nobody]
backend = "openai"
url = "http://127.0.0.1:9"
model = "m"
private = true
[tiers.slm]
model = "nobody"
[tiers.llm]
model = "nobody"
"""


@pytest.fixture
def shell(home: Home, tmp_path: Path) -> Shell:
    return Shell(home, tmp_path)


class Shell:
    """Runs `tandem` in a folder of the test's own, with a ledger of its own."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.folder = folder
        ledger = f'\n[ledger]\nurl = "sqlite:///{folder.as_posix()}/ledger.sqlite"\n'
        knowledge = (
            f'folder = "{(home.folder / "pages").as_posix()}"\n'
            f'index_dir = "{(home.folder / ".tandem/index").as_posix()}"'
        )
        text = home.settings_file.read_text(encoding="utf-8")
        text = text.replace('folder = "pages"', knowledge)
        self.settings = folder / "tandem.toml"
        self.settings.write_text(text + ledger, encoding="utf-8")
        self.environment = {**home.environment, "TANDEM_SETTINGS": str(self.settings)}

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [TANDEM, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err
        return process.returncode, out, err

    def rows(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def write(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self.folder / name).write_text(text, encoding="utf-8")

    def configure(self, more: str) -> None:
        self.settings.write_text(self.settings.read_text(encoding="utf-8") + more, encoding="utf-8")


def test_ask_says_how_it_went_by_its_exit_code(shell: Shell) -> None:
    code, out, err = shell.run("ask", "I love it, best film ever!", *MOOD)
    assert (code, out) == (0, "positive\n")
    assert "accepted by slm" in err
    code, out, err = shell.run("ask", "", *MOOD)
    assert (code, out) == (2, "")
    assert err.startswith("error: The request is empty.")
    shell.configure("\n[tasks.sentiment]\nmin_margin = 1.0\n")  # no SLM answer is ever so sure
    code, out, err = shell.run("ask", f"I love it! {PERSONAL}", *MOOD, "--json")
    assert code == 3
    answer = json.loads(out)
    assert (answer["status"], answer["output"]) == ("needs_review", None)
    assert answer["draft"]["label"] == "positive"
    assert PERSONAL not in err


def test_ask_fails_by_code_4_where_the_llm_is_rejected_too(shell: Shell) -> None:
    asked = "Write a summary of the French revolution in 500 words."
    shell.configure("\n[tasks.draft]\nmax_tokens = 8\n")  # every answer is cut off
    code, _, err = shell.run("ask", asked, "--task", "draft")
    assert code == 4, err
    assert "this draft was not accepted" in err


def test_a_tier_that_is_down_is_an_error_with_a_remedy(shell: Shell) -> None:
    shell.configure(UNREADABLE)
    code, out, err = shell.run("ask", "Hello", *MOOD)
    assert (code, out) == (1, "")
    assert "tandem doctor" in err


def test_run_goes_on_where_a_kill_stopped_it(shell: Shell) -> None:
    row = {"task": "sentiment", "labels": ["positive", "negative"]}
    rows = [{"id": f"r{number}", "text": f"Film {number} is great.", **row} for number in range(30)]
    shell.write("in.jsonl", rows)
    process = shell.start("run", "in.jsonl", "out.jsonl")
    wait_for(lambda: len(shell.rows("out.jsonl")) >= 5, 60)
    code, _, err = shell.run("run", "in.jsonl", "out.jsonl")
    assert code == 2
    assert "Another `tandem run` is writing out.jsonl" in err
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stopped = shell.rows("out.jsonl")
    assert [row["error"] for row in stopped if row["error"]] == []
    before = [answer["run_id"] for answer in stopped]
    assert 5 <= len(before) < len(rows)

    code, out, err = shell.run("run", "in.jsonl", "out.jsonl")
    assert code == 0, err
    assert f"{len(rows) - len(before)} requests ({len(before)} were done before)" in out
    after = shell.rows("out.jsonl")
    assert [answer["id"] for answer in after] == [row["id"] for row in rows], "each of them once"
    assert [answer["run_id"] for answer in after[: len(before)]] == before, "none of them again"

    code, out, _ = shell.run("report", "--json")
    assert code == 0
    total = json.loads(out)["total"]
    assert total["accepted"] == len(rows)
    assert total["running"] <= 1, "the one that was killed"
    assert total["cost"] > 0


def test_run_interrupted_says_how_to_go_on(shell: Shell) -> None:
    story = {"text": "Write a long story about the sea.", "task": "draft"}
    quick = {"text": "Great film.", "task": "sentiment", "labels": ["positive", "negative"]}
    shell.write("in.jsonl", [{"id": "quick", **quick}, {"id": "story", **story}])
    process = shell.start("run", "in.jsonl", "out.jsonl")
    wait_for(lambda: len(shell.rows("out.jsonl")) == 1, 60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "Stopped: 1 of 2 rows are done and stand in out.jsonl." in err
    assert [row["id"] for row in shell.rows("out.jsonl")] == ["quick"]


def test_the_doctor_finds_all_in_order(shell: Shell) -> None:
    code, out, _ = shell.run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(out)}
    assert code == 0, [check for check in checks.values() if not check["ok"]]
    assert checks["ledger"]["ok"]
    assert checks["knowledge"]["ok"]
