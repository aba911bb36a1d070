"""Files of rows (JSON Lines): read whole, and told in plain words where one cannot be read."""

from __future__ import annotations

from pathlib import Path

from tandem.errors import InvalidRequest


def lines_of(path: Path, unharmed: str = "Nothing was run.") -> list[str]:
    """The lines of a text file, empty ones among them.

    Parameters
    ----------
    unharmed: what was not lost, for the message of an error.

    Raises
    ------
    InvalidRequest: there is no such file, it is a folder, not open to this user, or no UTF-8.
    """
    try:
        # Not `splitlines`: a JSON text may hold the other line separators of Unicode.
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error, unharmed) from None


def unreadable(path: Path, error: Exception, unharmed: str) -> InvalidRequest:
    """Why a file could not be read, and what to do next; `unharmed` says what was not lost."""
    what, remedy = _told(path, error)
    return InvalidRequest(f"{what} {unharmed}", remedy)


def _told(path: Path, error: Exception) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        counted = "" if path.is_absolute() else ", which counts from the folder you are in"
        return f"There is no file {path}.", f"Check the path{counted}."
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder.", "Name a file in it."
    if isinstance(error, PermissionError):
        return f"{path} is not open to this user.", "Make it readable (chmod u+r), or copy it."
    if isinstance(error, UnicodeDecodeError):
        return (
            f"{path} is no UTF-8 text (byte {error.start}).",
            "Save it as UTF-8, one row a line.",
        )
    why = getattr(error, "strerror", None) or "it is damaged or cut short"
    return f"{path} cannot be read: {why}.", "Check the file, or name another."
