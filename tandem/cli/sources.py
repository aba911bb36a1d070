"""Where an answer of research comes from, and how much was looked at, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

QUOTE_CHARS: Final = 300


def sources_text(output: Any) -> str:
    """A line for each passage that is cited by a mark; empty where there is none."""
    citations = output.get("citations", []) if isinstance(output, Mapping) else []
    lines = [_line(each) for each in citations if isinstance(each, Mapping) and "quote" in each]
    return "\n".join(lines)


def _line(citation: Mapping[str, Any]) -> str:
    quote = " ".join(str(citation["quote"]).split())
    quote = quote if len(quote) <= QUOTE_CHARS else f"{quote[:QUOTE_CHARS]}..."
    return f"[{citation['id']}] {citation['source']} ({citation['heading']}): {quote}"


def coverage_text(output: Any) -> str:
    """What was read and what was not; empty for outputs without a coverage."""
    told = output.get("coverage") if isinstance(output, Mapping) else None
    if not told:
        return ""
    lines = [
        f"read: {told['answered_questions']} of {told['questions']} questions answered in "
        f"{told['rounds']} round(s); {told['asked']} readings of {told['passages']} passages, "
        f"{told['answered']} with a value, {told['truncated']} cut off, {told['failed']} failed, "
        f"{told['left_out']} left out"
    ]
    if documents := told["documents"]:
        lines.append(f"documents: {documents['read']} read")
        lines += [f"  not read: {each['why']}" for each in documents["unreadable"]]
        lines += [
            f"  {each['name']}: its first {each['read']:,} of {each['characters']:,} characters"
            for each in documents["cut"]
        ]
    return "\n".join(lines)
