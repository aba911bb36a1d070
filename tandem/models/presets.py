"""Well-known models on well-known servers, by name: what a settings file need not spell out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tandem.errors import SettingsError
from tandem.settings import Backend, Dialect, Model

HUGGING_FACE_ROUTER: Final = "https://router.huggingface.co/v1"
"""Hugging Face's hosted inference, OpenAI-compatible: https://huggingface.co/docs/inference-providers"""


@dataclass(frozen=True)
class Preset:
    """What a preset fills in."""

    backend: Backend
    dialect: Dialect
    model: str
    context: int
    notes: str
    url: str = ""
    api_key_env: str = ""
    native_tools: bool = False


@dataclass(frozen=True)
class _Weights:
    model: str
    context: int
    licence: str


_WEIGHTS: Final[Mapping[str, _Weights]] = {
    "phi-3-mini": _Weights("microsoft/Phi-3-mini-4k-instruct", 4096, "MIT"),
    "gemma-3-4b": _Weights("google/gemma-3-4b-it", 131_072, "Gemma terms, gated"),
    "llama-3-8b": _Weights(
        "meta-llama/Meta-Llama-3-8B-Instruct", 8192, "Llama 3 community licence, gated"
    ),
    "mistral-7b": _Weights("mistralai/Mistral-7B-Instruct-v0.3", 32_768, "Apache-2.0"),
}
"""Models whose chat template takes a system message; Gemma 2 and older Mistral 7B refuse one."""


def _presets() -> dict[str, Preset]:
    made = {
        "openai": Preset(
            "openai",
            "openai",
            "gpt-5.2",
            400_000,
            "OpenAI. Key in OPENAI_API_KEY.",
            url="https://api.openai.com/v1",
            api_key_env="OPENAI_API_KEY",
            native_tools=True,
        )
    }
    for name, weights in _WEIGHTS.items():
        made[f"{name}-tgi"] = Preset(
            "huggingface",
            "tgi",
            weights.model,
            weights.context,
            f"Own TGI server or dedicated endpoint: set url. {weights.licence}. At most 5 "
            "alternatives a token, so probabilities of many labels are coarse.",
        )
        made[f"{name}-vllm"] = Preset(
            "huggingface",
            "vllm",
            weights.model,
            weights.context,
            f"Own vLLM server (0.12 or later): set url. {weights.licence}.",
        )
        made[f"{name}-hosted"] = Preset(
            "huggingface",
            "openai",
            weights.model,
            weights.context,
            f"Hugging Face's router, key in HF_TOKEN. {weights.licence}. Which provider "
            "answers, and whether it gives log-probabilities, is Hugging Face's choice.",
            url=HUGGING_FACE_ROUTER,
            api_key_env="HF_TOKEN",
        )
    return made


PRESETS: Final[Mapping[str, Preset]] = _presets()


def apply_preset(model: Model) -> Model:
    """`model` with what it does not set itself taken from its preset.

    Raises
    ------
    SettingsError: the preset is unknown, or needs a `url` that is not set.
    """
    if not model.preset:
        return model
    preset = PRESETS.get(model.preset)
    if preset is None:
        near = difflib.get_close_matches(model.preset, PRESETS, n=3) or sorted(PRESETS)
        raise SettingsError(
            f"The preset {model.preset!r} is unknown.", f"Did you mean {' or '.join(near)}?"
        )
    filled = model.model_copy(update=_unset(model, preset))
    if not filled.url:
        raise SettingsError(
            f"The preset {model.preset!r} is for a server of your own.",
            "Set `url` to where it listens.",
        )
    return filled


def _unset(model: Model, preset: Preset) -> dict[str, Any]:
    names = ("backend", "dialect", "model", "context", "url", "api_key_env", "native_tools")
    return {
        name: getattr(preset, name)
        for name in names
        if name not in model.model_fields_set and getattr(preset, name)
    }
