"""What speaks for and against one field of an extraction, as numbers for a score.

Cheap views of the field that do not share the model's errors: how sure its tokens were, what
regular expressions over the document say, where in the document the value stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from tandem.quality.dates import find_dates
from tandem.quality.field_signals import FIELD_LOGPROB
from tandem.quality.second_view import (
    DATE_FIELDS,
    date_candidates,
    total_candidates,
    written_amounts,
)
from tandem.quality.sellers import SELLERS, is_no_seller
from tandem.quality.totals import TOTAL
from tandem.quality.values import compact, decimal_mark, parse_number

Features = dict[str, float]
MAX_AMOUNTS: Final = 5
"""More amounts above a value tell no more."""


def field_features(
    name: str, output: Mapping[str, Any], source: str, signals: Mapping[str, float]
) -> Features:
    """The features of the field `name`. A field without a log-probability of its own gets
    the answer's least one, and an indicator.

    Log-probabilities in nats, lengths as natural logarithms of characters, the rest 0 to 1 but
    `amounts_above`, a count. What is the same for all fields of an answer (its mean
    log-probability, the document's length) is left out: on 86 receipts' companies it only cost.
    """
    value, logprob = output.get(name), signals.get(f"{FIELD_LOGPROB}{name}")
    absent = value is None or value == ""
    features = {
        "logprob": signals.get("min_logprob", 0.0) if logprob is None else logprob,
        "no_logprob": float(logprob is None),
        "absent": float(absent),
        "length": math.log1p(0 if absent else len(str(value))),
    }
    if absent:
        return features
    return features | _second_view(name, value, source) | _place(value, source)


def _second_view(name: str, value: Any, source: str) -> Features:
    if name in TOTAL:
        return _ranked(parse_number(str(value)), total_candidates(source)) | _above(value, source)
    if name in DATE_FIELDS:
        found = find_dates(str(value))
        return _ranked(found[0].readings[0] if found else None, date_candidates(source))
    if name in SELLERS and isinstance(value, str):
        return {"no_seller": float(is_no_seller(value, source))}
    return {}


def _ranked(value: Any, candidates: list[Any]) -> Features:
    """Whether the value is what the regular expressions see first, or see at all."""
    return {
        "seen_first": float(value in candidates[:1]),
        "seen": float(value in candidates),
        "nothing_seen": float(not candidates),
        "rivals": float(len(candidates) > 1),
    }


def _above(value: Any, source: str) -> Features:
    mark, number = decimal_mark(source) or ".", parse_number(str(value))
    amounts = [parse_number(text, mark) for text in written_amounts(source)]
    above = sum(one is not None and number is not None and one > number for one in amounts)
    return {"amounts_above": float(min(above, MAX_AMOUNTS))}


def _place(value: Any, source: str) -> Features:
    """Where a text stands: `place` of its first line (0 the document's head, 1 its foot), and
    whether it fills whole lines; models that stop early leave a line's end behind."""
    wanted = compact(str(value)).text
    if not isinstance(value, str) or not wanted:
        return {}
    lines = [compact(line).text for line in source.splitlines() if line.strip()]
    starts = [at for at, line in enumerate(lines) if wanted.startswith(line) and line]
    inside = [at for at, line in enumerate(lines) if wanted in line]
    first = min(starts + inside, default=len(lines))
    return {
        "place": first / max(len(lines), 1),
        "starts_a_line": float(bool(starts)),
        "ends_a_line": float(any(line and wanted.endswith(line) for line in lines)),
        "lines": float(sum(1 for line in lines if line and line in wanted)),
    }
