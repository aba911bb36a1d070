"""A suite: which rows, how they become requests, and what is measured. Read from a TOML file."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tandem.errors import SettingsError
from tandem.records import TASKS, Request

TOOL_USE: Final = "tool_use"
"""Choosing tools alone: a task of evaluations, not of the graph."""
SUITES: Final = Path(__file__).parent / "suites"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fields(_Section):
    """Which field of a row is what."""

    id: str = "id"
    text: str = "input"
    expected: str | list[str] = "expected"
    """A field, or several that are put together as an object."""
    files: str = "files"
    tools: str = ""
    secrets: str = ""
    tags: list[str] = []
    request: dict[str, str] = {}
    """Other fields of Request, by the row's field that holds each; left out where none does."""


class Strip(_Section):
    """What is cut off the text: some published rows hold a prompt around it."""

    prefix: str = ""
    suffix: str = ""


class Also(_Section):
    """Rows of another set that are added to the full set, all with the same expected answer."""

    file: str
    count: int = Field(ge=1)
    expected: dict[str, Any]


class Part(_Section):
    """A suite's share in a mixture."""

    suite: str
    share: float = Field(gt=0)


class Suite(_Section):
    """A suite; `home` is the folder of its file, from which its paths start."""

    home: Path = Path()
    name: str
    about: str = ""
    task: str = ""
    data: str = ""
    """The rows that come with the suite; empty: none may be redistributed."""
    full: str = ""
    """The name of the full set inside a folder given by --data; empty: there is no fuller one."""
    only: dict[str, str] = {}
    """Fields that a row must have with these values; other rows of the file are left out."""
    files: str = ""
    """The folder of the rows' files, where --data does not hold them."""
    public: bool = False
    """The rows are published, so that `llm_only`, the baseline, may show them to any model. The
    policy `tandem` keeps to the privacy settings in any case."""
    declare_task: bool = True
    """Whether the requests name their task; else the graph has to read it."""
    primary: str = ""
    """The evaluator whose mean is called quality."""
    evaluators: dict[str, dict[str, Any]] = {}
    """Evaluators by name, with their options."""
    candidates: int = Field(default=0, ge=0)
    """Labels a row: the right one and others of the set."""
    fields: Fields = Fields()
    request: dict[str, Any] = {}
    """Fields of Request that are the same in every row."""
    strip: Strip = Strip()
    also: tuple[Also, ...] = ()
    parts: tuple[Part, ...] = ()
    rows: int = Field(default=0, ge=0)
    """Of a mixture: how many rows it has."""


def names() -> list[str]:
    """The suites that come with Tandem."""
    return sorted(path.stem for path in SUITES.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """The suite of that name, or of the TOML file at that path.

    Raises
    ------
    SettingsError: there is none, or its file is wrong; the message says where.
    """
    path = Path(name) if name.endswith(".toml") else SUITES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(names())
        raise SettingsError(
            f"There is no suite {name!r}.", f"Suites: {known}; or give a TOML file."
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        suite = Suite(**{**data.pop("suite", {}), **data, "home": path.parent.absolute()})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.", "Correct the file.") from error
    except ValidationError as error:
        raise SettingsError(f"{path}: {_told(error)}.", "Correct the file.") from error
    _check(path, suite)
    return suite


def _told(error: ValidationError) -> str:
    problems = (
        f"{'.'.join(map(str, problem['loc'])) or 'suite'}: {problem['msg']}"
        for problem in error.errors()
    )
    return "; ".join(problems)


def _check(path: Path, suite: Suite) -> None:
    from tandem.evals.evaluators import KNOWN

    problem = ""
    if not suite.parts and not suite.task:
        problem = "a suite needs `task` (or, a mixture, `parts`)"
    elif not suite.parts and suite.primary not in suite.evaluators:
        problem = f"`primary` ({suite.primary!r}) is none of the suite's [evaluators]"
    elif unknown := sorted(set(suite.evaluators) - set(KNOWN)):
        problem = f"unknown evaluator {unknown[0]!r}; known: {', '.join(sorted(KNOWN))}"
    elif suite.task and suite.task not in (tasks := _tasks()):
        problem = f"unknown task {suite.task!r}; known: {', '.join(sorted(tasks))}"
    elif wrong := sorted(set(suite.request) - set(Request.__annotations__)):
        fields = ", ".join(sorted(Request.__annotations__))
        problem = f"[request] has no field {wrong[0]!r}; its fields: {fields}"
    if problem:
        raise SettingsError(f"{path}: {problem}.", "Correct the file.")


def _tasks() -> set[str]:
    """The tasks that a suite may name: Tandem's own, and those that installed packages register."""
    return {*TASKS, TOOL_USE, *(point.name for point in entry_points(group="tandem.tasks"))}
