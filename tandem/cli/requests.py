"""Requests as the shell gives them: options and JSON lines become records.Request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from tandem.errors import InvalidRequest, TandemError, from_info
from tandem.records import Document, Request
from tandem.row_files import unreadable
from tandem.settings import Settings

EXIT_BY_STATUS: Final = {
    "accepted": 0,
    "unverified": 3,
    "needs_review": 3,
    "failed": 4,
    "waiting": 5,
}
"""Exit code of a command by the status of its answer."""
JSON_START: Final = ("{", "[")


def schema_of(value: str) -> dict[str, Any] | str:
    """A schema given as a ready name, a file, or JSON. Raises InvalidRequest."""
    path = Path(value)
    if value.lstrip().startswith(JSON_START):
        text = value
    elif path.suffix == ".json" or path.is_file():
        text = _read(path)
    else:
        return value
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The schema is not JSON: {error.msg} at line {error.lineno}.", "Correct it."
        ) from None
    except RecursionError:
        raise InvalidRequest("The schema is nested too deeply.", "Make it flatter.") from None
    if not isinstance(schema, dict):
        raise InvalidRequest("The schema is not a JSON object.", "Give a JSON schema.")
    return schema


def text_of(value: str) -> str:
    """The text itself, or standard input where it is `-`."""
    if value != "-":
        return value
    import sys

    return sys.stdin.read()


def request_of(
    row: Mapping[str, Any], folder: Path, load_file: Callable[[Path], Document]
) -> Request:
    """A row of JSON lines as a Request: `files` are read, from `folder` on; `id` is left out.

    Raises
    ------
    InvalidRequest, DocumentError: `files` is no list of paths, or one cannot be read.
    """
    fields = {key: value for key, value in row.items() if key not in ("id", "files")}
    if files := row.get("files"):
        documents = fields.get("documents", [])
        if not (isinstance(files, list) and all(isinstance(name, str) for name in files)):
            raise InvalidRequest("`files` is no list of paths.", "Correct the row.")
        if not isinstance(documents, list):
            raise InvalidRequest("`documents` is no list.", "Correct the row.")
        fields["documents"] = [*documents, *(load_file(folder / name) for name in files)]
    return cast("Request", {"text": "", **fields})


def unexpected(error: Exception) -> TandemError:
    """What is told of an error that Tandem did not foresee. Its own words may quote the request."""
    return TandemError(
        f"Tandem failed unexpectedly ({type(error).__name__}); the ledger holds what was done.",
        "`tandem --verbose` shows where; please report it.",
    )


def masked(error: TandemError, settings: Settings | None) -> TandemError:
    """`error` with what the detector finds in its words replaced by its type: names of files,
    tasks and fields are the caller's, and may hold personal data.

    Parameters
    ----------
    settings: None where they could not be read: the shipped detector looks alone.
    """
    from tandem.privacy.detectors import Detector
    from tandem.privacy.masking import HIDDEN, mask

    try:
        detector = Detector.from_settings((settings or Settings()).privacy)
        what, remedy = mask(error.what, detector), mask(error.remedy, detector)
    except Exception:  # whatever it is: words that could not be looked at are not shown
        what, remedy = HIDDEN, ""
    if what == HIDDEN:
        what = f"The words of this error ({error.code}) are hidden: they may hold personal data."
    return from_info({"code": error.code, "what": what, "remedy": remedy})


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error, "Nothing was asked.") from None
