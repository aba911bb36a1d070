"""The settings that put a choice in force: a file that `tandem --settings` takes as it is."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tandem.errors import InvalidRequest, SettingsError
from tandem.loop.select.choosing import Choice, Judged
from tandem.loop.select.rows import Rows
from tandem.settings import Settings


def refuse_to_replace(path: Path, force: bool) -> None:
    """Raises InvalidRequest where `path` is there already: ask before the work, not after it."""
    if path.exists() and not force:
        raise InvalidRequest(
            f"{path} is there already; nothing was asked, and it is as it was.",
            "Name another file, or say --force.",
        )


def write(path: Path, choice: Choice, rows: Rows, settings: Settings) -> None:
    """Write the settings of the choice.

    Raises
    ------
    InvalidRequest: nothing can be promised. SettingsError: it cannot be written.
    """
    if choice.chosen is None:
        raise InvalidRequest(
            "No candidate can be promised, so that no settings were written.",
            "Give more rows, or ask for less by --quality or --margin.",
        )
    text = fragment(choice.chosen, choice, rows, settings)
    Settings(**tomllib.loads(text))
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}.", "Name another file."
        ) from error


def fragment(chosen: Judged, choice: Choice, rows: Rows, settings: Settings) -> str:
    """The text of the file."""
    candidate = chosen.said.candidate
    lines = [
        f"# {rows.task}: {chosen.name}, chosen among {len(choice.judged) + len(choice.left_out)} "
        f"on {chosen.right.n} rows.",
        f"# Right: {chosen.right.mean:.3f} [{chosen.right.low:.3f}, {chosen.right.high:.3f}]; "
        f"lower bound for the choice {chosen.promised:.3f}.",
    ]
    if settings.currency != Settings().currency:
        lines.append(f"currency = {_value(settings.currency)}")
    if candidate.model:
        lines += ["", *_model(settings, candidate.model)]
    lines += ["", f"[tasks.{rows.task}]"]
    if choice.wanted.target is not None:
        lines.append(f"quality = {choice.wanted.target}")
    if candidate.kind == "head":
        lines.append('first_tier = "slm"')
        lines.append(f"# The head itself: tandem calibrate {rows.task} --data ROWS --write")
        return "\n".join([*lines, ""])
    lines.append(f"{candidate.tier} = {_value(candidate.model)}")
    lines.append(f"first_tier = {_value(candidate.tier)}")
    if candidate.kind == "adapter":
        lines.append(f"# The adapter {chosen.name} must be in force: tandem adapters list")
    return "\n".join([*lines, ""])


def _model(settings: Settings, name: str) -> Iterator[str]:
    """The model's section; a path is made whole, since the file may lie elsewhere."""
    told = settings.models[name].model_dump(mode="json", exclude_defaults=True)
    if told.get("path"):
        told["path"] = str(settings.path(told["path"]))
    yield f"[models.{_key(name)}]"
    yield from (f"{key} = {_value(value)}" for key, value in told.items())


def _value(value: Any) -> str:
    """As TOML writes it; its strings, numbers and lists are JSON's."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isalnum() and plain.isascii() else _value(name)
