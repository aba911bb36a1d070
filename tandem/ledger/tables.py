"""The ledger's tables: a row a run, a row an attempt. No column but three may hold request text.

Times are Unix seconds, durations seconds, money in the run's `currency`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION: Final = 5
"""Raised with every change of the tables. Older ledgers get the tables and indexes that they lack,
from OLDEST_VERSION on; others are not opened."""
OLDEST_VERSION: Final = 1

metadata: Final = MetaData()

schema: Final = Table(
    "tandem_schema",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

runs: Final = Table(
    "tandem_runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("parent_run_id", String(64)),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    Column("status", String(16), nullable=False),
    Column("tenant", String(255), nullable=False, default=""),
    Column("task", String(255), nullable=False, default=""),
    Column("task_confidence", Float),
    Column("complexity", Float),
    Column("sensitivity", String(16)),
    Column("evidence", JSON(none_as_null=True)),
    Column("latency", String(16)),
    Column("deadline_ms", Integer),
    Column("quality", Float),
    Column("node", String(255), nullable=False, default=""),
    Column("first_tier", String(8)),
    Column("may_escalate", Boolean),
    Column("reasons", JSON, nullable=False),
    Column("tier", String(8)),
    Column("model", String(255), nullable=False, default=""),
    Column("cost", Float),
    Column("all_llm_cost", Float),
    Column("all_llm_estimated", Boolean),
    Column("seconds", Float),
    Column("error_code", String(64)),
    Column("error_what", Text),
    Column("currency", String(16), nullable=False),
    Column("request", JSON(none_as_null=True)),
    Index("tandem_runs_started", "started"),
    Index("tandem_runs_parent", "parent_run_id"),
    Index("tandem_runs_task", "task", "started"),
)
"""`status` is running until the run is finished. `tier` and `model` are who answered. `request` is
the whole Request, and only where the setting ledger.texts keeps it."""

attempts: Final = Table(
    "tandem_attempts",
    metadata,
    # Attempt ids are unique in their run.
    Column("run_id", String(64), ForeignKey("tandem_runs.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("purpose", String(16), nullable=False, default="answer"),
    Column("tier", String(8), nullable=False),
    Column("model", String(255), nullable=False),
    Column("finish", String(8), nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("cost", Float, nullable=False),
    Column("signals", JSON, nullable=False),
    Column("error_code", String(64)),
    Column("error_what", Text),
    Column("accepted", Boolean),
    Column("score", Float),
    Column("threshold", Float),
    Column("failed", JSON(none_as_null=True)),
    Column("output", JSON(none_as_null=True)),
)
"""`accepted`, `score`, `threshold` and `failed` are the verdict's, empty where there was none.
`output` is kept only where the run's `request` is."""

feedback: Final = Table(
    "tandem_feedback",
    metadata,
    Column("run_id", String(64), ForeignKey("tandem_runs.id"), primary_key=True),
    Column("given", Float, nullable=False),
    Column("correct", Boolean, nullable=False),
    Column("value", JSON(none_as_null=True)),
)
"""What people said of answers (since version 2). `value`, the right output, is kept only where the
run's `request` is."""

spend: Final = Table(
    "tandem_spend",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("currency", String(16), primary_key=True),
    Column("tenant", String(255), primary_key=True),
    Column("cost", Float, nullable=False),
)
"""What was spent in a UTC day (days since 1970), by the time that attempts ended (since version 3).
Written with each attempt, in one transaction: today's sum over the attempts themselves took 0.4 s
where a day had 100,000 runs."""

shadow: Final = Table(
    "tandem_shadow",
    metadata,
    Column("run_id", String(64), ForeignKey("tandem_runs.id"), primary_key=True),
    Column("ended", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("agreed", Boolean),
    Column("model", String(255), nullable=False, default=""),
    Column("output_sum", String(64), nullable=False, default=""),
    Column("cost", Float, nullable=False),
    Column("currency", String(16), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("error_code", String(64)),
    Index("tandem_shadow_ended", "ended"),
)
"""What the LLM said of answers accepted without it (since version 4): drawn with `probability`,
whether it agreed, and a hash of its output, never the output. It is no part of the run's cost."""

effects: Final = Table(
    "tandem_effects",
    metadata,
    # A step has its side effect once in its run, whoever works at it.
    Column("run_id", String(64), ForeignKey("tandem_runs.id"), primary_key=True),
    Column("step_id", String(64), primary_key=True),
    Column("tool", String(255), nullable=False),
    Column("arguments_sum", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("claims", Integer, nullable=False),
    Column("asked", Float, nullable=False),
    Column("claimed", Float),
    Column("ended", Float),
    Column("result", LargeBinary),
    Column("error_what", Text),
)
"""Steps with side effects (since version 5): see effects.py. `arguments_sum` is a hash. `result` is
sealed with the key of the checkpoints, where there is one, and empty once the run has ended."""

kept_runs: Final = Table(
    "tandem_kept_runs",
    metadata,
    Column("run_id", String(64), ForeignKey("tandem_runs.id"), primary_key=True),
    Column("thread_id", String(255), nullable=False),
    Column("kept", Float, nullable=False),
    Column("worked", Float, nullable=False, default=0.0),
    Column("forked_from", String(64)),
    Column("forked_at", String(64)),
    Index("tandem_kept_runs_thread", "thread_id"),
)
"""Runs that have checkpoints (since version 5), by which they can go on in another process.
`worked` are the seconds before the last pause, without what they waited."""
