"""A log of LLM calls with known truth, made of public data sets: for bench/audit.py.

Eight workloads, and rare ones, as a company has them: some with a system prompt, some with a
template that names a date, some with none. Latencies, prices and arrivals are drawn, seeded.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

SEED: Final = 20_261_124
START: Final = datetime(2026, 11, 2, 8, tzinfo=UTC)
Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """One workload: its data set, its true task, its system prompt, the model, how it arrives."""

    name: str
    file: str
    task: str
    system: str
    model: str
    rows: int
    output_tokens: int
    batch: bool = False


SOURCES: Final = (
    Source(
        "news",
        "headlines",
        "sentiment",
        "You label news about gold. Say whether the headline says that the price went up, down, "
        "or neither. Answer with one word: up, down, neutral or none. Today is {date}.",
        "gpt-4o-2024-08-06",
        2000,
        2,
        batch=True,
    ),
    Source(
        "support intents",
        "banking77",
        "document_classification",
        "Classify the customer's message into exactly one of the bank's 77 intents (card_arrival, "
        "top_up_failed, exchange_rate...). Answer with the label only.",
        "gpt-4o",
        1500,
        6,
    ),
    Source("reviews", "sst2", "sentiment", "", "gpt-4o-mini", 700, 3),
    Source(
        "staff questions",
        "handbook_faq",
        "faq",
        "You answer questions of our staff from the employee handbook. Quote the passage that "
        "you rely on. If the handbook does not say, say so.",
        "gpt-4o",
        400,
        90,
    ),
    Source("chat", "banking77", "support_reply", "", "gpt-4o-mini", 500, 60),
    Source("sums", "gsm8k", "reasoning", "", "gpt-4o", 600, 160),
    Source(
        "receipts",
        "sroie",
        "extraction",
        "Extract company, date, address and total from the receipt's text. Answer in JSON with "
        "these four fields and nothing else.",
        "gpt-4o-2024-08-06",
        300,
        70,
    ),
    Source(
        "letters",
        "pii",
        "draft",
        "Rewrite the text as a short, polite message to the customer. Keep every name, number "
        "and address as it is.",
        "gpt-4o",
        1000,
        60,
    ),
)
OTHERS: Final = 12
"""Rows under system prompts of their own: too few for a workload."""


def log_rows(folder: Path, seed: int = SEED) -> list[Row]:
    """The rows in the order of time: a record of the log under `record`, its truth beside it."""
    rows = [row for source in SOURCES for row in _of(source, folder, seed)]
    rows += list(_rare(seed))
    rows.sort(key=lambda row: str(row["record"]["timestamp"]))
    return rows


def grown(rows: list[Row], n: int) -> Iterator[Row]:
    """`n` rows: the same again and again, each time with another number in the text and later."""
    for at in range(n):
        turn, place = divmod(at, len(rows))
        row = rows[place]
        if turn == 0:
            yield row
            continue
        record = json.loads(json.dumps(row["record"]))
        record["request"]["messages"][-1]["content"] += f" ({turn})"
        moment = datetime.fromisoformat(record["timestamp"]) + timedelta(days=14 * turn)
        record["timestamp"] = moment.isoformat()
        yield {**row, "record": record}


def _of(source: Source, folder: Path, seed: int) -> Iterator[Row]:
    draw = random.Random(f"{seed} {source.name}")
    lines = (folder / f"{source.file}.jsonl").read_text(encoding="utf-8").splitlines()
    data = [json.loads(line) for line in lines if line]
    draw.shuffle(data)
    moment = START
    for at in range(source.rows):
        seconds = 0.3 + 0.012 * source.output_tokens * draw.uniform(0.7, 1.6)
        gap = seconds + draw.uniform(0.0, 0.2) if source.batch else draw.expovariate(1 / 400)
        moment += timedelta(seconds=gap + (2.0 if source.batch else 0.0) * (at % 50 == 0))
        given = data[at % len(data)]
        yield {
            "record": _record(source, given["input"], moment, seconds, draw),
            "workload": source.name,
            "task": source.task,
            "sensitive": _sensitive(source, given),
        }


def _record(
    source: Source, text: str, moment: datetime, seconds: float, draw: random.Random
) -> Row:
    messages = [{"role": "user", "content": text}]
    if source.system:
        system = source.system.format(date=f"{moment:%Y-%m-%d}")
        messages.insert(0, {"role": "system", "content": system})
    tokens = len(text + source.system) // 4 + 8
    output = max(1, round(source.output_tokens * draw.uniform(0.6, 1.4)))
    return {
        "timestamp": moment.isoformat(),
        "seconds": round(seconds, 3),
        "request": {"model": source.model, "messages": messages},
        "response": {
            "model": source.model,
            "usage": {"prompt_tokens": tokens, "completion_tokens": output},
        },
    }


def _sensitive(source: Source, given: Row) -> bool | None:
    """Whether it is personal by its labels; None: the set has none."""
    if source.file == "pii":
        return any(span["type"] in PERSONAL for span in given["expected"])
    return None


PERSONAL: Final = frozenset(
    {
        *("CREDIT_CARD", "IBAN_CODE", "US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER"),
        *("ADDRESS", "STREET_ADDRESS", "ZIP_CODE"),
    }
)
"""Labelled types that Tandem's contract calls personal; names alone are none."""


def _rare(seed: int) -> Iterator[Row]:
    draw = random.Random(f"{seed} rare")
    for at in range(OTHERS):
        word = "abcdefghijkl"[at]
        source = Source("rare", "", "reasoning", f"You are helper {word}.", "gpt-4o", 1, 40)
        moment = START + timedelta(hours=at)
        yield {
            "record": _record(source, f"What does paragraph {word} say?", moment, 1.0, draw),
            "workload": "rare",
            "task": "reasoning",
            "sensitive": None,
        }
