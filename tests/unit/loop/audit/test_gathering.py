from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.loop.audit.figures import Histogram
from tandem.loop.audit.gathering import NO_TEXT, REST, Gathering
from tandem.loop.audit.pricing import Pricer, listed_tariff
from tandem.loop.audit.sampling import Reservoir
from tests.unit.loop.audit.logs import OPTIONS, row

SMALL = replace(OPTIONS, min_rows=3, prompt_sample=4, rest_sample=8, most_prompts=5, most_kept=30)


def gathered(prompts: list[str]) -> Gathering:
    made = Gathering(SMALL, Pricer("USD"))
    made.add_all(row(prompt=prompt, text=f"{prompt} {at}") for at, prompt in enumerate(prompts))
    return made


@given(st.lists(st.sampled_from(["", "a", "b", "c", "d", "e", "f", "g", "h"]), max_size=200))
def test_no_row_is_lost_or_counted_twice(prompts: list[str]) -> None:
    made = gathered(prompts)
    rows = {key: stratum.figures.rows for key, stratum in made.strata.items()}
    assert sum(rows.values()) == made.total.rows == len(prompts)
    assert all(n >= SMALL.min_rows for key, n in rows.items() if key != REST)
    assert len(made.strata) <= SMALL.most_prompts + 1
    kept = {key: len(stratum.sample.items) for key, stratum in made.strata.items()}
    assert sum(kept.values()) <= SMALL.most_kept
    for key, stratum in made.strata.items():
        assert stratum.sample.offered == rows[key]
        assert kept[key] == min(rows[key], stratum.sample.capacity)
        assert all(f"prompt:{each.prompt}" == key for each in stratum.sample.items if key != REST)
    spend = sum(stratum.figures.spend for stratum in made.strata.values())
    assert spend == pytest.approx(made.total.spend)


def test_rare_prompts_join_the_rest_with_all_their_rows() -> None:
    made = gathered(["a", "a", "b", "c", "c", "c", "", "b"])
    assert {key: each.figures.rows for key, each in made.strata.items()} == {"prompt:c": 3, REST: 5}
    texts = sorted(each.text for each in made.strata[REST].sample.items)
    assert texts == [" 6", "a 0", "a 1", "b 2", "b 7"]
    assert made.joined == 2


def test_ever_new_prompts_need_no_memory() -> None:
    made = gathered([*("a" * 50), *(str(at) for at in range(5000)), *("a" * 50)])
    assert len(made.strata) == 2
    assert made.strata["prompt:a"].figures.rows == 100
    assert made.strata[REST].figures.rows == 5000


def test_rows_without_text_are_counted_and_declared_tasks_told_apart() -> None:
    made = Gathering(SMALL, Pricer("USD"))
    made.add_all([row(text=" "), *[row(text="", task="faq")] * 3, row(task="rare")])
    assert set(made.strata) == {NO_TEXT, "task:faq", REST}
    assert made.total.without_text == 4
    assert made.strata[REST].figures.rows == 1


def test_a_reservoir_keeps_each_item_as_often_as_any_other() -> None:
    kept: Counter[int] = Counter()
    for seed in range(2000):
        reservoir: Reservoir[int] = Reservoir(8, Random(seed))
        for item in range(20):
            reservoir.offer(item)
            if item == 12:
                reservoir.shrink(5)
        assert len(reservoir.items) == 5
        kept.update(reservoir.items)
    # 500 expected each; five standard deviations are 97.
    assert all(403 < kept[item] < 597 for item in range(20))


@given(st.lists(st.floats(0.001, 10_000), min_size=1), st.sampled_from([0.01, 0.5, 0.95, 1.0]))
def test_quantiles_are_exact_to_one_percent(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    found = histogram.quantile(share)
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    assert found == pytest.approx(exact, rel=0.0102)


def test_list_prices_are_found_by_the_names_that_logs_use() -> None:
    rates = listed_tariff("gpt-4o")
    assert rates is not None
    assert (rates.per_million_input, rates.per_million_output) == (2.5, 10.0)
    for name, provider in (("gpt-4o-2024-08-06", "openai"), ("openai/gpt-4o", ""), ("gpt-4o", "x")):
        assert listed_tariff(name, provider) == rates
    assert listed_tariff("our-own-model") is None


def test_a_cost_is_the_logs_own_else_the_list_price_else_none() -> None:
    pricer = Pricer("USD")
    assert pricer.count(row(cost=0.5)) == (0.5, "given", False)
    assert pricer.count(row(cost=0.5, currency="EUR")) == (None, "other currency", False)
    assert pricer.count(row())[1:] == ("listed", False)
    assert pricer.count(row(output_tokens=None))[1:] == ("listed", True)
    costs = [pricer.price(each).cost for each in (row(), row(output_tokens=None))]
    assert costs == pytest.approx([0.0035, 0.0025])
    assert pricer.count(row(model="ours")) == (None, "unknown model", False)
    assert pricer.count(row(input_tokens=None, output_tokens=None)).how == "unknown tokens"
    assert (dict(pricer.unknown), dict(pricer.others)) == ({"ours": 1}, {"EUR": 1})
    assert Pricer("EUR").count(row()) == (None, "unknown model", False)
