"""The texts of a chat as OpenAI, LangChain and Langfuse write it down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

_SYSTEM: Final = frozenset({"system", "developer", "systemmessage"})
_USER: Final = frozenset({"user", "human", "humanmessage", ""})
_BESIDE: Final = "beside"
"""The role of what stands beside the messages, such as a context that was looked up."""
_DEPTH: Final = 4
_DEEPEST: Final = 12
_NESTED: Final = ("messages", "input", "prompts", "prompt", "question")
_MARKS: Final = frozenset(
    {
        *("role", "type", "id", "lc", "model", "status", "detail", "format", "media_type"),
        *("tool_call_id", "call_id", "file_id"),
    }
)
"""Fields of a message or of a part of one that hold no text but a mark of one word."""
_MARK: Final = re.compile(r"[A-Za-z][\w./:+-]{0,99}")
_CONTENTS: Final = frozenset({"url", "data", "file_data"})
"""Fields that hold a file, or where it is, in a part that is one."""
_FILE: Final = re.compile(r"(?:input_|output_)?(?:image|audio|video|file)(?:_url|_file)?")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
_DATA_URL: Final = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,")
_NOT_SAID: Final = frozenset({"tools", "functions", "tool_choice", "response_format"})


class Chat(NamedTuple):
    """A prompt.

    Parameters
    ----------
    text: what the user said last. chars: of all of it.
    others: all else that was said but by the system: earlier turns, answers, calls of tools and
        what came of them; the latest first.
    """

    system: str
    text: str
    chars: int
    others: tuple[str, ...] = ()


class _Turn(NamedTuple):
    """What one message says: in its content, and elsewhere."""

    role: str
    text: str
    more: tuple[str, ...] = ()


def chat_of(messages: Any) -> Chat:
    """The chat in `messages`: a list (or a batch of one), an object that holds one, or a text."""
    if isinstance(messages, str):
        return Chat("", messages, len(messages))
    turns = list(_turns(messages, _DEPTH))
    by_user = [at for at, turn in enumerate(turns) if turn.role in _USER and turn.text]
    last = by_user[-1] if by_user else -1
    system = [turn.text for turn in turns if turn.role in _SYSTEM]
    others: list[str] = []
    for at, turn in reversed([*enumerate(turns)]):
        others += turn.more
        if at != last and turn.role not in _SYSTEM:
            others.append(turn.text)
    chars = sum(len(turn.text) + sum(map(len, turn.more)) for turn in turns if turn.role != _BESIDE)
    text = turns[last].text if by_user else ""
    return Chat("\n".join(system), text, chars, tuple(filter(str.strip, others)))


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


def _turns(messages: Any, depth: int) -> Iterator[_Turn]:
    if depth == 0:
        return
    if isinstance(messages, list):
        for each in messages:
            yield from _turns(each, depth - 1)
    elif isinstance(messages, str):
        yield _Turn("", messages)
    elif isinstance(messages, Mapping):
        turn = _turn(messages)
        name = next((each for each in _NESTED if each in messages), None)
        if turn is not None:
            yield turn
        elif name is None:
            yield _Turn("tool", "", tuple(_said(messages)))
        else:
            beside = {key: value for key, value in messages.items() if key != name}
            yield _Turn(_BESIDE, "", tuple(_said(beside)))
            yield from _turns(messages[name], depth - 1)


def _turn(message: Mapping[str, Any]) -> _Turn | None:
    """What the message says; None where `message` is no message."""
    inner = message.get("kwargs") or message.get("data")
    if isinstance(inner, Mapping) and "content" in inner:  # LangChain, serialised
        kind = message.get("id")
        name = kind[-1] if isinstance(kind, list) and kind else message.get("type", "")
        return _with_more(str(name), inner)
    role = message.get("role", message.get("type"))
    if "content" in message and isinstance(role, str):
        return _with_more(role, message)
    return None


def _with_more(role: str, message: Mapping[str, Any]) -> _Turn:
    text = text_of(message["content"])
    return _Turn(role.lower(), text, tuple(one for one in _said(message) if one not in text))


def _said(value: Any, depth: int = _DEEPEST, *, in_file: bool = False) -> Iterator[str]:
    """Every string in `value` that may have been said. `in_file`: it stands in a part that is a
    picture, a recording or a file."""
    if isinstance(value, str):
        if not _DATA_URL.match(value):
            yield value
    elif depth and isinstance(value, list):
        for each in value:
            yield from _said(each, depth - 1, in_file=in_file)
    elif depth and isinstance(value, Mapping):
        kind = value.get("type")
        in_file = in_file or (isinstance(kind, str) and bool(_FILE.fullmatch(kind)))
        of_chat = in_file or isinstance(kind, str) or "role" in value
        for key, inner in value.items():
            if key in _NOT_SAID or (
                isinstance(inner, str) and _unsaid(key, inner, of_chat, in_file)
            ):
                continue
            yield from _said(inner, depth - 1, in_file=in_file)


def _unsaid(key: str, text: str, of_chat: bool, in_file: bool) -> bool:
    """Whether nobody said `text`, the field `key`: it is a mark of the chat's format, or a file."""
    if key in _CONTENTS:
        return in_file or bool(_BASE64.fullmatch(text))
    return of_chat and key in _MARKS and bool(_MARK.fullmatch(text))
