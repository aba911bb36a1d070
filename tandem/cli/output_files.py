"""Files that a command writes at its end, looked at before its work."""

from __future__ import annotations

from pathlib import Path

from tandem.errors import InvalidRequest


def refuse_unwritable(path: Path, option: str) -> None:
    """Raise InvalidRequest where a file could not be written; nothing is left behind at `path`.

    Parameters
    ----------
    option: as the command has it, for the message ("--report").
    """
    try:
        file = path.resolve()  # what a link leads to, so that no link is taken away
        there = file.exists()
        if there and not (file.is_file() or file.is_dir()):
            return  # a terminal or a pipe: opening it has effects
        with file.open("ab"):
            pass
        if not there:
            file.unlink()
    except FileNotFoundError:
        raise InvalidRequest(
            f"{path} cannot be written: the folder {path.parent} does not exist. Nothing was run.",
            f"Make the folder, or choose another file with {option}.",
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no name of a file"
        raise InvalidRequest(
            f"{path} cannot be written: {why}. Nothing was run.",
            f"Choose another file with {option}.",
        ) from None
