"""The texts of a chat as OpenAI, LangChain and Langfuse write it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

_SYSTEM: Final = frozenset({"system", "developer", "systemmessage"})
_USER: Final = frozenset({"user", "human", "humanmessage", ""})
_DEPTH: Final = 4


class Chat(NamedTuple):
    """A prompt: what the system says, what the user said last, and how long all of it is."""

    system: str
    text: str
    chars: int


def chat_of(messages: Any) -> Chat:
    """The chat in `messages`: a list (or a batch of one), an object that holds one, or a text."""
    if isinstance(messages, str):
        return Chat("", messages, len(messages))
    system, text, chars = [], "", 0
    for role, content in _turns(messages, _DEPTH):
        chars += len(content)
        if role in _SYSTEM:
            system.append(content)
        elif role in _USER:
            text = content
    return Chat("\n".join(system), text, chars)


def text_of(content: Any) -> str:
    """The text of a message's content: a text, or parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        inner = content.get("text", content.get("content"))
        return inner if isinstance(inner, str) else ""
    if isinstance(content, list):
        return "\n".join(filter(None, map(text_of, content)))
    return ""


def _turns(messages: Any, depth: int) -> Iterable[tuple[str, str]]:
    if depth == 0:
        return
    if isinstance(messages, list):
        for each in messages:
            yield from _turns(each, depth - 1)
    elif isinstance(messages, str):
        yield "", messages
    elif isinstance(messages, Mapping):
        turn = _turn(messages)
        if turn is not None:
            yield turn
            return
        for name in ("messages", "input", "prompts", "prompt", "question"):
            if name in messages:
                yield from _turns(messages[name], depth - 1)
                return


def _turn(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """Role and text; None where `message` is no message."""
    inner = message.get("kwargs") or message.get("data")
    if isinstance(inner, Mapping) and "content" in inner:  # LangChain, serialised
        kind = message.get("id")
        name = kind[-1] if isinstance(kind, list) and kind else message.get("type", "")
        return str(name).lower(), text_of(inner["content"])
    role = message.get("role", message.get("type"))
    if "content" in message and isinstance(role, str):
        return role.lower(), text_of(message["content"])
    return None
