"""Build an index of a folder; only files whose bytes changed are read and embedded again."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from tandem.errors import DocumentError, KnowledgeError
from tandem.knowledge.chunks import PageKind, chunk_page, indexed_text
from tandem.knowledge.documents import SUFFIXES, kind_of, read_bytes, text_of
from tandem.knowledge.store import Page, Passage, Snapshot, chunks_of, load, save
from tandem.settings import Limits

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.embeddings import Embeddings
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

LOCK_SECONDS: Final = 5.0
"""How long a build waits for another one of the same index."""

Progress = Callable[[int, int], None]
"""Gets the number of chunks embedded so far, and of all that are to be embedded."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did. Sources are paths relative to the folder, with `/`."""

    pages: int
    chunks: int
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Files that could not be read, and why."""
    embedded: int = 0
    """Chunks that were embedded now; the others' vectors were kept."""
    seconds: float = 0.0


def build_index(
    folder: Path,
    index_dir: Path,
    embeddings: Embeddings,
    limits: Limits,
    progress: Progress | None = None,
    *,
    chunk_words: int = 120,
) -> BuildReport:
    """Bring the index in `index_dir` up to date with the files of `folder`.

    Markdown, text and PDF files are taken, in subfolders too; hidden ones, and links that lead out
    of the folder, are not. A file that cannot be read is skipped and reported. Other embeddings,
    other `chunk_words` or a damaged index mean that all is built anew.

    Raises
    ------
    KnowledgeError: no such folder, nothing readable in it, `index_dir` cannot be written, or
        another build is running. The index that was there stays as it was.
    ModelFileError: the embedding model cannot be loaded.
    """
    started = time.perf_counter()
    files = find_files(folder)
    with _locked(index_dir):
        old = _reusable(index_dir, embeddings, chunk_words)
        pages, skipped = _read_pages(files, old, limits, chunk_words)
        if not any(page["chunks"] for page in pages.values()):
            raise _nothing_readable(folder, skipped)
        fresh = [name for name, page in pages.items() if page is not old.pages.get(name)]
        todo = sum(len(pages[name]["chunks"]) for name in fresh)
        if fresh or pages.keys() != old.pages.keys():
            vectors = _vectors(pages, old, embeddings, progress)
            save(index_dir, Snapshot(old.fingerprint, chunk_words, pages, vectors))
    return BuildReport(
        pages=len(pages),
        chunks=sum(len(page["chunks"]) for page in pages.values()),
        added=tuple(name for name in fresh if name not in old.pages),
        changed=tuple(name for name in fresh if name in old.pages),
        removed=tuple(name for name in old.pages if name not in pages),
        skipped=skipped,
        embedded=todo,
        seconds=time.perf_counter() - started,
    )


def find_files(folder: Path) -> dict[str, Path]:
    """The files to index, by source, in the order of their names.

    Raises
    ------
    KnowledgeError: there is no such folder, or no file that Tandem reads in it.
    """
    if not folder.is_dir():
        raise KnowledgeError(
            f"The knowledge folder {folder} does not exist.",
            "Give a folder of Markdown, text or PDF files, or set knowledge.folder.",
        )
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            if path.resolve().is_relative_to(folder.resolve()):
                found[relative.as_posix()] = path
            else:
                log.warning("a link that leads out of the knowledge folder was left out")
    if not found:
        raise KnowledgeError(
            f"The knowledge folder {folder} holds no file that Tandem reads.",
            f"Put files into it that end in {', '.join(sorted(SUFFIXES))}.",
        )
    return found


@contextmanager
def _locked(index_dir: Path) -> Iterator[None]:
    """The only build of this index; errors of the file system become a KnowledgeError."""
    try:
        index_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(index_dir / "build.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise KnowledgeError(
            f"Another build of the index in {index_dir} is running.", "Wait until it has ended."
        ) from error
    except OSError as error:
        raise KnowledgeError(
            f"The index cannot be written to {index_dir}: {error.strerror or error}.",
            "Set knowledge.index_dir to a folder that can be written, with enough space.",
        ) from error


def _reusable(index_dir: Path, embeddings: Embeddings, chunk_words: int) -> Snapshot:
    """The index that is there, or an empty one where nothing of it can be kept."""
    from tandem.models.embeddings import fingerprint_of

    fingerprint = fingerprint_of(embeddings)
    try:
        old = load(index_dir)
        if old.fingerprint == fingerprint and old.chunk_words == chunk_words:
            return old
    except KnowledgeError as error:
        log.info("building the whole index: %s", error.what)
    return Snapshot(fingerprint, chunk_words, {}, None)


def _read_pages(
    files: Mapping[str, Path], old: Snapshot, limits: Limits, chunk_words: int
) -> tuple[dict[str, Page], dict[str, str]]:
    """The pages (those of unchanged files are the old objects), and what was skipped and why."""
    pages: dict[str, Page] = {}
    skipped: dict[str, str] = {}
    for source, path in files.items():
        try:
            data = read_bytes(path, limits)
            digest = hashlib.sha256(data).hexdigest()
            known = old.pages.get(source)
            if known is not None and known["sha256"] == digest:
                pages[source] = known
            else:
                pages[source] = _page(source, data, digest, limits, chunk_words)
        except DocumentError as error:
            skipped[source] = str(error)
    return pages, skipped


def _page(source: str, data: bytes, digest: str, limits: Limits, chunk_words: int) -> Page:
    text = text_of(source, data, limits, layout=False, all_pages=False)
    kind: PageKind = "markdown" if kind_of(source, data) == "markdown" else "text"
    passages: list[Passage] = [
        {"heading": chunk["heading"], "start": chunk["start"], "end": chunk["end"]}
        for chunk in chunk_page(source, text, kind, chunk_words)
    ]
    return {"sha256": digest, "text": text, "chunks": passages}


def _vectors(
    pages: Mapping[str, Page], old: Snapshot, embeddings: Embeddings, progress: Progress | None
) -> object:
    """A FAISS index over all chunks, in the pages' order; kept vectors are not computed again."""
    import faiss
    import numpy as np

    from tandem.models.embeddings import embed_all

    kept = _kept_vectors(old)
    fresh = {name: page for name, page in pages.items() if page is not old.pages.get(name)}
    texts = [indexed_text(c) for name, page in fresh.items() for c in chunks_of(name, page)]
    report = (lambda done: progress(done, len(texts))) if progress else None
    made = iter(embed_all(embeddings, texts, report))
    rows = [
        row
        for name, page in pages.items()
        for row in (kept[name] if name not in fresh else [next(made) for _ in page["chunks"]])
    ]
    matrix = np.stack(rows).astype(np.float32)
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    return index


def _kept_vectors(old: Snapshot) -> dict[str, NDArray[np.float32]]:
    kept: dict[str, NDArray[np.float32]] = {}
    row = 0
    for name, page in old.pages.items():
        count = len(page["chunks"])
        kept[name] = old.vectors.reconstruct_n(row, count)
        row += count
    return kept


def _nothing_readable(folder: Path, skipped: Mapping[str, str]) -> KnowledgeError:
    reasons = "; ".join(list(skipped.values())[:3])
    return KnowledgeError(
        f"No file of the knowledge folder {folder} could be read: {reasons or 'all are empty'}.",
        "Correct the files; an index that was there stays as it was.",
    )
