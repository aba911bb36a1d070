"""How an adapter is trained, and how far a training is: data, without torch."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tandem.records import Message

CHUNK_BATCHES = 16
"""Rows are ordered by length inside chunks of so many batches: little padding, still shuffled."""


@dataclass(frozen=True)
class TuningRow:
    """One example: the turns that the model reads, and the answer that it is to write."""

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True)
class Recipe:
    """LoRA (https://arxiv.org/abs/2106.09685) with AdamW.

    Parameters
    ----------
    rank, alpha: of the adapter; its scale is alpha / rank.
    rate: the highest learning rate, reached after `warmup` steps, then down to `floor` of it.
    batch: rows a step. epochs: how often each row is seen at most.
    minutes: how long it may take; the learning rate follows the clock then. 0: no limit.
    max_tokens: longer rows are left out, and counted.
    last_layers: only the last so many layers learn: faster, and with less memory. 0: all.
    threads: cores used; 0: all.
    """

    rank: int = 16
    alpha: int = 32
    rate: float = 4e-4
    floor: float = 0.03
    warmup: int = 6
    batch: int = 8
    epochs: int = 1
    minutes: float = 20.0
    max_tokens: int = 1024
    last_layers: int = 0
    threads: int = 0
    seed: int = 0

    def rate_at(self, step: int, share: float) -> float:
        """The learning rate at `step` (from 0), `share` (0 to 1) of the way through."""
        warm = min(1.0, (step + 1) / max(1, self.warmup))
        return self.rate * warm * max(self.floor, 1.0 - (1.0 - self.floor) * share)


def batches(lengths: Sequence[int], recipe: Recipe) -> Iterator[list[int]]:
    """Row numbers, a batch at a time, all epochs; the same for the same recipe, so that a training
    that was broken off can go on where it was."""
    drawn = random.Random(recipe.seed)  # noqa: S311 (an order, no secret)
    for _ in range(recipe.epochs):
        order = list(range(len(lengths)))
        drawn.shuffle(order)
        size = recipe.batch * CHUNK_BATCHES
        epoch: list[list[int]] = []
        for start in range(0, len(order), size):
            chunk = sorted(order[start : start + size], key=lambda row: lengths[row])
            epoch += [chunk[at : at + recipe.batch] for at in range(0, len(chunk), recipe.batch)]
        drawn.shuffle(epoch)
        yield from epoch


def steps(rows: int, recipe: Recipe) -> int:
    """Steps of a training of `rows` rows."""
    size = recipe.batch * CHUNK_BATCHES
    whole, rest = divmod(rows, size)
    return recipe.epochs * (whole * CHUNK_BATCHES + math.ceil(rest / recipe.batch))
