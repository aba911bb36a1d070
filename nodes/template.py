"""Templates with slots: `{name}` is copied from the text, `{name: instruction}` is written.

`{{` and `}}` are braces. A slot may stand several times; it is filled once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tandem.errors import InvalidRequest

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME: Final = re.compile(r"\w[\w .-]*")


@dataclass(frozen=True)
class Slot:
    """A slot; `instruction` is empty where its value is copied from the text."""

    name: str
    instruction: str = ""


@dataclass(frozen=True)
class Template:
    """A parsed template: `parts` are literal texts and slots, in order."""

    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> dict[str, Slot]:
        """The different slots by name, in order; one with an instruction stands for its name."""
        found: dict[str, Slot] = {}
        for part in self.parts:
            if isinstance(part, Slot) and (part.name not in found or part.instruction):
                found[part.name] = part
        return found

    def render(self, values: Mapping[str, str]) -> str:
        """The text with every slot filled. Braces inside a value stay as they are."""
        return "".join(values[part.name] if isinstance(part, Slot) else part for part in self.parts)


def parse(template: str) -> Template:
    """Read a template.

    Raises
    ------
    InvalidRequest: a brace is not closed or not opened, a slot's name is empty or has other
        characters than letters, digits, space, `_`, `.` and `-`, or one slot has two instructions;
        the message gives line and column, from 1.
    """
    parts: list[str | Slot] = []
    at = 0
    for piece in _PIECE.finditer(template):
        parts.append(template[at : piece.start()])
        at = piece.end()
        if piece[0] in ("{{", "}}"):
            parts.append(piece[0][0])
        elif piece[0] in ("{", "}"):
            raise _malformed(template, piece.start(), f"a single {piece[0]!r}")
        else:
            parts.append(_slot(template, piece))
    parts.append(template[at:])
    parsed = Template(tuple(part for part in parts if part != ""))
    _refuse_contradictions(parsed)
    return parsed


def _slot(template: str, piece: re.Match[str]) -> Slot:
    name, colon, instruction = (part.strip() for part in piece[1].partition(":"))
    if not _NAME.fullmatch(name):
        raise _malformed(template, piece.start(), "a slot without a proper name")
    if colon and not instruction:
        raise _malformed(template, piece.start(), f"the slot {name!r} has an empty instruction")
    return Slot(name, instruction)


def _refuse_contradictions(template: Template) -> None:
    agreed = template.slots
    for part in template.parts:
        if isinstance(part, Slot) and part.instruction not in ("", agreed[part.name].instruction):
            raise InvalidRequest(
                f"The template's slot {part.name!r} has two different instructions.",
                "Give it one, and write the bare name elsewhere.",
            )


def _malformed(template: str, at: int, what: str) -> InvalidRequest:
    line = template.count("\n", 0, at) + 1
    column = at - (template.rfind("\n", 0, at) + 1) + 1
    return InvalidRequest(
        f"The template is malformed at line {line}, column {column}: {what}.",
        "Write slots as {name} or {name: instruction}, and braces of the text as {{ and }}.",
    )
