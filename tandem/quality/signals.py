"""Confidence signals from a completion's tokens: few numbers, never the log-probabilities.

Sums and means depend on the answer's length, so a low quantile and the minimum stand beside the
mean (Gupta et al. 2024, "Language Model Cascades: Token-level uncertainty and beyond").
"""

from __future__ import annotations

from collections.abc import Sequence

from tandem.models.tier import Token
from tandem.quality.labels import label_signals, margin

__all__ = ["label_signals", "margin", "token_signals"]


def token_signals(tokens: Sequence[Token]) -> dict[str, float]:
    """`mean_logprob`, `min_logprob` and `p10_logprob` (the 10 % quantile), in nats.

    Tokens without text (the end mark) are left out; empty where nothing remains.
    """
    logprobs = sorted(token.logprob for token in tokens if token.text)
    if not logprobs:
        return {}
    return {
        "mean_logprob": sum(logprobs) / len(logprobs),
        "min_logprob": logprobs[0],
        "p10_logprob": _quantile(logprobs, 0.1),
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear interpolation between the two nearest of `ordered` (rising, not empty)."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
