"""Batches, steps and the learning rate of a training."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tandem.loop.tune.recipe import Recipe, batches, steps


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=300),
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(0, 5),
)
def test_each_row_is_seen_once_an_epoch(
    lengths: list[int], batch: int, epochs: int, seed: int
) -> None:
    recipe = Recipe(batch=batch, epochs=epochs, seed=seed)
    seen = list(batches(lengths, recipe))
    assert sorted(row for part in seen for row in part) == sorted(
        list(range(len(lengths))) * epochs
    )
    assert all(0 < len(part) <= batch for part in seen)
    assert len(seen) == steps(len(lengths), recipe)


def test_the_same_recipe_gives_the_same_batches_so_that_it_can_go_on() -> None:
    lengths = [7 * row % 50 + 1 for row in range(200)]
    assert list(batches(lengths, Recipe())) == list(batches(lengths, Recipe()))
    assert list(batches(lengths, Recipe())) != list(batches(lengths, Recipe(seed=1)))


@given(st.integers(0, 1000), st.floats(0, 1))
def test_the_rate_warms_up_and_ends_low_but_never_at_nothing(step: int, share: float) -> None:
    recipe = Recipe(rate=1e-3, warmup=10, floor=0.03)
    rate = recipe.rate_at(step, share)
    assert 0 < rate <= recipe.rate
    if step >= recipe.warmup:
        assert rate >= recipe.rate * recipe.floor * 0.999
