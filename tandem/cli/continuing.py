"""`tandem ask --continue`: an unfinished text as an earlier answer, to go on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tandem.errors import InvalidRequest

CONTINUE: Final = "continue"


def going_on(brief: str, file: Path) -> dict[str, Any]:
    """The fields of a request that goes on with the text of `file`, beside its text (CONTINUE).

    Parameters
    ----------
    brief: the request that began the text.
    file: the text (Markdown), or the answer to that request as JSON.

    Raises
    ------
    InvalidRequest: the file cannot be read, or holds no text; or there is no brief.
    """
    text = _text_of(file)
    if not brief.strip():
        raise InvalidRequest(
            "--continue needs the request that began the text. Nothing was run.", "Give it again."
        )
    turns = [{"role": "user", "content": brief}, {"role": "assistant", "content": text}]
    return {"messages": turns, "task": "longform"}


def _text_of(file: Path) -> str:
    # Imported here: LangGraph takes a second that `tandem --help` should not.
    from tandem.app import text_of

    try:
        raw = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InvalidRequest(
            f"{file} cannot be read: {why}. Nothing was run.",
            "Give the draft, or the answer that --json gave, with --continue.",
        ) from None
    text = raw
    if raw.lstrip().startswith("{"):
        try:
            answer = json.loads(raw)
            text = text_of(answer.get("output") or answer.get("draft"))
        except (ValueError, RecursionError):
            text = raw
    if not text.strip():
        raise InvalidRequest(
            f"{file} holds no text to go on with. Nothing was run.",
            "Give the draft, or the answer that --json gave, with --continue.",
        )
    return text
