"""A server's words, made harmless to look at: no control, bidirectional or invisible characters."""

from __future__ import annotations

from typing import Any, Final

_LINES: Final = frozenset("\n\t")


def one_line(text: str, chars: int) -> str:
    """`text` as one line of at most `chars` characters."""
    spaced = "".join(" " if each.isspace() else each for each in text[: 10 * chars])
    shown = " ".join("".join(filter(_is_shown, spaced)).split())
    return shown if len(shown) <= chars else shown[: chars - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def without_controls(value: Any) -> Any:
    """A JSON-plain value whose strings hold no such characters but line ends and tabs."""
    if isinstance(value, str):
        return "".join(each for each in value if each in _LINES or _is_shown(each))
    if isinstance(value, dict):
        return {without_controls(key): without_controls(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_controls(part) for part in value]
    return value


def _is_shown(character: str) -> bool:
    # Cc, Cf (bidirectional marks, zero width, tags), Cs, Co, Cn; and Zl, Zp.
    return character.isprintable() or character == "\N{NO-BREAK SPACE}"
