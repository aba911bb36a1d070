"""`search_knowledge`: the passages of the knowledge base that are nearest to one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tandem.tools.base import Tool, ToolError, parameters


class Searcher(Protocol):
    """A knowledge index (tandem.knowledge.index), as far as the tool needs it."""

    def search(self, text: str, k: int) -> Sequence[Mapping[str, Any]]:
        """Hits, best first: `{"chunk": {id, source, heading, text, ...}, "score", "cosine"...}`."""
        ...


def search_knowledge(searcher: Searcher, query: str, k: int, min_score: float) -> list[Any]:
    """At most `k` passages `{id, source, heading, text, score}`, best first.

    Raises
    ------
    ToolError: no passage is near enough: the best cosine is below `min_score`.
    """
    hits = searcher.search(query, k)
    if not hits or max(float(hit["cosine"]) for hit in hits) < min_score:
        raise ToolError("search_knowledge: not found in the knowledge base.")
    return [
        {
            **{key: hit["chunk"][key] for key in ("id", "source", "heading", "text")},
            "score": round(float(hit["score"]), 4),
        }
        for hit in hits
    ]


def search_knowledge_tool(searcher: Searcher, k: int = 4, min_score: float = 0.0) -> Tool:
    """The tool `search_knowledge(query)`: its result is a list of passages."""

    def run(arguments: Mapping[str, Any]) -> list[Any]:
        return search_knowledge(searcher, arguments["query"], k, min_score)

    return Tool(
        name="search_knowledge",
        description="looks up one fact in the knowledge base (rules, policies, how-tos)",
        parameters=parameters({"query": {"type": "string", "minLength": 1, "maxLength": 200}}),
        run=run,
    )
