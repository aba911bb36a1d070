"""A folder's files as documents by value; what cannot be read stays among them, with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tandem.errors import DocumentError, InvalidRequest, KnowledgeError
from tandem.knowledge.build import find_files
from tandem.knowledge.documents import SUFFIXES, load_file, shown
from tandem.records import Document
from tandem.settings import Limits

MOST_NAMED: Final = 20
"""Of the files that are left out."""


class LeftOut(NamedTuple):
    """What of a folder is no document of the request, hidden files aside."""

    files: list[dict[str, str]]
    """`{"name", "why"}`; the first MOST_NAMED, in the order of their names."""
    in_all: int


def load_folder(folder: Path, limits: Limits) -> list[Document]:
    """The Markdown, text and PDF files of `folder` and its sub-folders, in the order of their
    names, which are paths below it. Hidden files and links that lead out of it are left out; a
    file that cannot be opened becomes a document that is `unreadable`.

    Raises
    ------
    DocumentError: there is no such folder, it is a file, it cannot be opened, or no file of these
        kinds is in it.
    InvalidRequest: there are more files than a request may bring.
    """
    name = shown(folder.name)
    _refuse_no_folder(folder, name)
    try:
        files = find_files(folder)
    except KnowledgeError:
        others = left_out(folder).in_all
        also = f" ({others} of other kinds)" if others else ""
        raise DocumentError(
            f"The folder {name} holds no file that Tandem reads{also}; nothing was asked.",
            f"Put files into it that end in {', '.join(sorted(SUFFIXES))}.",
        ) from None
    if len(files) > limits.documents:
        raise InvalidRequest(
            f"The folder {name} holds {len(files)} files; a request may bring {limits.documents}.",
            "Raise limits.documents, or make it a knowledge base: set knowledge.folder and run "
            "`tandem index build`.",
        )
    return [_document(source, path, limits) for source, path in files.items()]


def left_out(folder: Path) -> LeftOut:
    """The files of `folder` and its sub-folders that `load_folder` does not take, and why."""
    found = sorted(_left_out(folder))
    named = [{"name": shown(name), "why": why} for name, why in found[:MOST_NAMED]]
    return LeftOut(named, len(found))


def _left_out(folder: Path) -> Iterator[tuple[str, str]]:
    closed: list[str] = []
    root = folder.resolve()
    for at, folders, files in os.walk(folder, onerror=lambda error: closed.append(error.filename)):
        here = Path(at)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in (*files, *(name for name in folders if (here / name).is_symlink())):
            path = here / name
            if not name.startswith(".") and (why := _why_left_out(path, root)):
                yield path.relative_to(folder).as_posix(), why
    for each in closed:
        yield Path(each).relative_to(folder).as_posix(), "a folder that cannot be opened"


def _why_left_out(path: Path, root: Path) -> str:
    if path.is_dir():
        return "a link to a folder"
    if path.is_symlink() and not path.exists():
        return "a link that leads nowhere"
    if path.suffix.lower() not in SUFFIXES:
        return f"of a type that is not read ({path.suffix.lower()[:12] or 'no ending'})"
    if not path.is_file():
        return "no file"
    return "" if path.resolve().is_relative_to(root) else "a link that leads out of the folder"


def _refuse_no_folder(folder: Path, name: str) -> None:
    if folder.is_file():
        raise DocumentError(
            f"{name} is a file, not a folder; nothing was asked.",
            "Give it with --file (in Python: files=[...]); --folder takes the folder it lies in.",
        )
    if not folder.is_dir():
        raise DocumentError(f"The folder {name} does not exist; nothing was asked.", "Check it.")
    try:
        os.scandir(folder).close()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DocumentError(
            f"The folder {name} cannot be opened: {why}; nothing was asked.", "Check its rights."
        ) from None


def _document(source: str, path: Path, limits: Limits) -> Document:
    try:
        loaded = load_file(path, limits)
    except DocumentError as error:
        return {"name": source, "text": "", "unreadable": error.what}
    return {**loaded, "name": source}
