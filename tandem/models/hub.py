"""The Hugging Face hub as a source of model files."""

from __future__ import annotations

import functools
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.errors import ModelFileError
from tandem.models.catalog import ModelFile

_log = logging.getLogger(__name__)
PROBE_SECONDS: Final = 3.0


@functools.cache
def hub_problem(timeout_s: float = PROBE_SECONDS) -> str:
    """Why the hub cannot be used from here; empty where it can. Asked once a process.

    Without a route, huggingface_hub itself takes over 20 s to give up. The probe runs in a thread
    because a name lookup heeds no time-out.
    """
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    outcome: list[str] = []
    probe = threading.Thread(
        target=_probe, args=(constants.ENDPOINT, timeout_s, outcome), daemon=True
    )
    probe.start()
    probe.join(timeout_s)
    return outcome[0] if outcome else f"no answer within {timeout_s:g} s"


def _probe(url: str, timeout_s: float, outcome: list[str]) -> None:
    import httpx

    try:
        httpx.head(url, timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        outcome.append(f"no route ({type(error).__name__})")
    else:
        outcome.append("")


@dataclass(frozen=True)
class Hub:
    """The official files. Downloads resume by themselves (huggingface_hub keeps what it has)."""

    name: str = "the Hugging Face hub"

    def fetch(self, file: ModelFile, folder: Path) -> Path:
        """Bring `file` into `folder`; see sources.Source."""
        if file.hub is None:
            raise ModelFileError("it does not hold this file")
        if problem := hub_problem():
            raise ModelFileError(problem)
        return Path(_download(file.hub.repo, file.hub.file, folder))


def _download(repo: str, name: str, folder: Path) -> str:
    import httpx
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        return hf_hub_download(repo, name, local_dir=folder)
    except (httpx.HTTPError, OSError, ValueError) as error:
        _log.info("the hub failed: %s", type(error).__name__)
        raise ModelFileError(f"{type(error).__name__} while downloading") from error
    finally:
        if shown:
            enable_progress_bars()
