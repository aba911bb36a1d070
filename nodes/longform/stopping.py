"""What is said of a text that time ran out for: how to get more of it, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tandem.errors import DeadlineExceeded
from tandem.records import Decision, ErrorInfo

MORE_TIME: Final = (
    'Give a long text more time: deadline_ms with latency = "async" (--deadline-ms 1800000), or '
    "limits.deadline_s."
)
OUT_OF_TIME: Final = (
    "time was up with {done} of {planned} sections written; they are kept in the draft. To go on, "
    'send it back as an earlier answer and say "continue" (tandem ask REQUEST --continue FILE, '
    "FILE being the answer as --json > FILE keeps it). " + MORE_TIME[0].lower() + MORE_TIME[1:]
)


def remedied(error: ErrorInfo) -> ErrorInfo:
    """`error`, with the way out where time ran out before anything was written."""
    return {**error, "remedy": MORE_TIME} if error["code"] == DeadlineExceeded.code else error


def told(decision: Decision, output: Mapping[str, Any]) -> Decision:
    """The decision with what is said of a text that stopped for want of time."""
    done, missing = len(output["sections"]), len(output["missing"])
    said = OUT_OF_TIME.format(done=done, planned=done + missing)
    return {**decision, "reasons": [*decision["reasons"], said]}
