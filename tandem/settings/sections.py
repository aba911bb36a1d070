"""The sections on tasks, files, knowledge, ledger and limits."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from tandem.records import TierName
from tandem.settings.base import Section
from tandem.settings.calibration import Escalation


class TaskSettings(Section):
    """Per task: models of its own in place of the tiers' ones, and limits."""

    slm: str = ""
    llm: str = ""
    max_tokens: int | None = Field(default=None, ge=1, le=32_768)
    min_margin: float | None = Field(default=None, ge=0, le=1)
    quality: float | None = Field(default=None, ge=0, le=1)
    first_tier: TierName | None = None
    escalation: Escalation | None = None
    error_price: float | None = Field(default=None, ge=0)
    """What a wrong answer costs, in `currency`; for escalation = "cost"."""


class Cache(Section):
    """Where models lie."""

    dir: str = ""
    """Models and running servers; empty: the user's cache directory, or TANDEM_CACHE."""


class EmbeddingSettings(Section):
    """The embedding model."""

    backend: Literal["onnx", "huggingface"] = "onnx"
    model: str = "all-minilm-l6-v2"
    threads: int = Field(default=1, ge=1, le=64)
    cached_texts: int = Field(default=1024, ge=0)


class KnowledgeSettings(Section):
    """The knowledge base."""

    folder: str = ""
    """Markdown, text and PDF files; relative to the settings file."""
    index_dir: str = ".tandem/index"
    chunk_words: int = Field(default=120, ge=20, le=2000)
    top_k: int = Field(default=3, ge=1, le=50)
    min_score: float = Field(default=0.45, ge=-1, le=1)
    """Least cosine of the best chunk; below it the answer is "not in the knowledge base"."""


class LedgerSettings(Section):
    """The ledger."""

    url: str = ""
    """SQLAlchemy URL; empty: sqlite in .tandem/ledger.sqlite beside the settings file."""
    texts: Literal["none", "sampled", "all"] = "none"
    sample_share: float = Field(default=0.05, ge=0, le=1)


class Limits(Section):
    """Bounds on input, time and effort."""

    model_config = ConfigDict(allow_inf_nan=False)

    text_chars: int = Field(default=200_000, ge=1)
    documents: int = Field(default=50, ge=0)
    document_bytes: int = Field(default=20_000_000, ge=1)
    labels: int = Field(default=200, ge=2)
    examples: int = Field(default=50, ge=0)
    schema_chars: int = Field(default=50_000, ge=2)
    deadline_s: float = Field(default=300.0, gt=0)
    """For requests that declare none."""
    max_deadline_ms: int = Field(default=86_400_000, ge=1, le=2**31 - 1)
    """The longest that a request may declare. The ledger's column holds 32 bits."""
    connect_s: float = Field(default=5.0, gt=0)
    retries: int = Field(default=1, ge=0, le=10)
    breaker_failures: int = Field(default=5, ge=1)
    breaker_reset_s: float = Field(default=30.0, gt=0)
    agent_steps: int = Field(default=6, ge=1, le=6)
    """Most steps that an agent's run carries out. A plan has at most six
    (nodes/agent/plan_schema.py)."""
    agent_tokens: int = Field(default=60_000, ge=1)
    """Tokens of an agent's own model calls after which no further step begins."""
    agent_cost: float = Field(default=1.0, gt=0)
    """In `currency`: cost of an agent's run, delegated work included, after which no further step
    begins."""
    agent_seconds: float = Field(default=240.0, gt=0)
    """Seconds that an agent's steps may take; at most 0.8 of the deadline, so that there is time
    left for the answer."""
    tool_seconds: float = Field(default=120.0, gt=0)
    tool_chars: int = Field(default=20_000, ge=100)
    recursion: int = Field(default=40, ge=30, le=1000)
    """The longest way, an agent whose two plans have six steps in all, each after the other, takes
    21 steps."""
    idle_minutes: float = Field(default=15.0, gt=0)
    """An embedded server that nobody used for so long ends."""
    start_s: float = Field(default=120.0, gt=0)
    """How long an embedded server may take to start."""
    concurrency: int = Field(default=16, ge=1, le=1000)
    """Requests that one process works on at a time (async calls, `tandem run --jobs`)."""
