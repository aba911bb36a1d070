"""A bounded uniform sample of a stream: Vitter (1985), Random sampling with a reservoir."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Reservoir(Generic[T]):
    """Of everything that was offered, `capacity` items, each with the same probability."""

    capacity: int
    random: Random
    items: list[T] = field(default_factory=list)
    offered: int = 0

    def offer(self, item: T) -> int:
        """Perhaps keep `item`; how many items more are kept than before, 0 or 1."""
        self.offered += 1
        if len(self.items) < self.capacity:
            self.items.append(item)
            return 1
        place = self.random.randrange(self.offered)
        if place < self.capacity:
            self.items[place] = item
        return 0

    def shrink(self, capacity: int) -> None:
        """Keep fewer from now on: a uniform sample of a uniform sample is one."""
        self.capacity = min(self.capacity, capacity)
        if len(self.items) > self.capacity:
            self.items = self.random.sample(self.items, self.capacity)

    @property
    def whole(self) -> bool:
        """Whether everything that was offered is here."""
        return self.offered == len(self.items)
