"""A folder's files as documents by value; what cannot be read stays among them, with the reason."""

from __future__ import annotations

from pathlib import Path

from tandem.errors import DocumentError, InvalidRequest, KnowledgeError
from tandem.knowledge.build import find_files
from tandem.knowledge.documents import SUFFIXES, load_file, shown
from tandem.records import Document
from tandem.settings import Limits


def load_folder(folder: Path, limits: Limits) -> list[Document]:
    """The Markdown, text and PDF files of `folder` and its sub-folders, in the order of their
    names, which are paths below it. Hidden files and links that lead out of it are left out; a
    file that cannot be opened becomes a document that is `unreadable`.

    Raises
    ------
    DocumentError: there is no such folder, or no file of these kinds in it.
    InvalidRequest: there are more files than a request may bring.
    """
    name = shown(folder.name)
    if not folder.is_dir():
        raise DocumentError(f"The folder {name} does not exist; nothing was asked.", "Check it.")
    try:
        files = find_files(folder)
    except KnowledgeError:
        raise DocumentError(
            f"The folder {name} holds no file that Tandem reads; nothing was asked.",
            f"Put files into it that end in {', '.join(sorted(SUFFIXES))}.",
        ) from None
    if len(files) > limits.documents:
        raise InvalidRequest(
            f"The folder {name} holds {len(files)} files; a request may bring {limits.documents}.",
            "Raise limits.documents, or make it a knowledge base: set knowledge.folder and run "
            "`tandem index build`.",
        )
    return [_document(source, path, limits) for source, path in files.items()]


def _document(source: str, path: Path, limits: Limits) -> Document:
    try:
        loaded = load_file(path, limits)
    except DocumentError as error:
        return {"name": source, "text": "", "unreadable": error.what}
    return {**loaded, "name": source}
