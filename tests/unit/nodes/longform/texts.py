"""Texts and outlines for the tests of long texts: every sentence is another one."""

from __future__ import annotations

import json
from typing import Any

from tandem.knowledge.index import Hit

BRIEF = "Write about 300 words on the garden club for new members."
TOP = '{"title":"The garden club","summary":"What new members should know."}'


def prose(words: int, topic: str) -> str:
    """About `words` words in sentences of ten, none like another, and without digits."""
    return " ".join(
        " ".join(_word(topic, number, at) for at in range(10)) + "."
        for number in range(max(words // 10, 1))
    )


def _word(topic: str, number: int, at: int) -> str:
    letters = "".join(chr(97 + int(digit)) for digit in f"{number:03}{at}")
    return f"{topic}{letters}"


def outline(*titles: str, words: int = 150, **fields: Any) -> str:
    """An outline as the model writes it."""
    sections = [
        {
            "title": title,
            "purpose": f"Tells about {title}",
            "evidence": [],
            "words": words,
            "template": "none",
            **fields,
        }
        for title in titles
    ]
    return json.dumps({"sections": sections})


def hit(number: int, text: str, cosine: float = 0.9) -> Hit:
    """A passage of the knowledge base."""
    return {
        "chunk": {
            "id": f"club.md#{number}",
            "source": "club.md",
            "heading": f"Club > Part {number}",
            "text": text,
            "start": 0,
            "end": len(text),
        },
        "score": cosine,
        "cosine": cosine,
        "lexical": 0.0,
    }
