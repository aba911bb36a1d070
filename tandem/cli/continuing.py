"""`tandem ask --continue`: an unfinished text as an earlier answer, to go on with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from tandem.errors import InvalidRequest

CONTINUE: Final = "continue"
DRAFT: Final = "[{status}: this draft was not accepted]"
"""What the command line says above a draft, on stderr."""
_ABOVE: Final = re.compile(r"^\[\w{1,30}: this draft was not accepted\][ \t]*\n", re.MULTILINE)
_BELOW: Final = re.compile(
    r"^(?:[a-z_]{1,40}|-): \w{1,30} by [^\n]{1,200} in [\d.]{1,12} s, [^\n]*; run \w+$",
    re.MULTILINE,
)
"""The line of figures that the command line says below one; its reasons follow."""


def going_on(brief: str, file: Path) -> dict[str, Any]:
    """The fields of a request that goes on with the text of `file`, beside its text (CONTINUE).

    Parameters
    ----------
    brief: the request that began the text.
    file: the answer to that request as JSON, or its text (Markdown), be it as the command line
        wrote it to stderr: its own lines are cut off.

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
            "Give the answer that --json > FILE kept with --continue.",
        ) from None
    text = _draft_of(raw)
    if raw.lstrip().startswith("{"):
        try:
            answer = json.loads(raw)
            text = text_of(answer.get("output") or answer.get("draft"))
        except (ValueError, RecursionError):
            text = raw
    if not text.strip():
        raise InvalidRequest(
            f"{file} holds no text to go on with. Nothing was run.",
            "Give the answer that --json > FILE kept with --continue.",
        )
    return text


def _draft_of(raw: str) -> str:
    """`raw` without what the command line said above and below a draft."""
    above = _ABOVE.search(raw)
    text = raw[above.end() :] if above else raw
    below = _BELOW.search(text) if above else None
    return text[: below.start()] if below else text
