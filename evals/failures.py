"""The worst rows of a run, told so that they can be mended and nothing sensitive is shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any, Final

from typing_extensions import TypedDict

from tandem.evals.evaluators.labels import label_of
from tandem.evals.result import Result, quality_of, served
from tandem.evals.runner import FIRST_TRY
from tandem.privacy.checked import Scan
from tandem.privacy.detectors import scan
from tandem.privacy.masking import mask

SHOWN: Final = 240
"""Characters of an output or an expected value."""
SHOWN_FIELD: Final = 120
"""Characters of one field of it."""
WITHHELD: Final = "(not shown: the row is sensitive)"
_OPEN: Final = ("none", "internal")
_SCORES: Final = "probabilities"
"""Field of an output that is no part of the answer."""
UNSERVED: Final = "(not served)"
MASKED: Final = "(masked)"
OTHER: Final = "(no such label)"

Mask = Callable[[str], str]


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


def worst(
    results: Sequence[Result],
    primary: Mapping[str, str],
    policy: str,
    most: int = 12,
    *,
    scan: Scan = scan,
) -> list[Failure]:
    """The rows of `policy` of lowest quality: served wrong ones first (nobody was warned of them),
    then the dearest; of several suites in turn, so that none hides the others.

    `results` are of all policies: a row that one of them found sensitive is so in each. What `scan`
    finds in a shown text is masked.
    """
    hidden, masked = sensitive(results), partial(mask, scan=scan)
    wrong = [one for one in results if one["policy"] == policy and quality_of(one, primary) < 1]
    wrong.sort(key=lambda one: (not served(one), quality_of(one, primary), -one["cost"]))
    by_suite: dict[str, list[Result]] = {}
    for one in wrong:
        by_suite.setdefault(one["suite"], []).append(one)
    chosen = [one for turn in zip_longest(*by_suite.values()) for one in turn if one][:most]
    chosen.sort(key=lambda one: (not served(one), quality_of(one, primary)))
    return [_failure(one, quality_of(one, primary), _row(one) in hidden, masked) for one in chosen]


def sensitive(results: Sequence[Result]) -> set[tuple[str, str]]:
    """Suite and id of the rows that some policy found sensitive, or that none could assess."""
    looked_at = (one for one in results if not _unread(one))
    found = {_row(one) for one in looked_at if one["sensitivity"] not in _OPEN}
    assessed = {_row(one) for one in results if one["routed_task"]}
    return found | {_row(one) for one in results} - assessed


def _unread(result: Result) -> bool:
    """Whether the run ended before anything looked at the row (`of_error`): then others tell."""
    return bool(result["error"]) and not result["routed_task"] and not result["reasons"]


def _row(result: Result) -> tuple[str, str]:
    return result["suite"], result["id"]


def confusion(
    suite: str, policy: str, results: Sequence[Result], labels: Sequence[str] = ()
) -> Confusion | None:
    """The confusion matrix of rows whose expected value is a label; None where it is none.

    What was given and is neither expected anywhere nor among the suite's own `labels` may be any
    text: it counts as OTHER.
    """
    if not results or not all(isinstance(one["expected"], str) for one in results):
        return None
    meant = Counter(one["expected"] for one in results)
    known = {*meant, *labels}
    pairs = Counter((one["expected"], _given(one, known)) for one in results)
    shown = [label for label, _ in meant.most_common()]
    shown += sorted({given for _, given in pairs} - set(shown))
    counts = [[pairs[expected, given] for given in shown] for expected in shown]
    return {"suite": suite, "policy": policy, "labels": shown, "counts": counts}


def _given(result: Result, known: Collection[str]) -> str:
    label = label_of(result["output"]) if served(result) else None
    if label is None:
        return UNSERVED
    return label if isinstance(label, str) and label in known else OTHER


def _failure(result: Result, quality: float, hidden: bool, mask: Mask) -> Failure:
    return {
        "suite": result["suite"],
        "id": result["id"],
        "policy": result["policy"],
        "status": result["status"],
        "tier": result["tier"] or "-",
        "quality": quality,
        "expected": WITHHELD if hidden else _shown(result["expected"], mask),
        "got": WITHHELD if hidden else _got(result, mask),
        "reasons": _reasons(result, hidden, mask),
    }


def _got(result: Result, mask: Mask) -> str:
    output = result["output"] if served(result) else result["draft"]
    return UNSERVED if output is None else _shown(output, mask)


def _shown(value: Any, mask: Mask) -> str:
    if isinstance(value, Mapping):
        told = "; ".join(
            _field(each, mask, name) for name, each in value.items() if name != _SCORES
        )
    else:
        told = _field(value, mask)
    return told if len(told) <= SHOWN else told[: SHOWN - 1] + "…"


def _field(value: Any, mask: Mask, name: str = "") -> str:
    """Masked whole (a cut may take from a detector what it knows a text by), with its name, then
    shortened in the middle: at the end stands the answer."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    whole = " ".join(f"{name}: {text}".split() if name else text.split())
    masked = mask(whole)
    if len(whole) <= SHOWN_FIELD:
        # A detector that found a part of a value has found the value, of which the rest tells too.
        return whole if masked == whole else f"{mask(name)}: {MASKED}" if name else MASKED
    half = SHOWN_FIELD // 2
    return f"{masked[:half].rstrip()} … {masked[-half:].lstrip()}"


def _reasons(result: Result, hidden: bool, mask: Mask) -> list[str]:
    """Gates and errors; what the evaluators missed, by their names (their words may quote). Of a
    sensitive row's gates the names alone, since their details may quote too."""
    reasons = [f"error {result['error']['code']}"] if result["error"] else []
    for step in result["route"]:
        gates = [gate.partition(" ")[0] if hidden else mask(gate) for gate in step["failed"]]
        reasons += [f"{step['tier']}: {gate}" for gate in gates]
    missed = [
        name
        for name, score in result["scores"].items()
        if score is not None and score < 1 and name != FIRST_TRY
    ]
    return [*reasons, f"below 1: {', '.join(missed)}"] if missed else reasons
