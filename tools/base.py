"""What a tool is, and how it is called: arguments validated, time and output bounded."""

from __future__ import annotations

import json
import logging
import queue
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import jsonschema

from tandem.errors import SettingsError, TandemError
from tandem.models.cancel import Cancellation, on_cancel

log = logging.getLogger(__name__)
T = TypeVar("T")
Run = Callable[[Mapping[str, Any]], Any]


class ToolError(TandemError):
    """A tool gave no result. The message holds no argument and no document text, so that it may
    go back to the model that plans."""

    code = "tool"


class ToolLate(ToolError):
    """A tool was not done in its time. What it did until then is not known."""


class ToolNotCalled(ToolError):
    """A tool ended before it did anything: nothing was sent, nothing has changed."""


class ToolArgumentError(ToolNotCalled):
    """A tool refused its arguments; other arguments may do."""

    code = "tool_arguments"


@dataclass(frozen=True)
class Tool:
    """Something that an agent may call.

    Parameters
    ----------
    name: what a plan calls it by.
    description: one line for the model: what it gives, and when to take it.
    parameters: JSON schema (an object) of the arguments.
    run: gets valid arguments, gives a JSON-plain value; raises ToolError where there is none.
    side_effects: whether a call changes anything outside the run. An agent repeats only calls
        without side effects, and reuses their results.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Run
    side_effects: bool = False

    def __post_init__(self) -> None:
        try:
            _check_schema(json.dumps(self.parameters))
        except (jsonschema.SchemaError, TypeError, ValueError) as error:
            why = error.message if isinstance(error, jsonschema.SchemaError) else str(error)
            raise SettingsError(
                f"The parameters of the tool {self.name!r} are no JSON schema: {why}.",
                "Correct the tool's `parameters`.",
            ) from error

    @property
    def function(self) -> dict[str, Any]:
        """The tool as a JSON-schema function, as `TierCall.choose_calls` takes it."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }


@lru_cache(maxsize=1024)
def _check_schema(written: str) -> None:
    """Raises SchemaError. Tools are made anew in every step of a run, and a check takes 10 ms."""
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


def parameters(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Any:
    """JSON schema of an object of these properties and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


GRACE_S: Final = 1.0
"""For a tool to end that was cancelled, so that what it has cost by then is noted."""


def call_tool(tool: Tool, arguments: Mapping[str, Any], *, seconds: float, chars: int) -> Any:
    """The tool's result, JSON-plain, cut to about `chars` characters of JSON; an object that
    lost something says so under `cut`, a text at its end.

    A tool that is not done after `seconds` is cancelled, so that its models stop and charge no
    more, and has GRACE_S to end; what it still gives is dropped. Python cannot stop a thread: what
    heeds no cancelling runs on in the background. It never keeps the process alive.

    Raises
    ------
    ToolArgumentError: the arguments do not fit the tool's schema, or the tool refused them.
    ToolLate: the time ran out.
    ToolError: the tool failed.
    """
    validate_arguments(tool, arguments)
    done: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put((tool.run(arguments), None))
        except BaseException as error:  # handed over to the caller's thread, `sys.exit` too
            done.put((None, error))

    # The copied context carries the tracing and the run's configuration into the thread.
    cancellation = Cancellation()
    context, forget = cancellation.context(), on_cancel(cancellation.cancel)
    threading.Thread(
        target=context.run, args=(work,), name=f"tool-{tool.name}", daemon=True
    ).start()
    try:
        result, error = done.get(timeout=max(0.0, seconds))
    except queue.Empty:
        cancellation.cancel()
        with suppress(queue.Empty):
            done.get(timeout=GRACE_S)
        raise ToolLate(
            f"{tool.name} took longer than {round(seconds, 1):g} s.",
            "Ask for less at once, or allow more (limits.tool_seconds, the request's deadline_ms).",
        ) from None
    finally:
        forget()
    if isinstance(error, TandemError):
        raise error
    if error is not None:
        raise _crashed(tool, error) from error
    return _capped(tool.name, result, chars)


def _crashed(tool: Tool, error: BaseException) -> ToolError:
    """An error that the tool did not foresee. Its own words may quote the request."""
    *_, last = traceback.extract_tb(error.__traceback__)
    log.warning("%s: %s in %s, line %s", tool.name, type(error).__name__, last.name, last.lineno)
    return ToolError(
        f"{tool.name} failed ({type(error).__name__}), which is a fault of the tool.",
        "`tandem --verbose` logs where; ask again without it, or report it.",
    )


def validate_arguments(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Check `arguments` against the tool's schema.

    Raises
    ------
    ToolArgumentError: names the place and the rule, and not the value, which may be a document's.
    """
    validator = jsonschema.Draft202012Validator(tool.parameters)
    problem = jsonschema.exceptions.best_match(validator.iter_errors(dict(arguments)))
    if problem is None:
        return
    where = ".".join(str(part) for part in problem.absolute_path) or "arguments"
    rule = json.dumps(problem.validator_value, ensure_ascii=False)
    raise ToolArgumentError(f"{tool.name}: {where} breaks the rule {problem.validator}: {rule}.")


def _capped(name: str, result: Any, chars: int) -> Any:
    try:
        size = len(json.dumps(result, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ToolError(
            f"{name} gave a result that is not plain JSON.", "Have it give plain data."
        ) from error
    if size <= chars:
        return result
    cut = _cut(result, _Budget(chars))
    return {**cut, CUT_KEY: True} if isinstance(cut, dict) else cut


CUT_MARK: Final = " [cut]"
CUT_KEY: Final = "cut"


@dataclass
class _Budget:
    left: int

    def take(self, text: str) -> str:
        kept = text if len(text) <= self.left else text[: max(0, self.left)] + CUT_MARK
        self.left -= len(kept)
        return kept

    def within(self, parts: Iterable[T]) -> Iterator[T]:
        """The parts for which there is room; each takes some, be it empty."""
        for part in parts:
            if self.left <= 0:
                return
            yield part
            self.left -= 1


def _cut(value: Any, budget: _Budget) -> Any:
    if isinstance(value, str):
        return budget.take(value)
    if isinstance(value, dict):
        parts = budget.within(value.items())
        return {budget.take(str(key)): _cut(part, budget) for key, part in parts}
    if isinstance(value, list):
        return [_cut(part, budget) for part in budget.within(value)]
    budget.left -= len(json.dumps(value))
    return value
