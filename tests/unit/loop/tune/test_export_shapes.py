"""What does not fit the base model, or holds no numbers, is not exported."""

from __future__ import annotations

import numpy as np
import pytest

from tandem.errors import ModelFileError
from tandem.loop.tune.export import _check

BASE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
}
RANK = 3
SHAPES = {
    "attn_q": (32, 32),
    "attn_k": (32, 16),
    "attn_v": (32, 16),
    "attn_output": (32, 32),
    "ffn_gate": (32, 48),
    "ffn_up": (32, 48),
    "ffn_down": (48, 32),
}


@pytest.mark.parametrize("part", SHAPES)
def test_each_part_has_its_own_shape(part: str) -> None:
    source, target = SHAPES[part]
    name = f"blk.1.{part}.weight.lora_"
    _check(f"{name}a", np.zeros((RANK, source)), RANK, BASE)
    _check(f"{name}b", np.zeros((target, RANK)), RANK, BASE)
    for half, shape in (("a", (source, RANK)), ("b", (target + 1, RANK)), ("a", (4, source))):
        with pytest.raises(ModelFileError, match="shapes do not fit"):
            _check(name + half, np.zeros(shape), RANK, BASE)


def test_heads_may_be_of_another_size_than_the_width_says() -> None:
    base = {**BASE, "head_dim": 16}
    _check("blk.0.attn_q.weight.lora_b", np.zeros((64, RANK)), RANK, base)
    _check("blk.0.attn_k.weight.lora_b", np.zeros((32, RANK)), RANK, base)
    _check("blk.0.attn_output.weight.lora_a", np.zeros((RANK, 64)), RANK, base)


def test_a_layer_that_the_base_lacks_is_refused() -> None:
    with pytest.raises(ModelFileError, match="another base model"):
        _check("blk.2.attn_q.weight.lora_a", np.zeros((RANK, 32)), RANK, BASE)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    tensor = np.zeros((RANK, 32))
    tensor[1, 1] = value
    with pytest.raises(ModelFileError, match="no numbers"):
        _check("blk.0.attn_q.weight.lora_a", tensor, RANK, BASE)
