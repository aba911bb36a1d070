"""PEFT's adapter as a llama.cpp adapter file (GGUF, general.type "adapter").

No kept package carries this conversion. The names and the two keys are those that llama.cpp's
loader reads (src/llama-adapter.cpp); the arrays go over as they are.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from tandem.errors import ModelFileError

_PARTS: Final = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NAME: Final = re.compile(r"^base_model\.model\.model\.layers\.(\d+)\.(.+)\.lora_([AB])\.weight$")
FAMILY: Final = "qwen2"
_UNKNOWN_TO_LLAMA_CPP: Final = ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern")
_SIZES: Final = {
    "attn_q": ("hidden", "heads"),
    "attn_k": ("hidden", "kv"),
    "attn_v": ("hidden", "kv"),
    "attn_output": ("heads", "hidden"),
    "ffn_gate": ("hidden", "inner"),
    "ffn_up": ("hidden", "inner"),
    "ffn_down": ("inner", "hidden"),
}


def to_gguf(peft: Path, base_config: Path, target: Path, task_name: str) -> None:
    """Write the adapter in folder `peft` as `target`.

    Parameters
    ----------
    base_config: the base model's config.json, for its family and shapes.
    task_name: what the server tells of the adapter, so that it is known again.

    Raises
    ------
    ModelFileError: an adapter of another base or of a kind that llama.cpp does not know, damaged
        (a value that is no number), or no room; `target` is then not there.
    """
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    config = json.loads((peft / "adapter_config.json").read_text(encoding="utf-8"))
    base = json.loads(base_config.read_text(encoding="utf-8"))
    refuse_family(base)
    _check_kind(config)
    tensors = load_file(peft / "adapter_model.safetensors")
    named = {_gguf_name(name): value for name, value in tensors.items()}
    for name, value in named.items():
        _check(name, value, int(config["r"]), base)
    half = target.with_name(f".{target.name}.half")
    try:
        writer = gguf.GGUFWriter(half, base["model_type"])
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
        writer.add_string(gguf.Keys.Adapter.LORA_TASK_NAME, task_name)
        for name in sorted(named):
            writer.add_tensor(name, named[name].astype(np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        half.replace(target)
    except OSError as error:
        raise ModelFileError(
            f"The adapter could not be written: {error.strerror}.",
            "Make room and start the same command again: the training is kept.",
        ) from None
    finally:
        half.unlink(missing_ok=True)


def refuse_family(base: dict[str, Any]) -> None:
    """Raise ModelFileError where adapters of this family of models (`base`: its config.json) cannot
    go over as they are: llama.cpp's files of Llama and Mistral hold the rows of the query and key
    weights in another order."""
    if base.get("model_type") != FAMILY:
        raise ModelFileError(
            f"Adapters are served for models of the family {FAMILY} only, and this model is "
            f"{base.get('model_type')!r}.",
            "Name such a model for the tier; nothing was changed.",
        )


def _check_kind(config: dict[str, Any]) -> None:
    strange = [key for key in _UNKNOWN_TO_LLAMA_CPP if config.get(key)]
    if config.get("bias", "none") != "none":
        strange.append("bias")
    if config.get("modules_to_save"):
        strange.append("modules_to_save")
    if config.get("peft_type") != "LORA" or strange:
        raise ModelFileError(
            f"llama.cpp serves plain LoRA only, and this adapter uses {', '.join(strange)}.",
            "Train it without.",
        )


def _gguf_name(name: str) -> str:
    match = _NAME.match(name)
    part = _PARTS.get(match[2]) if match else None
    if match is None or part is None:
        raise ModelFileError(
            "The adapter changes a part of the model that cannot be served.",
            f"Train these only: {', '.join(_PARTS)}.",
        )
    return f"blk.{match[1]}.{part}.weight.lora_{match[3].lower()}"


def _check(name: str, value: Any, rank: int, base: dict[str, Any]) -> None:
    import numpy as np

    head = base.get("head_dim") or base["hidden_size"] // base["num_attention_heads"]
    sizes = {
        "hidden": base["hidden_size"],
        "heads": head * base["num_attention_heads"],
        "kv": head * base.get("num_key_value_heads", base["num_attention_heads"]),
        "inner": base["intermediate_size"],
    }
    _, layer, part, _, half = name.split(".")
    source, target = (sizes[side] for side in _SIZES[part])
    wanted = (rank, source) if half == "lora_a" else (target, rank)
    if tuple(value.shape) != wanted or int(layer) >= base["num_hidden_layers"]:
        raise ModelFileError(
            "The adapter was made for another base model: its shapes do not fit.",
            "Tune this model anew, or serve the adapter's own base.",
        )
    if not np.isfinite(value).all():
        raise ModelFileError(
            "The adapter holds values that are no numbers: the training went astray.",
            "Lower --rate and train again; the running tier is untouched.",
        )
