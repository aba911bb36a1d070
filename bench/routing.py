"""How well and how fast a request's task is found: the routing head against keyword rules, and
against the SLM reading alone.

Prints tables and, as its last line, JSON. `--slm N` lets the SLM read N held-out rows (a model
call each); `--sroie FILE` adds receipts, which may not be redistributed.

    python bench/routing.py [--head FILE] [--slm 150] [--sroie FILE] [--rounds 200]
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tandem.models.embeddings import OnnxMiniLM, fingerprint_of
from tandem.models.fetch import ensure
from tandem.models.tier import CallContext
from tandem.records import TASKS
from tandem.routing.features import head_text
from tandem.routing.head import OTHER, SHIPPED, TaskHead, check_embedding, load_head
from tandem.routing.reading import feasible_tasks, read_task
from tandem.services import Services
from tandem.settings import load
from tandem.stats import quantile, wilson

DATASETS: Final = Path(__file__).parent.parent / "evals/datasets"
SEED: Final = 20_261_124
LENGTHS: Final = (16, 64, 256, 512)
"""Tokens."""
Row = dict[str, Any]
Said = tuple[str, float]

KEYWORDS: Final = (
    (
        "contract_review",
        r"\b(contract|agreement|clause|nda|lease|party|vertrag|contrato|contrat)\b",
    ),
    ("research", r"\b(compare|sources?|studies|reports|which is longer|both numbers|the sum)\b"),
    ("longform", r"\b(essay|report|article|white paper|chapter|\d{4}.words?|pages)\b"),
    ("draft", r"\b(write|draft|compose|rewrite|email|message to|schreib|escribe|rédige)\b"),
    ("sentiment", r"\b(review|sentiment|positive|negative|mood|gold|good or bad)\b"),
    ("agent", r"\b(find|look up|get|book|calculate|convert|search|fetch|what is the weather)\b"),
    ("extraction", r"\b(extract|total|invoice number|gst)\b"),
    ("support_reply", r"\b(my|card|order|refund|account|charged|payment|top.?up)\b"),
    ("reasoning", r"\d.*\bhow (many|much|long)\b|\bhow (many|much)\b.*\d"),
    ("faq", r"^(what|who|how|where|when|which|can|do|is|are|why)\b|\?\s*$"),
)
"""An honest baseline: what one writes in ten minutes, first match wins."""


def rows_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def receipts(path: Path) -> list[Row]:
    """Receipts as requests, with the schema that asks for their fields, and without a word."""
    return [
        {
            "id": row["id"],
            "source": "sroie",
            "right": ["extraction"],
            "request": {"text": row["input"]} | ({"output_schema": "receipt"} if at % 2 else {}),
        }
        for at, row in enumerate(rows_of(path)[:60])
    ]


def by_keywords(request: Row) -> Said:
    if (fields := feasible_tasks(request, TASKS)) and len(fields) <= 2:  # type: ignore[arg-type]
        return fields[0], 1.0
    text = request["text"].lower()
    for task, pattern in KEYWORDS:
        if re.search(pattern, text, re.DOTALL):
            return task, 1.0
    return OTHER, 1.0


def by_head(head: TaskHead, embed: Callable[[str], Sequence[float]], request: Row) -> Said:
    """As nodes/find_task.py has it, without the SLM: fields, then the head."""
    fields = feasible_tasks(request, TASKS)  # type: ignore[arg-type]
    if len(fields) == 1:
        return fields[0], 1.0
    reading = head.read(request, embed(head_text(request)))  # type: ignore[arg-type]
    return reading.best(fields if len(fields) == 2 else ())


def by_slm(services: Services, request: Row) -> Said:
    """The SLM's reading alone, as before there was a head."""
    fields = feasible_tasks(request, TASKS)  # type: ignore[arg-type]
    if len(fields) <= 2:
        return fields[0], 1.0
    profile: Any = {"sensitivity": "none", "evidence": [], "task": "", "reasons": []}
    context = CallContext(profile=profile, deadline=time.time() + 120, purpose="classify")
    return read_task(request["text"], fields, services.tier("slm").bind(context))


def figures(rows: Sequence[Row], said: Sequence[Said]) -> dict[str, Any]:
    """Accuracy with its interval, all together and by the right task, and what was confused."""
    hits = [task in row["right"] for row, (task, _) in zip(rows, said, strict=True)]
    by_task: dict[str, list[bool]] = {}
    by_source: dict[str, list[bool]] = {}
    confused: Counter[str] = Counter()
    for row, (task, _), hit in zip(rows, said, hits, strict=True):
        by_task.setdefault(row["right"][0], []).append(hit)
        by_source.setdefault(row.get("source") or row["form"], []).append(hit)
        confused[f"{row['right'][0]} -> {task}"] += not hit
    return {
        "accuracy": _share(hits),
        "macro": sum(sum(one) / len(one) for one in by_task.values()) / len(by_task),
        "by_task": {name: _share(one) for name, one in sorted(by_task.items())},
        "by_source": {name: _share(one) for name, one in sorted(by_source.items())},
        "confused": {pair: n for pair, n in confused.most_common() if n},
    }


def _share(hits: Sequence[bool]) -> list[float]:
    return [round(one, 4) for one in wilson(sum(hits), len(hits))]


def sure(rows: Sequence[Row], said: Sequence[Said]) -> dict[str, list[float]]:
    """Share and accuracy of the rows at or above each confidence."""
    table = {}
    for least in (0.0, 0.3, 0.4, 0.5, 0.6, 0.8):
        hits = [
            task in row["right"] for row, (task, p) in zip(rows, said, strict=True) if p >= least
        ]
        table[f"{least:.1f}"] = [round(len(hits) / len(rows), 3), *_share(hits)]
    return table


def speeds(head: TaskHead, embeddings: OnnxMiniLM, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds on one thread, the embedding apart; every text is new to the cache."""
    words = [word for row in rows_of(DATASETS / "gsm8k.jsonl") for word in row["input"].split()]
    tokenizer = embeddings._load().tokenizer
    tokenizer.no_truncation()
    result = {}
    chance = random.Random(SEED)
    for length in LENGTHS:
        texts = [_of_length(tokenizer, words, length, chance) for _ in range(rounds)]
        took: dict[str, list[float]] = {"embedding": [], "head": []}
        for text in texts:
            request: Any = {"text": text}
            start = time.perf_counter()
            vector = embeddings.embed_query(head_text(request))
            between = time.perf_counter()
            head.read(request, vector)
            took["head"].append((time.perf_counter() - between) * 1000)
            took["embedding"].append((between - start) * 1000)
        result[str(length)] = {
            f"{part}_{name}_ms": round(quantile(times, share) or 0.0, 2)
            for part, times in took.items()
            for name, share in (("p50", 0.5), ("p99", 0.99))
        }
    tokenizer.enable_truncation(embeddings._max_tokens)
    return result


def _of_length(tokenizer: Any, words: list[str], tokens: int, chance: random.Random) -> str:
    chosen: list[str] = []
    at = chance.randrange(len(words) - tokens)
    while len(tokenizer.encode(" ".join(chosen)).ids) < tokens:
        chosen.append(words[at + len(chosen)])
    return " ".join(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--head", type=Path, default=SHIPPED)
    parser.add_argument("--slm", type=int, default=0, help="held-out rows that the SLM reads too")
    parser.add_argument("--sroie", type=Path, help="receipts, one a line")
    parser.add_argument("--rounds", type=int, default=200, help="texts a length")
    args = parser.parse_args()
    settings = load(None)
    embeddings = OnnxMiniLM(
        ensure(settings.embeddings.model, settings),
        ensure(f"{settings.embeddings.model}-tokenizer", settings),
    )
    head = load_head(args.head)
    check_embedding(head, args.head, fingerprint_of(embeddings))
    sets = {name: rows_of(DATASETS / f"routing_{name}.jsonl") for name in ("held_out", "own")}
    if args.sroie:
        sets["sroie"] = receipts(args.sroie)
    result: dict[str, Any] = {}
    for name, rows in sets.items():
        said = [by_head(head, embeddings.embed_query, row["request"]) for row in rows]
        keywords = [by_keywords(row["request"]) for row in rows]
        result[name] = {
            "head": figures(rows, said),
            "keywords": figures(rows, keywords),
            "sure": sure(rows, said),
        }
    if args.slm:
        result["sample"] = _sample(settings, head, embeddings, sets, args.slm)
    result["speed"] = speeds(head, embeddings, args.rounds)
    _print(result)
    print(json.dumps(result))


def _sample(
    settings: Any, head: TaskHead, embeddings: OnnxMiniLM, sets: dict[str, list[Row]], n: int
) -> dict[str, Any]:
    """The same seeded rows read by each."""
    chance, services = random.Random(SEED), Services(settings)
    result = {}
    for name, share in (("held_out", 2 / 3), ("own", 1 / 3)):
        rows = chance.sample(sets[name], min(round(n * share), len(sets[name])))
        slm = [by_slm(services, row["request"]) for row in rows]
        seen = [by_head(head, embeddings.embed_query, row["request"]) for row in rows]
        result[name] = {
            "slm": figures(rows, slm),
            "head": figures(rows, seen),
            "keywords": figures(rows, [by_keywords(row["request"]) for row in rows]),
            "rows": [
                [row["right"], list(one), list(other)]
                for row, one, other in zip(rows, slm, seen, strict=True)
            ],
        }
    services.close()
    return result


def _print(result: dict[str, Any]) -> None:
    for name, each in result.items():
        if name == "speed":
            for length, took in each.items():
                print(f"{length:>4} tokens  " + "  ".join(f"{k} {v}" for k, v in took.items()))
            continue
        for who, one in each.items():
            if "accuracy" in one:
                _told(f"{name}, {who}", one)
        for part in each.values():
            for who in ("slm", "head", "keywords"):
                if isinstance(part, dict) and isinstance(part.get(who), dict):
                    _told(f"{name}, {who}", part[who])
        if "sure" in each:
            print("  least confidence: share, accuracy ", each["sure"])


def _told(title: str, one: dict[str, Any]) -> None:
    mean, low, high, n = one["accuracy"]
    print(f"\n{title}: {mean:.3f} [{low:.3f}, {high:.3f}] of {n:.0f}, macro {one['macro']:.3f}")
    for part in ("by_task", "by_source"):
        print("  " + ", ".join(f"{k} {v[0]:.2f} ({v[3]:.0f})" for k, v in one[part].items()))
    print("  " + ", ".join(f"{pair} {n}" for pair, n in list(one["confused"].items())[:12]))


if __name__ == "__main__":
    main()
