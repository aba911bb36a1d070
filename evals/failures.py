"""The worst rows of a run, told so that they can be mended and nothing sensitive is shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from typing_extensions import TypedDict

from tandem.evals.evaluators.labels import label_of
from tandem.evals.figures import quality_of
from tandem.evals.result import Result, served
from tandem.privacy.masking import mask

SHOWN: Final = 200
"""Characters of an output or an expected value."""
WITHHELD: Final = "(not shown: the row is sensitive)"
_OPEN: Final = ("none", "internal")
UNSERVED: Final = "(not served)"


class Failure(TypedDict):
    """A row that went wrong."""

    suite: str
    id: str
    policy: str
    status: str
    tier: str
    quality: float
    expected: str
    got: str
    reasons: list[str]


class Confusion(TypedDict):
    """How often each label was given for each expected one; what was not served has its own."""

    suite: str
    policy: str
    labels: list[str]
    """Expected ones first, by frequency; then others that were given."""
    counts: list[list[int]]
    """A row an expected label, a column a given one, in the order of `labels`."""


def worst(results: Sequence[Result], primary: Mapping[str, str], most: int = 10) -> list[Failure]:
    """The rows of lowest quality: served wrong ones first (nobody was warned of them), then the
    dearest."""
    wrong = [one for one in results if quality_of(one, primary) < 1]
    wrong.sort(key=lambda one: (not served(one), quality_of(one, primary), -one["cost"]))
    return [_failure(one, quality_of(one, primary)) for one in wrong[:most]]


def confusion(suite: str, policy: str, results: Sequence[Result]) -> Confusion | None:
    """The confusion matrix of rows whose expected value is a label; None where it is none."""
    if not results or not all(isinstance(one["expected"], str) for one in results):
        return None
    pairs = Counter((one["expected"], _given(one)) for one in results)
    meant = Counter(one["expected"] for one in results)
    labels = [label for label, _ in meant.most_common()]
    labels += sorted({given for _, given in pairs} - set(labels))
    counts = [[pairs[expected, given] for given in labels] for expected in labels]
    return {"suite": suite, "policy": policy, "labels": labels, "counts": counts}


def _given(result: Result) -> str:
    label = label_of(result["output"]) if served(result) else None
    return UNSERVED if label is None else str(label)


def _failure(result: Result, quality: float) -> Failure:
    is_open = result["sensitivity"] in _OPEN
    return {
        "suite": result["suite"],
        "id": result["id"],
        "policy": result["policy"],
        "status": result["status"],
        "tier": result["tier"] or "-",
        "quality": quality,
        "expected": _shown(result["expected"]) if is_open else WITHHELD,
        "got": _got(result) if is_open else WITHHELD,
        "reasons": _reasons(result),
    }


def _got(result: Result) -> str:
    output = result["output"] if served(result) else result["draft"]
    return UNSERVED if output is None else _shown(output)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    masked = mask(" ".join(text.split()))
    return masked if len(masked) <= SHOWN else masked[: SHOWN - 1] + "…"


def _reasons(result: Result) -> list[str]:
    """Gates and errors; what the evaluators missed, by their names (their words may quote)."""
    reasons = [f"error {result['error']['code']}"] if result["error"] else []
    for step in result["route"]:
        reasons += [f"{step['tier']}: {mask(gate)}" for gate in step["failed"]]
    missed = [name for name, score in result["scores"].items() if score is not None and score < 1]
    return [*reasons, f"below 1: {', '.join(missed)}"] if missed else reasons
