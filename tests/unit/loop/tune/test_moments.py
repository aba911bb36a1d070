"""A training that goes on has AdamW's state where AdamW wants it."""

from __future__ import annotations

from dataclasses import dataclass

from tandem.loop.tune.training import moments_of


@dataclass
class Tensor:
    """Knows where it is."""

    device: str = "cpu"

    def to(self, device: str) -> Tensor:
        return Tensor(device)


def test_moments_go_to_the_weights_device_and_steps_stay() -> None:
    kept = {f"o:{key}:w": Tensor() for key in ("step", "exp_avg", "exp_avg_sq")}
    found = moments_of("w", kept, "cuda")
    assert {key: one.device for key, one in found.items()} == {
        "step": "cpu",
        "exp_avg": "cuda",
        "exp_avg_sq": "cuda",
    }
    assert moments_of("other", kept, "cuda") == {}
