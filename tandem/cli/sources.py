"""Where an answer comes from, who gave it, and how much was looked at, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from tandem.records import Answer

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


def decided_by(answer: Answer) -> str:
    """Who gave an answer. Of a contract's review, which code puts together: how many verdicts each
    gave."""
    output = answer["output"]
    told = output.get("coverage") if isinstance(output, Mapping) else None
    given = [
        f"{who} ({count})"
        for who in ("head", "slm", "llm")
        if isinstance(told, Mapping) and (count := told.get(f"by_{who}"))
    ]
    return ", ".join(given) or answer["tier"] or "nobody"


def with_left_out(answer: Answer, folder: Path | None) -> Answer:
    """An answer whose coverage also tells what of the folder was no document of the request
    (`left_out`, `left_out_in_all`)."""
    from tandem.knowledge.folder import left_out

    key: Literal["output", "draft"] = "output" if answer["output"] is not None else "draft"
    output = answer[key]
    told = output.get("coverage") if isinstance(output, Mapping) else None
    if folder is None or not isinstance(told, Mapping) or not told.get("documents"):
        return answer
    found = left_out(folder)
    named = {"left_out": found.files, "left_out_in_all": found.in_all}
    documents = {**told["documents"], **named}
    made: Answer = {**answer}
    made[key] = {**output, "coverage": {**told, "documents": documents}}
    return made


def coverage_text(output: Any) -> str:
    """What was read and what was not; empty for outputs without a coverage."""
    told = output.get("coverage") if isinstance(output, Mapping) else None
    if not told or "rounds" not in told:  # a contract's stands in its report
        return ""
    lines = [
        f"read: {told['answered_questions']} of {told['questions']} questions answered in "
        f"{told['rounds']} round(s); {told['asked']} readings of {told['passages']} passages, "
        f"{told['answered']} with a value, {told['truncated']} cut off, {told['failed']} failed, "
        f"{told['left_out']} left out"
    ]
    if output.get("answered") == "part":
        lines.append("only a part of the request was answered")
    if documents := told["documents"]:
        lines += _documents(documents)
    return "\n".join(lines)


def _documents(told: Mapping[str, Any]) -> Iterator[str]:
    unread = told["unreadable"]
    counted = f", {len(unread)} not" if unread else ""
    yield f"documents: {told['read']} read{counted}"
    yield from (f"  not read: {each['why']}" for each in unread)
    for each in told["cut"]:
        yield f"  {each['name']}: its first {each['read']:,} of {each['characters']:,} characters"
    if left_out := told.get("left_out"):
        yield f"left out of the folder: {told['left_out_in_all']}"
        yield from (f"  left out: {each['name']}: {each['why']}" for each in left_out)
        if more := told["left_out_in_all"] - len(left_out):
            yield f"  and {more} more"
