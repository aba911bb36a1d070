"""`count_text`: the words, characters and lines of a text; models cannot count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tandem.tools.base import Tool, parameters

_WORD: Final = re.compile(r"\w+(?:['\u2019.,/&-]\w+)*")


def count_text(text: str) -> dict[str, int]:
    """Words (a hyphenated word or a number is one), characters and non-empty lines of `text`."""
    return {
        "words": len(_WORD.findall(text)),
        "characters": len(text),
        "lines": sum(1 for line in text.splitlines() if line.strip()),
    }


def _run(arguments: Mapping[str, Any]) -> dict[str, int]:
    return count_text(arguments["text"])


def count_text_tool() -> Tool:
    """The tool `count_text(text)`: its result is `{"words", "characters", "lines"}`."""
    return Tool(
        name="count_text",
        description="counts the words, characters and lines of a text",
        parameters=parameters({"text": {"type": "string"}}),
        run=_run,
    )
