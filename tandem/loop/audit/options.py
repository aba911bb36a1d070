"""Every limit of an audit, with its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo


@dataclass(frozen=True)
class Options:
    """How a log is read and grouped.

    Parameters
    ----------
    currency: of the report's sums, three letters; rows in others are counted and not summed.
    timezone: of timestamps that name none; None: they are taken as UTC, and must not be mixed with
        timestamps that name one.
    decimal: the sign before decimals, "." or ","; empty: each log tells.
    columns: our field to the log's (dots go into nested objects); see tandem/loop/audit/mapped.py.
    min_rows: a workload with fewer rows goes into "other", and no word stands in a name that is in
        fewer rows.
    rest_sample: rows kept of those without a system prompt.
    prompt_sample: rows kept of each system prompt.
    most_kept: rows kept in all; the samples shrink where there are more prompts.
    most_prompts: system prompts told apart at a time; rare ones join the rest.
    profiled: rows of each system prompt that are embedded, at most.
    most_profiled: rows embedded in all for system prompts.
    most_clusters: clusters of the rows without a system prompt (or of one prompt), at most.
    line_bytes: a longer line is not read.
    kept_chars: of a longer text its beginning and end are kept.
    looked_chars: so many characters of a prompt, all its turns together, are searched for personal
        and secret data; what the user said last comes first.
    target, confidence: what a calibration should promise, for the rows that it takes.
    seed: draws the samples.
    """

    currency: str = "USD"
    timezone: tzinfo | None = None
    decimal: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    min_rows: int = 20
    rest_sample: int = 1000
    prompt_sample: int = 400
    most_kept: int = 20_000
    most_prompts: int = 1000
    profiled: int = 40
    most_profiled: int = 2000
    most_clusters: int = 12
    line_bytes: int = 4_000_000
    kept_chars: int = 4000
    looked_chars: int = 20_000
    target: float = 0.9
    confidence: float = 0.9
    seed: int = 20_261_124
