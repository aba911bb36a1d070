"""The small model in a form that can be trained: its GGUF file, dequantised once and kept.

Reading a quantised file takes up to minutes; what is kept loads in seconds. It lies in the cache
under the file's own sum, so that another model never meets it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from tandem.errors import ModelFileError, SettingsError
from tandem.loop.tune.export import refuse_family

EXTRA = (
    "Install the extra: pip install 'tandem-lm[tune]' (in a checkout: .venv/bin/pip install -e "
    "'.[tune]'); nothing was changed."
)


@dataclass(frozen=True)
class TrainableBase:
    """A causal language model with dense weights in bfloat16, and its tokenizer."""

    model: Any
    tokenizer: Any
    folder: Path


def require_extra() -> None:
    """Raise SettingsError where the extra `tune` is not installed."""
    try:
        import gguf  # noqa: F401
        import peft  # noqa: F401
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise SettingsError(f"Tuning needs {error.name}, which is not installed.", EXTRA) from None


def load_base(
    gguf_file: Path, sum_: str, cache: Path, tell: Callable[[str], None]
) -> TrainableBase:
    """The model of `gguf_file`, dequantised.

    Parameters
    ----------
    sum_: SHA-256 of the file, the name under which the result is kept in `cache`.
    tell: gets a line before each thing that takes time.

    Raises
    ------
    SettingsError: the extra is not installed.
    ModelFileError: the file cannot be read as a model that can be trained and served, or the disk
        is full.
    """
    require_extra()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = _dense(gguf_file, sum_, cache, tell)
    refuse_family(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    tell("loading the model")
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, local_files_only=True
    )
    return TrainableBase(
        model, AutoTokenizer.from_pretrained(folder, local_files_only=True), folder
    )


def _dense(gguf_file: Path, sum_: str, cache: Path, tell: Callable[[str], None]) -> Path:
    from safetensors import SafetensorError

    folder = cache / sum_[:16]
    if (folder / "config.json").is_file():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{sum_[:16]}.lock"):
            if not (folder / "config.json").is_file():
                tell(f"reading {gguf_file.name} for the first time (takes minutes)")
                for left in cache.glob(f".half-{sum_[:16]}-*"):  # of a run that was killed
                    shutil.rmtree(left, ignore_errors=True)
                _convert(gguf_file, folder)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise ModelFileError(
            f"The model could not be written to {cache}: {why}.",
            "Make room (a dense model takes 2 bytes a weight); nothing else was changed.",
        ) from None
    return folder


def _convert(gguf_file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source = {"gguf_file": gguf_file.name, "local_files_only": True}
    half = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".half-{folder.name}-"))
    try:
        tokenizer = AutoTokenizer.from_pretrained(gguf_file.parent, **source)
        # Without `dequantize` the weights stay packed, and can then not be saved.
        model = AutoModelForCausalLM.from_pretrained(
            gguf_file.parent,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            **source,
        )
        model.save_pretrained(half)
        tokenizer.save_pretrained(half)
        half.replace(folder)
    except (ValueError, NotImplementedError, KeyError) as error:
        raise ModelFileError(
            f"{gguf_file.name} cannot be read as a model to train ({type(error).__name__}).",
            "Tuning knows llama.cpp files of the Qwen2 family.",
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def offline() -> None:
    """Keep the hub out: a wrong folder would otherwise be looked for there."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Waiting threads must sleep: a model server may need the core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
