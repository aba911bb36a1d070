"""What a run cost, and what it would have cost had the LLM done all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tandem.nodes.state import State
from tandem.records import Attempt
from tandem.services import Services


class Estimate(NamedTuple):
    """All-LLM cost; `estimated` is False where the LLM really did the whole request."""

    cost: float
    estimated: bool


def total_cost(state: State) -> float:
    """Cost of every answered call of the run and of what it delegated, rejected ones included."""
    own = sum(attempt["cost"] for attempt in state["attempts"])
    return own + sum(run["cost"] for run in state["delegated"])


def all_llm_cost(state: State, price: Callable[[Attempt], float]) -> Estimate:
    """Cost had the LLM done the whole request.

    Measured where the LLM answered; where only the SLM did, its tokens at the LLM's price (both
    count tokens of the same text; tokenizers differ by some per cent). Reading the task is left
    out where the request would not have needed it: with one model there is nothing to route.

    Parameters
    ----------
    price: what the LLM would have taken for the work of an attempt of the SLM.
    """
    own = _own_all_llm(state, price)
    delegated = state["delegated"]
    cost = own.cost + sum(run["all_llm_cost"] for run in delegated)
    estimated = own.estimated or any(run["all_llm_estimated"] for run in delegated)
    return Estimate(cost, estimated)


def llm_price(services: Services, task: str, attempt: Attempt) -> float:
    """The SLM's tokens at the LLM's rates, for as long as the LLM usually takes; where that is not
    known yet, for as long as the SLM took, which is too little rather than too much."""
    measured = services.speeds.of(task).get("llm")
    seconds = measured.p50 if measured else attempt["seconds"]
    return services.tier("llm", task).price(attempt["usage"], seconds)


def _own_all_llm(state: State, price: Callable[[Attempt], float]) -> Estimate:
    work = [attempt for attempt in state["attempts"] if attempt["purpose"] != "classify"]
    if not work:
        return Estimate(0.0, estimated=False)
    if usage := state.get("prepared", {}).get("one_prompt_usage"):
        # Of a task in steps: the LLM alone would have read everything in one prompt.
        return Estimate(price({**work[-1], "usage": usage}), estimated=True)
    by_llm = [a for a in work if a["tier"] == "llm" and a["error"] is None]
    if any(a["purpose"] == "answer" for a in by_llm):
        answers = [a["cost"] for a in by_llm if a["purpose"] == "answer"]
        return Estimate(sum(answers), estimated=False)
    by_slm = [a for a in work if a["tier"] == "slm"]
    last = [by_slm[-1]] if by_slm and by_slm[-1]["purpose"] == "answer" else by_slm
    if usage := state.get("prepared", {}).get("all_llm_usage"):
        # Known where a head answered, which has no tokens, or where the LLM's best prompt differs.
        last = [{**(last or work)[-1], "usage": usage}]
    cost = sum(a["cost"] for a in by_llm) + sum(price(a) for a in last)
    return Estimate(cost, estimated=bool(last))
