from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import KnowledgeError, SettingsError
from tandem.models.cancel import Cancellation, cancelled
from tandem.tools.base import (
    Tool,
    ToolArgumentError,
    ToolError,
    ToolLate,
    call_tool,
    parameters,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(max_size=5), parts),
    max_leaves=20,
)


def tool(run: Any, schema: Mapping[str, Any] | None = None) -> Tool:
    return Tool("echo", "gives back", schema or parameters({"text": {"type": "string"}}), run)


def call(run: Any, arguments: Mapping[str, Any] | None = None, **limits: Any) -> Any:
    chosen = {"seconds": 5.0, "chars": 1000, **limits}
    return call_tool(tool(run), {"text": "x"} if arguments is None else arguments, **chosen)


def test_a_result_comes_back() -> None:
    assert call(lambda arguments: {"said": arguments["text"]}) == {"said": "x"}


@pytest.mark.parametrize("arguments", [{}, {"text": 3}, {"text": "x", "more": "secret words"}])
def test_arguments_that_break_the_schema_are_refused_unseen(arguments: dict[str, Any]) -> None:
    ran = threading.Event()
    with pytest.raises(ToolArgumentError) as caught:
        call(lambda _: ran.set(), arguments)
    assert not ran.is_set()
    assert "secret words" not in str(caught.value)


def test_the_refusal_names_the_place_and_the_rule() -> None:
    with pytest.raises(ToolArgumentError, match=r'echo: text breaks the rule type: "string"'):
        call(lambda _: None, {"text": 3})


@pytest.mark.parametrize("fault", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_tool_that_wants_to_end_the_process_has_failed_at_once(fault: BaseException) -> None:
    def run(_: Any) -> None:
        raise fault

    begun = time.monotonic()
    with pytest.raises(ToolError, match=rf"echo failed \({type(fault).__name__}\)") as caught:
        call(run, seconds=5.0)
    assert not isinstance(caught.value, ToolLate)
    assert time.monotonic() - begun < 3


def test_a_hanging_tool_is_left_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.tools.base.GRACE_S", 0.05)
    release = threading.Event()
    with pytest.raises(ToolError, match="took longer"):
        call(lambda _: release.wait(5), seconds=0.05)
    release.set()


def test_a_hanging_tool_is_cancelled_and_nothing_else() -> None:
    seen = threading.Event()

    def work(_: Mapping[str, Any]) -> None:
        while not cancelled():
            time.sleep(0.01)
        seen.set()

    with pytest.raises(ToolError, match="took longer"):
        call(work, seconds=0.05)
    assert seen.wait(5)
    assert not cancelled()


def test_cancelling_a_run_reaches_its_tools() -> None:
    run = Cancellation()

    def work(_: Mapping[str, Any]) -> bool:
        run.cancel()
        return cancelled()

    assert run.context().run(call, work) is True


def test_a_crash_is_a_tool_error_without_its_text() -> None:
    def crash(_: Mapping[str, Any]) -> Any:
        raise ValueError("secret words")

    with pytest.raises(ToolError, match=r"echo failed \(ValueError\)") as caught:
        call(crash)
    assert "secret words" not in str(caught.value)
    assert "tandem --verbose" in caught.value.remedy


def test_the_log_says_where_a_tool_crashed_and_no_word_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def crash(_: Mapping[str, Any]) -> Any:
        raise ValueError("secret words")

    with pytest.raises(ToolError):
        call(crash)
    assert "echo: ValueError in crash, line" in caplog.text
    assert "secret words" not in caplog.text


def test_a_cancelled_tool_has_a_moment_to_note_what_it_cost() -> None:
    noted: list[str] = []

    def work(_: Mapping[str, Any]) -> str:
        while not cancelled():
            time.sleep(0.005)
        time.sleep(0.05)
        noted.append("cost")
        return "too late to count"

    with pytest.raises(ToolLate, match="took longer"):
        call(work, seconds=0.02)
    assert noted == ["cost"]


def test_an_error_of_ours_passes_through() -> None:
    def missing(_: Mapping[str, Any]) -> Any:
        raise KnowledgeError("There is no index.")

    with pytest.raises(KnowledgeError):
        call(missing)


@pytest.mark.parametrize("result", [object(), {1, 2}, float("nan")])
def test_results_must_be_plain_json(result: Any) -> None:
    with pytest.raises(ToolError, match="not plain JSON"):
        call(lambda _: result)


def test_a_long_text_is_cut_and_says_so() -> None:
    assert call(lambda _: "a" * 500, chars=100) == "a" * 100 + " [cut]"


@given(PLAIN)
def test_what_fits_is_left_as_it_is(result: Any) -> None:
    assert call(lambda _: result, chars=1_000_000) == result


def test_a_long_list_ends_early() -> None:
    assert call(lambda _: ["a" * 60, "b" * 60, "c" * 60], chars=100) == [
        "a" * 60,
        "b" * 39 + " [cut]",
    ]


@pytest.mark.parametrize(
    "result",
    [list(range(100_000)), [""] * 100_000, [[]] * 100_000, {str(n): n for n in range(100_000)}],
)
def test_what_is_no_text_is_cut_too(result: Any) -> None:
    assert len(json.dumps(call(lambda _: result, chars=1000))) < 10_000


def test_an_object_that_lost_something_says_so() -> None:
    result = call(lambda _: {"rows": list(range(10_000)), "truncated": False}, chars=1000)
    assert result["cut"] is True
    assert result["rows"][:3] == [0, 1, 2]


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"type": object()}])
def test_a_tool_with_a_broken_schema_is_refused_when_it_is_made(schema: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="echo"):
        tool(lambda _: None, schema)


def test_a_schema_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[Any] = []
    validator = jsonschema.Draft202012Validator
    monkeypatch.setattr(validator, "check_schema", checks.append)
    for _ in range(3):
        tool(lambda _: None, parameters({"once": {"type": "string"}}))
    assert len(checks) == 1
