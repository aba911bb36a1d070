"""LangSmith's pytest plugin over a suite: with a key it logs, without one the same tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tandem.evals.pytest_suite import TRACING, TRACKING, configure
from tests.langsmith_recorder import Langsmith, recorder

ROOT = Path(__file__).parents[3]
MAIL = "jane.doe@example.org"
CONFTEST = """
from tandem.evals.pytest_suite import configure

def pytest_configure():
    configure()
"""
TEST = """
import pytest
from tandem.evals.pytest_suite import SuiteUnderTest, rows
from tandem.services import Services
from tandem.settings import load
from tests.unit.evals.fakes import RulePool, RuleTier

SUITE = "films.toml"
Services.pool = RulePool(RuleTier("slm", lambda text: "positive"), RuleTier("llm", str))

@pytest.fixture(scope="module")
def films(tmp_path_factory):
    with SuiteUnderTest(load(), SUITE, "slm_only", tmp_path_factory.mktemp("run")) as suite:
        yield suite

@pytest.mark.langsmith
@pytest.mark.parametrize("row", rows(SUITE))
def test_film(row, films):
    result = films.run(row)
    assert result["scores"]["label_match"] == 1.0
"""
SUITE = """
[suite]
name = "films"
task = "sentiment"
data = "films.jsonl"
primary = "label_match"
[request]
labels = ["positive", "negative"]
[evaluators.label_match]
"""
ROWS = """{"id": "good", "input": "A fine film, says jane.doe@example.org.", "expected": "positive"}
{"id": "bad", "input": "A poor film.", "expected": "negative"}
"""


def run(folder: Path, langsmith: Langsmith, **environment: str) -> str:
    for name, text in (
        ("conftest.py", CONFTEST),
        ("test_films.py", TEST),
        ("films.toml", SUITE),
        ("films.jsonl", ROWS),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith("LANG")}
    own |= {"PYTHONPATH": str(ROOT), "TANDEM_CACHE": str(folder / "cache")}
    own |= {"LANGSMITH_ENDPOINT": langsmith.url, **environment}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_films.py"]
    done = subprocess.run(
        command, cwd=folder, env=own, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


def test_with_a_key_the_plugin_logs_masked_rows(tmp_path: Path) -> None:
    with recorder() as langsmith:
        said = run(tmp_path, langsmith, LANGSMITH_API_KEY="a-key")
        assert "1 failed, 1 passed" in said, said
        assert len(langsmith.experiments) == 1
        roots = [one for one in langsmith.runs.values() if one.get("name") == "test_film"]
        assert len(roots) == 2
        scores = [one for one in langsmith.feedback.values() if one["key"] == "label_match"]
        assert sorted(one["score"] for one in scores) == [0.0, 1.0]
        assert langsmith.holding("A fine film")
        assert langsmith.holding(MAIL) == []


@pytest.mark.parametrize("environment", [{}, {"LANGSMITH_API_KEY": "k", TRACING: "false"}])
def test_an_environment_without_a_key_is_switched_off(environment: dict[str, str]) -> None:
    changed = dict(environment)
    assert not configure(changed)
    assert changed == {**environment, TRACKING: "false"}
