"""What tasks do with the request's text and documents before a model reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tandem.errors import InvalidRequest
from tandem.privacy.known import CUT
from tandem.records import Document, Message, Request

Read = Callable[[Document], str]
"""The text of a document. Raises DocumentError where there is none."""
CUT_MARK: Final = f"\n{CUT}\n"
_BYTES_PER_TOKEN: Final = 3
"""Below what tokenizers make of Latin (about 4) and of Chinese (3 bytes, about one token)."""


def full_text(request: Request, read: Read) -> str:
    """The request's text, then each document under its name; blank lines between.

    Raises
    ------
    InvalidRequest: there is neither text nor a document.
    DocumentError: from `read`.
    """
    parts = [request["text"].strip()]
    parts += [
        f"Document {document['name']}:\n{read(document).strip()}"
        for document in request.get("documents", [])
    ]
    whole = "\n\n".join(part for part in parts if part)
    if not whole:
        raise InvalidRequest("The request has no text.", "Give `text` or `documents`.")
    return whole


def earlier_turns(request: Request, most: int = 6) -> list[Message]:
    """The last `most` turns of the conversation that the user and the assistant wrote."""
    turns = [turn for turn in request.get("messages", []) if turn["role"] != "system"]
    return turns[-most:]


def tokens_at_most(text: str) -> int:
    """An upper estimate of the tokens of `text`, without a tokenizer."""
    return len(text.encode()) // _BYTES_PER_TOKEN + 1


def head_and_tail(text: str, max_tokens: int) -> str:
    """`text`, or its first three quarters and last quarter of about `max_tokens` tokens.

    Titles and openings say most of what a document is; signatures and totals stand at its end.
    """
    budget = max(max_tokens, 1) * _BYTES_PER_TOKEN
    data = text.encode()
    if len(data) <= budget:
        return text
    head = data[: budget * 3 // 4].decode(errors="ignore")
    tail = data[len(data) - budget // 4 :].decode(errors="ignore")
    return f"{head}{CUT_MARK}{tail}"
