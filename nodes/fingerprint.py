"""What a task's prompts are made of, as a short hash: another prompt, and a calibration of the
task's answers says nothing any more.

It covers what the settings make of the task (how many passages a prompt holds), the task's class,
and every function, class and constant that it reaches by name in the rooms of tasks: a shared part
of prompts counts, and what merely stands in the same file does not. Comments, docstrings and layout
leave the hash as it is. What lies elsewhere is not followed: gates and signals (quality/) are no
prompt, and the model has an identity of its own.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from tandem.nodes.task import Task

ROOM: Final = "tandem.nodes"
_PLAIN: Final = (str, int, float, bool)


def source_sum(task: Task) -> str:
    """A short hash of all that the prompts of `task` are made of."""
    given: Any = task
    fields = dataclasses.fields(given) if dataclasses.is_dataclass(given) else ()
    values = {one.name: getattr(task, one.name) for one in fields}
    plain = {name: value for name, value in values.items() if isinstance(value, _PLAIN)}
    told = f"{_source(type(task))}\n{json.dumps(plain, sort_keys=True)}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@cache
def _source(kind: type) -> str:
    top = kind.__module__.partition(".")[0]
    walk = _Walk(ROOM if top == "tandem" else top)
    walk.follow(kind.__module__, kind.__qualname__.partition(".")[0])
    # A class that is made at run time, or in a shell, has a name and no source.
    return "\n".join(sorted(walk.found.values())) or kind.__qualname__


@dataclasses.dataclass(frozen=True)
class _Module:
    """What stands at the top of a module, by name."""

    defined: dict[str, list[ast.stmt]]
    imported: dict[str, tuple[str, str]]
    """From which module, and by which name there; empty: the module itself."""


@dataclasses.dataclass
class _Walk:
    """Follows names from definition to definition, in `room` and in Tandem's tasks."""

    room: str
    found: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)

    def follow(self, module: str, name: str) -> None:
        """Take in the definition of `name`, and of all that it names."""
        here = _module(module)
        if (module, name) in self.found or here is None:
            return
        if name not in here.defined:
            if name in here.imported:
                self._import(*here.imported[name])
            return
        nodes = here.defined[name]
        self.found[module, name] = f"{name}: " + "\n".join(map(_plain, nodes))
        for used in sorted({one for node in nodes for one in _names(node)}):
            self.follow(module, used)

    def _import(self, module: str, name: str) -> None:
        if not any(module == room or module.startswith(f"{room}.") for room in (ROOM, self.room)):
            return
        whole = _module(f"{module}.{name}" if name else module)
        if whole is None:
            self.follow(module, name)
            return
        for one in whole.defined:  # a module by name: which part of it is meant stays open
            self.follow(f"{module}.{name}" if name else module, one)


@cache
def _module(name: str) -> _Module | None:
    """What a loaded module holds; None: it is none, or has no source."""
    module = sys.modules.get(name)
    try:
        tree = ast.parse(inspect.getsource(module)) if module else None
    except (OSError, TypeError):
        return None
    if tree is None:
        return None
    made = _Module({}, {})
    package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
    for node in tree.body:
        for key, origin in _imports(node, package):
            made.imported[key] = origin
        for key in _defines(node):
            made.defined.setdefault(key, []).append(node)
    return made


def _imports(node: ast.stmt, package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(node, ast.ImportFrom):
        dots = "." * node.level
        source = importlib.util.resolve_name(f"{dots}{node.module or ''}", package)
        yield from ((one.asname or one.name, (source, one.name)) for one in node.names)
    elif isinstance(node, ast.Import):
        yield from ((one.asname, (one.name, "")) for one in node.names if one.asname)


def _defines(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    for target in targets:
        yield from _names(target) if target is not None else ()


def _names(node: ast.AST) -> Iterator[str]:
    return (one.id for one in ast.walk(node) if isinstance(one, ast.Name))


def _plain(node: ast.stmt) -> str:
    """The source, without comments, docstrings and layout."""
    kept = ast.parse(ast.unparse(node))
    for one in ast.walk(kept):
        body = getattr(one, "body", None)
        if isinstance(body, list) and _is_docstring(body[0] if body else None):
            body[0] = ast.Pass()
    return ast.unparse(kept)


def _is_docstring(node: ast.AST | None) -> bool:
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return False
    return isinstance(node.value.value, str)
