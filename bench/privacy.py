"""What the detector finds, what it finds where there is nothing, and how long that takes.

    python bench/privacy.py [--labelled PII.jsonl] [--questions BANKING.jsonl] [--pages FOLDER]

The committed rows (evals/datasets/sensitive_own.jsonl, and banking questions as negatives) are
always measured. PII.jsonl has `input` and `expected` (spans with a `type`) a line, as
microsoft/presidio-research makes them; FOLDER holds Markdown pages. A labelled span is found where
a finding of its group touches it; a finding is right where it touches such a span. presidio
and detect-secrets are measured beside it where they are installed (`pip install presidio-analyzer
en-core-web-sm detect-secrets`).
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import machine, print_json, seconds, table
from privacy_others import Find, Found, others

from tandem.privacy.detectors import Detector

DATASETS = Path(__file__).parents[1] / "evals" / "datasets"
GROUPS = {
    "ADDRESS": "address",
    "BANK_ACCOUNT": "account",
    "BIRTH_DATE": "birth date",
    "CREDIT_CARD": "card",
    "DATE_TIME": "date",
    "EMAIL": "email",
    "EMAIL_ADDRESS": "email",
    "FINANCIAL": "financial",
    "GPE": "place",
    "HEALTH": "health",
    "IBAN": "iban",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "LOCATION": "place",
    "PAYMENT_CARD": "card",
    "PERSON": "person",
    "PHONE": "phone",
    "PHONE_NUMBER": "phone",
    "STREET_ADDRESS": "address",
    "ZIP_CODE": "address",
}
"""Types of the sets and of the detectors that mean the same."""
SECRETS = frozenset(
    {"API_KEY", "BEARER_TOKEN", "JWT", "PASSWORD", "PRIVATE_KEY", "URL_PASSWORD", "WEBHOOK"}
)
NO_TYPE = frozenset({"AGE", "DOMAIN_NAME", "NRP", "ORGANIZATION", "PREFIX", "TITLE"})
"""Labels that no contract speaks of."""
BLOCKING = frozenset(
    {"account", "address", "birth date", "card", "email", "financial", "health", "iban"}
    | {"national", "phone", "secret"}
)
ROUNDS = 3


def group_of(kind: str) -> str:
    if kind in SECRETS:
        return "secret"
    return GROUPS.get(kind, "national")


def tandem() -> Find:
    detector = Detector()

    def find(text: str) -> Iterator[Found]:
        for one in detector(text):
            group = group_of(one.type)
            yield Found(group, one.start, one.end, one.sensitivity in ("personal", "secret"))

    return find


def read_rows(path: Path, most: int | None = None) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file][:most]


def labels(row: Mapping[str, Any]) -> list[Found]:
    named = (one for one in row["expected"] if one["type"] not in NO_TYPE)
    made = []
    for one in named:
        group = group_of(one["type"])
        made.append(Found(group, one["start"], one["end"], group in BLOCKING))
    return made


def touches(one: Found, many: Sequence[Found], *, any_group: bool = False) -> bool:
    return any(
        one.start < other.end and other.start < one.end and (any_group or one.group == other.group)
        for other in many
    )


def by_group(rows: Sequence[Mapping[str, Any]], find: Find) -> dict[str, dict[str, float]]:
    """Recall and precision of each group; `whole text`: whether it would be kept back."""
    found, all_of, right, made = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        meant, got = labels(row), list(find(row["input"]))
        for label in meant:
            all_of[label.group] += 1
            found[label.group] += touches(label, got)
        for one in got:
            made[one.group] += 1
            right[one.group] += touches(one, meant)
        must, does = any(one.blocks for one in meant), any(one.blocks for one in got)
        all_of["whole text"] += must
        found["whole text"] += must and does
        made["whole text"] += does
        right["whole text"] += must and does
    return {
        group: {
            "found": found[group],
            "of": all_of[group],
            "recall": found[group] / all_of[group] if all_of[group] else float("nan"),
            "precision": right[group] / made[group] if made[group] else float("nan"),
        }
        for group in sorted(all_of | made, key=lambda name: (name == "whole text", name))
    }


def on_nothing(texts: Sequence[str], find: Find) -> dict[str, float]:
    """In how many of `texts` each group is found, and how many would be kept back."""
    count: Counter[str] = Counter()
    for text in texts:
        got = list(find(text))
        count.update({one.group for one in got})
        count["would block"] += any(one.blocks for one in got)
    return {"texts": len(texts), **dict(sorted(count.items()))}


def milliseconds(texts: Sequence[str], find: Find) -> float:
    """For 100 words."""

    def work() -> None:
        for text in texts:
            list(find(text))

    words = sum(len(text.split()) for text in texts)
    return statistics.median(seconds(work) for _ in range(ROUNDS)) * 1e5 / words


def paragraphs(folder: Path) -> list[str]:
    pages = sorted(folder.rglob("*.md"))
    return [
        part for page in pages for part in page.read_text("utf-8").split("\n\n") if part.strip()
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--labelled", type=Path, help="rows with labelled spans")
    options.add_argument("--questions", type=Path, help="rows without anything sensitive")
    options.add_argument("--pages", type=Path, help="a folder of Markdown pages")
    options.add_argument("--most", type=int, help="rows of each set")
    chosen = options.parse_args()
    sets = {"own": read_rows(DATASETS / "sensitive_own.jsonl", chosen.most)}
    if chosen.labelled:
        sets["labelled"] = read_rows(chosen.labelled, chosen.most)
    questions = read_rows(chosen.questions or DATASETS / "banking77.jsonl", chosen.most)
    nothing = {"questions": [_text(row) for row in questions]}
    if chosen.pages:
        nothing["pages"] = paragraphs(chosen.pages)[: chosen.most]
    figures: dict[str, Any] = {"machine": machine()}
    for name, find in {"tandem": tandem(), **others()}.items():
        figures[name] = {
            **{title: by_group(rows, find) for title, rows in sets.items()},
            "nothing": {title: on_nothing(texts, find) for title, texts in nothing.items()},
            "ms_per_100_words": milliseconds(nothing["questions"][:300], find),
        }
        for title in sets:
            print(table(f"{name}: {title}", figures[name][title], 2), end="\n\n")
        print(table(f"{name}: nothing there", figures[name]["nothing"], 0))
        print(f"{figures[name]['ms_per_100_words']:.2f} ms for 100 words\n")
    print_json(figures)


def _text(row: Mapping[str, Any]) -> str:
    text = row["input"]
    return text if isinstance(text, str) else str(text["text"])


if __name__ == "__main__":
    main()
