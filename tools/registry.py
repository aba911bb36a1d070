"""The tools of one run of the agent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tandem.errors import SettingsError
from tandem.records import Request
from tandem.tools.base import Tool
from tandem.tools.calculate import calculate_tool
from tandem.tools.count_text import count_text_tool
from tandem.tools.current_date import Clock, current_date_tool
from tandem.tools.delegate import RunTask, delegate_tools, inherited_fields
from tandem.tools.query_table import Database, query_table_tool
from tandem.tools.read_document import SourceText, TextOf, plain_text, read_document_tool
from tandem.tools.search_knowledge import Searcher, search_knowledge_tool


def build_tools(
    request: Request,
    *,
    searcher: Searcher | None = None,
    k: int = 4,
    min_score: float = 0.0,
    database: Database | None = None,
    run_task: RunTask | None = None,
    text_of: TextOf = plain_text,
    source_text: SourceText | None = None,
    clock: Clock = date.today,
    extra: Sequence[Tool] = (),
) -> dict[str, Tool]:
    """The tools that `request` may use, by name; cheap enough to be built once a run.

    Without `searcher` there is no search_knowledge, faq or support_reply, without `database` no
    query_table, without `run_task` no delegation, and without documents or `source_text` no
    read_document: what cannot work is not offered.

    Raises
    ------
    SettingsError: two tools have the same name.
    """
    documents = request.get("documents", [])
    tools = [calculate_tool(), current_date_tool(clock), count_text_tool()]
    if searcher is not None:
        tools.insert(0, search_knowledge_tool(searcher, k, min_score))
    if database is not None:
        tools.append(query_table_tool(database))
    if documents or source_text is not None:
        tools.append(read_document_tool(documents, text_of, source_text))
    if run_task is not None:
        inherited = inherited_fields(request)
        tools.extend(delegate_tools(run_task, inherited, has_knowledge=searcher is not None))
    return _by_name([*tools, *extra])


def _by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    named: dict[str, Tool] = {}
    for tool in tools:
        if tool.name in named:
            raise SettingsError(f"Two tools are called {tool.name!r}.", "Rename one of them.")
        named[tool.name] = tool
    return named
