"""An adapter and its calibration go in force by two writes. What is written stands in a file from
before the first to after the second, so that whatever stops a run in between, both are taken back:
by the run itself where it still can, else by the next one.

Between the two nothing false is promised: the calibration in force was made with another prompt
than the adapter's, so that the small model's answers do not count as calibrated, and what may leave
is the head's.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from tandem.errors import InvalidRequest, TandemError
from tandem.loop.promoting import take_out_of_force
from tandem.models.files import write_atomically
from tandem.services import Services

_FILE: Final = "pending.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pending:
    """What is about to be put in force, and what was before.

    Parameters
    ----------
    task: whose. adapter: its name; empty: none. calibration: the file. kept: a copy of what it
        held; empty: it was not there. written: the sum of what it is to hold.
    """

    task: str
    adapter: str
    calibration: str
    kept: str
    written: str

    def take_back(self, services: Services) -> None:
        """Put in force what was. What somebody else put there meanwhile stays. Raises TandemError
        where it cannot be written."""
        if self.adapter:
            try:
                take_out_of_force(services, self.adapter)
            except InvalidRequest:
                _log.info("the adapter %s is not in force, so it is not taken back", self.adapter)
        path = Path(self.calibration)
        try:
            if not path.is_file() or sum_of(path.read_bytes()) != self.written:
                return
            if self.kept:
                new = path.with_suffix(".new")
                new.touch(mode=0o600)
                shutil.copyfile(self.kept, new)
                new.replace(path)
            else:
                path.unlink()
        except OSError as error:
            raise TandemError(
                f"{path} could not be put back: {error.strerror or error}.",
                "Make room and start again: the next run with --apply does it.",
            ) from None


def begin(folder: Path, pending: Pending) -> None:
    """Note in `folder`, that of `tandem improve`, what is about to be written. Raises TandemError:
    it cannot be; nothing was changed."""
    try:
        write_atomically(folder / _FILE, json.dumps(asdict(pending), indent=1))
    except OSError as error:
        raise TandemError(
            f"{folder / _FILE} cannot be written: {error.strerror or error}.",
            "Make room and start again; what is in force is as before.",
        ) from None


def end(folder: Path) -> None:
    """All of it is in force, or nothing. Raises TandemError where that cannot be noted: the next
    run then takes it back."""
    try:
        (folder / _FILE).unlink(missing_ok=True)
    except OSError as error:
        raise TandemError(
            f"{folder / _FILE} cannot be removed: {error.strerror or error}.",
            "Make the folder writable: the next run takes back what this one put in force.",
        ) from None


def recover(folder: Path, services: Services) -> str:
    """Take back what an earlier run left half in force; in words, empty where there is nothing.

    Raises
    ------
    TandemError: it cannot be taken back.
    """
    path = folder / _FILE
    try:
        pending = Pending(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, TypeError):
        raise TandemError(
            f"{path} cannot be read: it is damaged. Nothing was changed.",
            "It was written by a run that was stopped while it put something in force: see "
            "`tandem adapters list`, and remove the file.",
        ) from None
    pending.take_back(services)
    end(folder)
    what = f"the adapter {pending.adapter} and its calibration" if pending.adapter else "a head"
    words = f"an earlier run was stopped while it put {what} in force: taken back before this one"
    _log.warning("%s", words)
    return words


def sum_of(data: bytes) -> str:
    """The sum by which a file is known again."""
    return sha256(data).hexdigest()
