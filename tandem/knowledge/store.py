"""The index on disk: `index.json` (pages, chunks, sums) and a FAISS file that it names.

Both are plain data: nothing is unpickled. `index.json` is replaced last and in one step, so that a
reader finds either the old index or the new one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from tandem.errors import KnowledgeError
from tandem.knowledge.chunks import Chunk

FORMAT: Final = 1
"""Raised whenever an older index would not fit the code: chunking, indexed text, layout."""
MANIFEST: Final = "index.json"
REMEDY: Final = "Build it anew with `tandem index build`; your documents were not touched."
_VECTORS: Final = re.compile(r"vectors-[0-9a-f]{16}\.faiss")


class Passage(TypedDict):
    """A chunk's heading, and its place in the page in characters."""

    heading: str
    start: int
    end: int


class Page(TypedDict):
    """An indexed file: the sum of its bytes, its text, and its chunks."""

    sha256: str
    text: str
    chunks: list[Passage]


class Manifest(TypedDict):
    """What index.json holds."""

    format: int
    fingerprint: str
    chunk_words: int
    dimensions: int
    vectors: str
    vectors_sha256: str
    pages: dict[str, Page]


@dataclass(frozen=True)
class Snapshot:
    """An index in memory. Row i of `vectors` (a faiss.IndexFlatIP over unit vectors) belongs to
    the i-th chunk, counted through the pages in their order."""

    fingerprint: str
    chunk_words: int
    pages: dict[str, Page]
    vectors: Any

    def chunks(self) -> Iterator[Chunk]:
        """All chunks, in the order of the vectors."""
        for source, page in self.pages.items():
            yield from chunks_of(source, page)


def chunks_of(source: str, page: Page) -> Iterator[Chunk]:
    """The chunks of one page."""
    for number, passage in enumerate(page["chunks"], start=1):
        start, end = passage["start"], passage["end"]
        yield {
            "id": f"{source}#{number}",
            "source": source,
            "heading": passage["heading"],
            "text": page["text"][start:end],
            "start": start,
            "end": end,
        }


def save(index_dir: Path, snapshot: Snapshot) -> None:
    """Write an index in place of the one that is there. Raises OSError."""
    import faiss

    partial = index_dir / "vectors.partial"
    try:
        faiss.write_index(snapshot.vectors, str(partial))
    except RuntimeError as error:  # what FAISS makes of an error of the file system
        raise OSError(f"{partial.name} cannot be written") from error
    digest = _sum(partial)
    vectors = f"vectors-{digest[:16]}.faiss"
    partial.replace(index_dir / vectors)
    manifest: Manifest = {
        "format": FORMAT,
        "fingerprint": snapshot.fingerprint,
        "chunk_words": snapshot.chunk_words,
        "dimensions": int(snapshot.vectors.d),
        "vectors": vectors,
        "vectors_sha256": digest,
        "pages": snapshot.pages,
    }
    temporary = index_dir / f"{MANIFEST}.partial"
    temporary.write_bytes(TypeAdapter(Manifest).dump_json(manifest))
    temporary.replace(index_dir / MANIFEST)
    for old in index_dir.glob("vectors-*.faiss"):
        if old.name != vectors:
            old.unlink(missing_ok=True)


def is_index(folder: Path) -> bool:
    """Whether an index was built in `folder`; whether it can be read, `load` tells."""
    return (folder / MANIFEST).is_file()


def load(index_dir: Path) -> Snapshot:
    """Read an index.

    Raises
    ------
    KnowledgeError: there is none, or its files are damaged, cut short or of another version.
    """
    manifest = _read_manifest(index_dir)
    try:
        vectors = _read_vectors(index_dir, manifest)
    except FileNotFoundError:
        # A build has put a new index in its place since: read that.
        manifest = _read_manifest(index_dir)
        try:
            vectors = _read_vectors(index_dir, manifest)
        except FileNotFoundError as error:
            raise _damaged(index_dir, f"{manifest['vectors']} is missing") from error
    _check(index_dir, manifest, vectors)
    return Snapshot(manifest["fingerprint"], manifest["chunk_words"], manifest["pages"], vectors)


def _read_manifest(index_dir: Path) -> Manifest:
    try:
        data = (index_dir / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise KnowledgeError(
            f"There is no knowledge index in {index_dir}.",
            "Build it with `tandem index build FOLDER`.",
        ) from error
    except OSError as error:
        raise _damaged(index_dir, f"{MANIFEST} cannot be read") from error
    try:
        manifest = TypeAdapter(Manifest).validate_json(data)
    except ValidationError as error:
        raise _damaged(index_dir, f"{MANIFEST} is damaged or cut short") from error
    if manifest["format"] != FORMAT:
        raise KnowledgeError(
            f"The knowledge index in {index_dir} was made by another version of Tandem.", REMEDY
        )
    if not _VECTORS.fullmatch(manifest["vectors"]):
        raise _damaged(index_dir, f"{MANIFEST} is damaged")
    return manifest


def _read_vectors(index_dir: Path, manifest: Manifest) -> Any:
    import faiss

    path = index_dir / manifest["vectors"]
    if _sum(path) != manifest["vectors_sha256"]:
        raise _damaged(index_dir, f"{path.name} is damaged or cut short")
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise _damaged(index_dir, f"{path.name} is damaged") from error


def _check(index_dir: Path, manifest: Manifest, vectors: Any) -> None:
    places = [
        0 <= passage["start"] < passage["end"] <= len(page["text"])
        for page in manifest["pages"].values()
        for passage in page["chunks"]
    ]
    fits = vectors.ntotal == len(places) and vectors.d == manifest["dimensions"]
    if not fits or not all(places):
        raise _damaged(index_dir, "its files do not fit together")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(index_dir: Path, how: str) -> KnowledgeError:
    return KnowledgeError(f"The knowledge index in {index_dir} cannot be used: {how}.", REMEDY)
