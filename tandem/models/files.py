"""Model files on this machine: where they lie, whether they are whole. Nothing is fetched here."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tandem.errors import ModelFileError
from tandem.models import catalog
from tandem.models.catalog import GGUF_MAGIC, ModelFile
from tandem.settings import Settings

Progress = Callable[[int, int], None]
"""Told how far a file is: bytes done, bytes in all."""
State = Literal["verified", "present", "missing", "wrong size"]
"""`present`: of the right size, but its sum was never taken as it lies there."""
Stamp = tuple[int, int, int] | None
"""What tells a file from the one that it was: size, time, inode; None: it is not there."""
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class FileState:
    """A catalogue file and how it stands in the cache."""

    file: ModelFile
    path: Path
    state: State
    needed: bool
    """Whether the settings use it."""


def models_dir(settings: Settings) -> Path:
    """The folder that pulled models lie in."""
    return settings.cache_dir / "models"


def cached_path(file: ModelFile, settings: Settings) -> Path:
    """Where `file` lies, or would lie, in the cache."""
    return models_dir(settings) / file.file


def locate(name: str, settings: Settings) -> Path:
    """The file of `name` (a model of the settings, or a catalogue name), checked but not hashed.

    A path in the settings goes before the cache. Costs a stat and a read of four bytes.

    Raises
    ------
    ModelFileError: unknown, missing, cut short or no GGUF file; the message names the file.
    """
    if own := own_path(name, settings):
        check_gguf(own)
        return own
    file = catalog.get(catalogue_name(name, settings))
    path = cached_path(file, settings)
    if not path.is_file():
        raise ModelFileError(
            f"The model file {path} is not there.", f"Run `tandem models pull {file.name}`."
        )
    check_size(path, file)
    if file.is_gguf:
        check_gguf(path)
    return path


def own_path(name: str, settings: Settings) -> Path | None:
    """The path that the settings give for `name`, if they do."""
    named = settings.models.get(name)
    candidates = [named] if named else [m for m in settings.models.values() if m.model == name]
    for model in candidates:
        if model.backend == "embedded" and model.path:
            return settings.path(model.path)
    return None


def catalogue_name(name: str, settings: Settings) -> str:
    """The catalogue name behind `name`, which may be a model's name in the settings."""
    model = settings.models.get(name)
    return model.model if model and model.backend == "embedded" else name


def needed(settings: Settings) -> tuple[str, ...]:
    """Catalogue names of all that the settings use, each with its companion."""
    names = [
        settings.models[name].model
        for name in settings_models(settings)
        if settings.models[name].backend == "embedded" and not settings.models[name].path
    ]
    if settings.embeddings.backend == "onnx":
        names.append(settings.embeddings.model)
    return with_companions(names)


def with_companions(names: list[str]) -> tuple[str, ...]:
    """`names` and what they need, each once, in order."""
    found: dict[str, None] = {}
    for name in names:
        file = catalog.get(name)
        found.update(dict.fromkeys(filter(None, (name, file.companion))))
    return tuple(found)


def settings_models(settings: Settings) -> tuple[str, ...]:
    """Names of the models that tiers, stand-ins and tasks use, each once, in order."""
    names = [*settings.chain("slm"), *settings.chain("llm")]
    for own in settings.tasks.values():
        names += [name for name in (own.slm, own.llm) if name]
    return tuple(dict.fromkeys(names))


def state_of(file: ModelFile, settings: Settings) -> State:
    """How `file` stands in the cache, without hashing it."""
    path = cached_path(file, settings)
    if not path.is_file():
        return "missing"
    if path.stat().st_size != file.bytes:
        return "wrong size"
    return "verified" if recorded_sum(path) == file.sha256 else "present"


def check_size(path: Path, file: ModelFile) -> None:
    """Raise ModelFileError unless `path` is as long as the catalogue says."""
    size = path.stat().st_size
    if size != file.bytes:
        raise ModelFileError(
            f"The model file {path} has {size} bytes in place of {file.bytes}: it was cut short "
            "or replaced.",
            f"Run `tandem models pull {file.name}`, which fetches it again.",
        )


def check_gguf(path: Path) -> None:
    """Raise ModelFileError unless `path` is a readable file that begins as GGUF files do."""
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(GGUF_MAGIC))
    except OSError as error:
        raise ModelFileError(
            f"The model file {path} cannot be read: {error.strerror}.",
            "Correct `path` in the settings, or make the file readable.",
        ) from error
    if magic != GGUF_MAGIC:
        raise ModelFileError(
            f"{path} is no GGUF file, the only kind that the embedded server can load.",
            "Correct `path` in the settings, or run `tandem models verify`.",
        )


def sha256_of(path: Path) -> str:
    """The file's sha256, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def recorded_sum(path: Path) -> str:
    """The sum taken of the file as it lies there now; empty where none is known."""
    try:
        record = json.loads(_record_path(path).read_text(encoding="utf-8"))
        status = path.stat()
        same = (record["bytes"], record["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
        return str(record["sha256"]) if same else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def sum_of(name: str, settings: Settings) -> str:
    """The sum of the model file behind `name`, where it is known without hashing; else empty."""
    if own := own_path(name, settings):
        return recorded_sum(own)
    known = catalog.CATALOG.get(catalogue_name(name, settings))
    return known.sha256 if known else ""


def record_sum(path: Path, sha256: str) -> None:
    """Note the sum beside the file, with its size and time, so that no start hashes it again."""
    status = path.stat()
    record = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256}
    write_atomically(_record_path(path), json.dumps(record))


def remove(path: Path) -> None:
    """Remove the file and the note of its sum."""
    path.unlink(missing_ok=True)
    _record_path(path).unlink(missing_ok=True)


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file so that a reader sees the old text or the new one, never a part.

    Raises OSError; nothing but the old file is left then.
    """
    data = text.encode(
        "utf-8", errors="backslashreplace"
    )  # half a character must not be in the way
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
            out.write(data)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def stamp(path: Path) -> Stamp:
    """That of the file at `path`; of one that is there and cannot be read its errno."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:  # whoever reads it says so
        return (-1, error.errno or 0, 0)
    return (status.st_size, status.st_mtime_ns, status.st_ino)


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256.json")
