"""Gates and signals of label tasks: the label is of the set, and clearly ahead of the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tandem.records import GateFailure


def margin(probabilities: Mapping[str, float]) -> float:
    """Probability of the likeliest label minus that of the second, 0 to 1.

    With fewer than two labels it is the only label's probability, or 0.0 where there is none.
    """
    first, second, *_ = [*sorted(probabilities.values(), reverse=True), 0.0, 0.0]
    return first - second


def label_signals(probabilities: Mapping[str, float]) -> dict[str, float]:
    """`label_probability` (of the likeliest label) and `margin`; empty where nothing is known."""
    if not probabilities:
        return {}
    return {
        "label_probability": max(probabilities.values()),
        "margin": margin(probabilities),
    }


def label_in_set(label: object, labels: Collection[str]) -> list[GateFailure]:
    """Fails where `label` is not one of `labels`, letter by letter."""
    if isinstance(label, str) and label in labels:
        return []
    return [GateFailure(gate="label_in_set", detail="the label is not one of the set")]


def enough_margin(signals: Mapping[str, float], minimum: float) -> list[GateFailure]:
    """Fails where the likeliest label is less than `minimum` (0 to 1) ahead of the second.

    A model that gives no probabilities fails as well, unless `minimum` is 0: nothing is known of
    how sure it was.
    """
    known = signals.get("margin", 0.0)
    if known >= minimum:
        return []
    return [GateFailure(gate="margin", detail=f"margin {known:.2f} is below {minimum:.2f}")]
