"""Settings out of a file, with errors that name file, line, key and what is allowed."""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from tandem.errors import SettingsError
from tandem.settings.whole import Settings

FILE_NAME: Final = "tandem.toml"


def load(path: str | Path | None = None) -> Settings:
    """Settings of a file, or the defaults where there is none.

    Raises
    ------
    SettingsError: the file is missing, is no TOML, or a value is not allowed; the message names
        the file, the line, the key and what is allowed.
    """
    chosen = Path(path or os.environ.get("TANDEM_SETTINGS") or FILE_NAME)
    if chosen.is_dir():
        raise SettingsError(
            f"{chosen} is a directory, and no settings file.",
            f"Name the file in it, such as {chosen / FILE_NAME}.",
        )
    if not chosen.is_file():
        if path or os.environ.get("TANDEM_SETTINGS"):
            raise SettingsError(
                f"The settings file {chosen} does not exist.",
                "Name one that is there, by --settings, TANDEM_SETTINGS or the command's argument.",
            )
        return Settings()
    try:
        text = chosen.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{chosen} cannot be read: {error}.", "Correct the file.") from error
    try:
        return Settings(**{**data, "home": chosen.parent.absolute()})
    except ValidationError as error:
        raise SettingsError(_explain(chosen, text, error), "Correct the line.") from error


def _explain(file: Path, text: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        keys = [str(part) for part in problem["loc"]]
        message = problem["msg"].removeprefix("Value error, ")
        if not keys:  # a rule between sections, which names its key itself
            named, _, message = message.partition(": ")
            keys = named.split(".")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key; known keys: {_known_keys(keys)}"
        lines.append(f"{file}:{_line_of(text, keys)}: {'.'.join(keys)}: {message}")
    return "; ".join(lines) + "."


def _known_keys(keys: list[str]) -> str:
    """What may stand where the last of `keys` stands."""
    kind: Any = Settings
    for key in keys[:-1]:
        kind = _inner(kind) if get_args(kind) else _bare(kind.model_fields[key].annotation)
    return ", ".join(name for name in kind.model_fields if name != "home")


def _inner(kind: Any) -> Any:
    """What a list (`tuple[X, ...]`) or a table of the user's names (`dict[str, X]`) holds."""
    first, second = get_args(kind)
    return first if second is Ellipsis else second


def _bare(kind: Any) -> Any:
    """`X` of `X | None`."""
    return get_args(kind)[0] if type(None) in get_args(kind) else kind


def _line_of(text: str, keys: list[str]) -> int:
    """The line of the last of `keys` that stands in the file, 1-based."""
    section, found = "", 1
    seen: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)([^\[\]]+)\]", line):
            section = header[2].strip()
            if header[1] == "[[":  # a list of tables: its place is part of the key
                seen[section] += 1
                section += f".{seen[section] - 1}"
            if f"{'.'.join(keys)}.".startswith(f"{section}."):
                found = number
        elif key := re.match(r"\s*([\w.\"-]+)\s*=", line):
            full = f"{section}.{key[1]}".strip(".")
            if ".".join(keys) == full or ".".join(keys).startswith(full + "."):
                return number
    return found
