from __future__ import annotations

from datetime import date
from typing import Any, cast

import pytest

from tandem.errors import SettingsError
from tandem.records import SLM_TASKS, Answer, Request
from tandem.tools.base import Tool, ToolArgumentError, ToolError, call_tool, parameters
from tandem.tools.count_text import count_text
from tandem.tools.registry import build_tools

TODAY = date(2026, 11, 24)


class FakeIndex:
    def __init__(self, cosine: float = 0.8) -> None:
        self.cosine = cosine
        self.asked: list[tuple[str, int]] = []

    def search(self, text: str, k: int) -> list[dict[str, Any]]:
        self.asked.append((text, k))
        chunk = {"id": "leave#1", "source": "leave.md", "heading": "Leave", "text": "6 hours"}
        return [{"chunk": {**chunk, "start": 0, "end": 7}, "score": 0.9, "cosine": self.cosine}]


class FakeGraph:
    def __init__(self, status: str = "accepted", output: Any = "done", code: str = "") -> None:
        self.status, self.output = status, output
        self.error = {"code": code, "what": "", "remedy": ""} if code else None
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        answer: Any = {"status": self.status, "output": self.output, "error": self.error}
        return cast("Answer", answer)


def run(tools: dict[str, Tool], name: str, **arguments: Any) -> Any:
    return call_tool(tools[name], arguments, seconds=5, chars=10_000)


def test_search_gives_passages() -> None:
    index = FakeIndex()
    found = run(build_tools({"text": "?"}, searcher=index, k=3), "search_knowledge", query="leave")
    assert index.asked == [("leave", 3)]
    assert found == [
        {"id": "leave#1", "source": "leave.md", "heading": "Leave", "text": "6 hours", "score": 0.9}
    ]


def test_search_below_the_least_cosine_finds_nothing() -> None:
    tools = build_tools({"text": "?"}, searcher=FakeIndex(cosine=0.3), min_score=0.45)
    with pytest.raises(ToolError, match="not found"):
        run(tools, "search_knowledge", query="rent of the moon")


def test_current_date() -> None:
    tools = build_tools({"text": "?"}, clock=lambda: TODAY)
    assert run(tools, "current_date") == {"date": "2026-11-24", "weekday": "Tuesday"}
    assert run(tools, "current_date", plus_days=30) == {
        "date": "2026-12-24",
        "weekday": "Thursday",
        "plus_days": 30,
        "today": "2026-11-24",
    }
    with pytest.raises(ToolArgumentError):
        run(tools, "current_date", plus_days=10**9)


def test_a_date_before_the_calendar_is_refused() -> None:
    tools = build_tools({"text": "?"}, clock=lambda: date(1, 1, 1))
    with pytest.raises(ToolArgumentError, match="too large"):
        run(tools, "current_date", plus_days=-1)


def test_count_text() -> None:
    assert count_text("It's a well-kept house.\n\nTwo.") == {
        "words": 5,
        "characters": 29,
        "lines": 2,
    }
    assert count_text("")["words"] == 0


def test_documents_are_read_by_id_or_name_and_never_by_path() -> None:
    request: Request = {"text": "?", "documents": [{"name": "note.txt", "text": "Hello."}]}
    tools = build_tools(request)
    expected = {"id": "d1", "name": "note.txt", "text": "Hello."}
    assert run(tools, "read_document", id="d1") == expected
    assert run(tools, "read_document", id="note.txt")["text"] == "Hello."
    for path in ("../note.txt", __file__, "d2", "/etc/hostname"):
        with pytest.raises(ToolArgumentError, match=r"unknown id.*d1"):
            run(tools, "read_document", id=path)


def test_a_source_of_the_knowledge_base_is_read_by_name() -> None:
    tools = build_tools({"text": "?"}, source_text={"leave.md": "6 hours"}.get)
    assert run(tools, "read_document", id="leave.md")["text"] == "6 hours"


def test_data_without_a_reader_is_an_error() -> None:
    tools = build_tools({"text": "?", "documents": [{"name": "a.pdf", "data": "JVBERi0="}]})
    with pytest.raises(ToolError, match="no text"):
        run(tools, "read_document", id="d1")


def test_every_slm_task_is_a_tool_that_declares_its_task() -> None:
    graph = FakeGraph()
    asked: Request = {"text": "?", "tenant": "acme", "sensitivity": "personal"}
    tools = build_tools(asked, searcher=FakeIndex(), run_task=graph)
    extra = {"extraction": {"fields": ["total"]}, "document_classification": {"labels": ["a", "b"]}}
    for task in SLM_TASKS:
        assert run(tools, task, text="some text", **extra.get(task, {})) == "done"
        sent = graph.requests[-1]
        assert (sent["task"], sent["text"]) == (task, "some text")
        assert (sent["tenant"], sent["sensitivity"]) == ("acme", "personal")


def test_a_sentiment_has_labels_and_an_extraction_a_schema() -> None:
    graph = FakeGraph()
    tools = build_tools({"text": "?"}, run_task=graph)
    run(tools, "sentiment", text="fine")
    assert graph.requests[-1]["labels"] == ["positive", "negative", "neutral"]
    run(tools, "extraction", text="Total 5", fields=["total"])
    schema = graph.requests[-1]["output_schema"]
    assert isinstance(schema, dict)
    assert list(schema["properties"]) == ["total"]
    run(tools, "extraction", text="Total 5", document_type="receipt")
    assert graph.requests[-1]["output_schema"] == "receipt"
    with pytest.raises(ToolArgumentError, match="fields"):
        run(tools, "extraction", text="Total 5")


@pytest.mark.parametrize("status", ["failed", "needs_review", "unverified"])
def test_what_was_not_accepted_is_not_a_result(status: str) -> None:
    graph = FakeGraph(status, output="a draft")
    tools = build_tools({"text": "?"}, searcher=FakeIndex(), run_task=graph)
    with pytest.raises(ToolError, match="rejected") as caught:
        run(tools, "faq", text="question")
    assert "a draft" not in str(caught.value)


def test_an_error_is_not_told_as_a_rejection() -> None:
    tools = build_tools({"text": "?"}, run_task=FakeGraph("failed", code="model_unavailable"))
    with pytest.raises(ToolError, match="model_unavailable") as caught:
        run(tools, "draft", text="question")
    assert caught.value.remedy


def test_without_a_knowledge_base_nothing_that_needs_one_is_offered() -> None:
    without = build_tools({"text": "?"}, run_task=FakeGraph())
    with_one = build_tools({"text": "?"}, searcher=FakeIndex(), run_task=FakeGraph())
    assert with_one.keys() - without.keys() == {"search_knowledge", "faq", "support_reply"}
    assert without.keys() <= with_one.keys()


def test_what_cannot_work_is_not_offered() -> None:
    assert list(build_tools({"text": "?"})) == ["calculate", "current_date", "count_text"]


def test_an_application_brings_its_own_tools_under_new_names() -> None:
    own = Tool("weather", "the weather", parameters({}), lambda _: "rain")
    assert run(build_tools({"text": "?"}, extra=[own]), "weather") == "rain"
    taken = Tool("calculate", "mine", parameters({}), lambda _: 1)
    with pytest.raises(SettingsError, match="calculate"):
        build_tools({"text": "?"}, extra=[taken])
