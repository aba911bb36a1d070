"""The report into a folder: report.md, report.json and the pictures."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from tandem.errors import TandemError
from tandem.loop.audit.markdown import markdown
from tandem.loop.audit.pictures import available, pictures
from tandem.loop.audit.report import Audit

NO_PICTURES: Final = "No pictures: matplotlib is not installed (extra `eval`)."


def prepare(folder: Path) -> None:
    """Make the folder, and see that it can be written, before the work and not after it.

    Raises
    ------
    TandemError: it cannot.
    """
    probe = folder / ".audit"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise _not_written(folder, error, "Nothing was read yet.") from None


def write(audit: Audit, folder: Path) -> list[Path]:
    """Write the report; the files in it. A file of the same name is replaced only by a whole one.

    Raises
    ------
    TandemError: a file cannot be written.
    """
    drawn = pictures(audit) if available() else {}
    audit["pictures"] = list(drawn)
    if not available():
        audit["assumptions"].append(NO_PICTURES)
    files = dict(drawn)
    files["report.json"] = json.dumps(audit, indent=1, ensure_ascii=False).encode()
    files["report.md"] = markdown(audit).encode()
    for name, data in files.items():
        _replace(folder / name, data)
    return [folder / name for name in files]


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise _not_written(path, error, "The figures above are whole.") from None


def _not_written(path: Path, error: OSError, kept: str) -> TandemError:
    return TandemError(
        f"The report {path} could not be written: {error.strerror or error}. {kept}",
        "Make room there, or name another folder with --out.",
    )
