"""Whatever a prompt is made of changes its hash, and nothing else does."""

from __future__ import annotations

import importlib
import inspect
import linecache
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.nodes import citing, fingerprint
from tandem.nodes.answer_faq import AnswerFaq
from tandem.nodes.draft import Draft
from tandem.nodes.extract import Extract
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.labels import LabelTask
from tandem.nodes.sentiment import Sentiment

PACKAGE = "a_shop_of_tests"
PARTS = {
    "words.py": 'GREETING = "Dear"\nUNUSED = "Bye"\n',
    "shared.py": """
from .words import GREETING

def opening(name):
    return f"{GREETING} {name}"

def closing():
    return "Yours"
""",
    "base.py": "class Base:\n    tone = 'kind'\n",
    "task.py": """
from dataclasses import dataclass
import a_shop_of_tests.extra as more
from .base import Base
from .shared import opening

LENGTH = 40

@dataclass
class Reply(Base):
    '''Replies.'''
    passages: int = 3

    def prompt(self):
        # Ask.
        return opening("you") + str(LENGTH) + more.EXTRA

def other():
    return "not asked"
""",
    "extra.py": 'EXTRA = "!"\n',
    "__init__.py": "",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Writes the package with one file changed, and gives the hash of its task."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / PACKAGE
    folder.mkdir()

    def forget() -> None:
        for name in [one for one in sys.modules if one.startswith(PACKAGE)]:
            del sys.modules[name]
        fingerprint._module.cache_clear()
        linecache.clearcache()
        importlib.invalidate_caches()

    def sum_of(file: str = "", old: str = "", new: str = "", **fields: Any) -> str:
        forget()
        for name, text in PARTS.items():
            assert name != file or old in text
            (folder / name).write_text(text.replace(old, new) if name == file else text)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return source_sum(importlib.import_module(f"{PACKAGE}.task").Reply(**fields))

    yield sum_of
    forget()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("words.py", "Dear", "Hello"),
        ("shared.py", "{name}", "{name},"),
        ("base.py", "kind", "curt"),
        ("task.py", "LENGTH = 40", "LENGTH = 50"),
        ("task.py", 'opening("you")', 'opening("there")'),
        ("extra.py", "!", "?"),
    ],
)
def test_a_part_of_the_prompt_counts_wherever_it_stands(
    shop: Any, file: str, old: str, new: str
) -> None:
    assert shop(file, old, new) != shop()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("words.py", "Bye", "See you"),
        ("shared.py", "Yours", "Truly yours"),
        ("task.py", "not asked", "asked of nobody"),
        ("task.py", "# Ask.", "# Ask the model."),
        ("task.py", "Replies.", "Answers."),
        ("task.py", "LENGTH = 40", "LENGTH = (\n    40\n)"),
    ],
)
def test_what_no_prompt_is_made_of_does_not(shop: Any, file: str, old: str, new: str) -> None:
    assert shop(file, old, new) == shop()


def test_what_the_settings_make_of_a_task_counts(shop: Any) -> None:
    assert shop() == shop(passages=3) != shop(passages=5)


def test_the_shipped_tasks_have_sums_of_their_own_that_last() -> None:
    tasks = [Extract(read=str), Draft(read=str), Sentiment()]
    sums = [source_sum(task) for task in tasks]
    assert len(set(sums)) == len(tasks)
    assert sums == [source_sum(task) for task in tasks]
    assert isinstance(tasks[2], LabelTask)
    assert source_sum(replace(tasks[2], max_labels=7)) != sums[2]


def test_a_shared_part_of_shipped_prompts_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The passages of a prompt are written by nodes/citing.py, for several tasks."""
    task = AnswerFaq(None, 3, 0.3)  # type: ignore[arg-type]
    before, real = source_sum(task), inspect.getsource

    def changed(module: Any) -> str:
        text = real(module)
        return text.replace("PASSAGE_CHARS: Final = ", "PASSAGE_CHARS: Final = 7 + ")

    assert changed(citing) != real(citing)
    monkeypatch.setattr(inspect, "getsource", changed)
    for cached in (fingerprint._module, fingerprint._source):
        cached.cache_clear()
    try:
        assert source_sum(task) != before
    finally:
        monkeypatch.undo()
        for cached in (fingerprint._module, fingerprint._source):
            cached.cache_clear()
    assert source_sum(task) == before


def test_a_class_without_a_source_goes_by_its_name() -> None:
    made: Any = type("Made", (), {"__module__": "nowhere"})
    assert source_sum(made()) == source_sum(made())
    assert source_sum(made()) != source_sum(type("Other", (), {"__module__": "nowhere"})())  # type: ignore[arg-type]
