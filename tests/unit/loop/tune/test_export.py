"""What cannot be served as it is, is refused."""

from __future__ import annotations

import pytest

from tandem.errors import ModelFileError
from tandem.loop.tune.export import _check_kind, _gguf_name, refuse_family


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma", None])
def test_other_families_are_refused(family: str | None) -> None:
    refuse_family({"model_type": "qwen2"})
    with pytest.raises(ModelFileError, match="family qwen2 only"):
        refuse_family({"model_type": family})


@pytest.mark.parametrize(
    "changed",
    [{"use_dora": True}, {"use_rslora": True}, {"bias": "all"}, {"modules_to_save": ["lm_head"]}],
)
def test_other_kinds_are_refused(changed: dict[str, object]) -> None:
    _check_kind({"peft_type": "LORA"})
    with pytest.raises(ModelFileError, match=next(iter(changed))):
        _check_kind({"peft_type": "LORA", **changed})


def test_names_are_those_of_llama_cpp() -> None:
    name = "base_model.model.model.layers.3.self_attn.q_proj.lora_B.weight"
    assert _gguf_name(name) == "blk.3.attn_q.weight.lora_b"
    with pytest.raises(ModelFileError, match="cannot be served"):
        _gguf_name("base_model.model.lm_head.lora_A.weight")
