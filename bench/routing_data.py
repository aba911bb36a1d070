"""Make the labelled requests that the shipped routing head is trained on, and its held-out set.

Training rows come from the phrasings in evals/datasets/routing_phrasings.toml, filled from the
published sets in DATA; held-out rows are rows of the same sets, as they stand, whose ids hash into
another fifth, and questions that no phrasing was made from. Seeded: the same data, the same rows.

    python bench/routing_data.py DATA --train train.jsonl [--held-out held_out.jsonl]
    python bench/routing_data.py DATA --outcomes outcomes.jsonl --results RESULTS [RESULTS ...]

The second form makes the rows that the complexity is trained on: whether the SLM's own answer was
right, by the results of evaluations under the policy slm_only.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tandem.evals.case import digest
from tandem.evals.loading import load_cases

PHRASINGS: Final = Path(__file__).parent.parent / "evals/datasets/routing_phrasings.toml"
SEED: Final = 20_261_124
ROWS: Final = 380
"""Training rows a task, before those of fields."""
RIGHT: Final = 0.999
"""An answer that is right in parts is not right."""
HELD_OUT: Final = {"banking77": 170, "headlines": 140, "gsm8k": 110, "bfcl": 110, "contracts": 40}
MOODS: Final = (
    ["positive", "negative"],
    ["positive", "neutral", "negative"],
    ["good", "bad"],
    ["up", "down", "none", "neutral"],
    ["up", "down"],
    ["favourable", "unfavourable"],
    ["praise", "criticism", "neither"],
    ["very negative", "negative", "neutral", "positive", "very positive"],
    ["angry", "sad", "joyful"],
    ["satisfied", "dissatisfied"],
    ["rising", "falling", "flat"],
    ["optimistic", "pessimistic"],
)
TOPICS: Final = (
    ["invoice", "contract", "letter"],
    ["sales", "support", "billing"],
    ["urgent", "can wait"],
    ["sports", "politics", "economy", "culture"],
    ["spam", "not spam"],
    ["refund", "exchange", "repair", "question"],
    ["bug", "feature request", "documentation"],
    ["private", "business"],
    ["travel", "payroll", "equipment", "leave"],
    ["termination", "payment", "liability", "confidentiality"],
)
Row = dict[str, Any]


class Source:
    """The published sets, each in a training part and a held-out part (a fifth, by hash of id)."""

    def __init__(self, data: Path) -> None:
        self.data: Final = data

    def rows(self, name: str, held_out: bool) -> list[Row]:
        lines = (self.data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = sorted(map(json.loads, lines), key=lambda row: digest(row["id"]))
        return [row for row in rows if _in_held_out(row.get("group", row["id"])) == held_out]

    def headings(self) -> list[str]:
        """Headings of the handbook that are no questions."""
        found: set[str] = set()
        for page in sorted((self.data / "handbook").glob("*.md")):
            for line in page.read_text(encoding="utf-8").splitlines():
                heading = re.fullmatch(r"#{1,4}\s+([\w][\w ,&-]{3,40})", line)
                if heading and len(heading[1].split()) < 6:
                    found.add(heading[1].strip().lower())
        return sorted(found)


def _in_held_out(name: str) -> bool:
    return int(digest(f"routing {name}")[:8], 16) % 5 == 0


def text_of(row: Row) -> str:
    """The request that a row of a published set is."""
    given = row["input"]
    if isinstance(given, list):
        return str(given[0][-1]["content"])
    return re.sub(r"^Q: |\s*\nA:$", "", str(given))


def training_rows(data: Path) -> Iterator[Row]:
    """Labelled requests: the phrasings filled, rows as they stand, and requests with fields."""
    source, chance = Source(data), random.Random(SEED)
    phrasings = tomllib.loads(PHRASINGS.read_text(encoding="utf-8"))
    slots = _slots(phrasings.pop("slots"), source, chance)
    for task, texts in phrasings.items():
        templates = [*texts["en"], *texts["more"]]
        for number in range(ROWS):
            place = number % len(templates) if number < len(templates) else None
            at = chance.randrange(len(templates)) if place is None else place
            text = _filled(templates[at], slots, chance)
            yield {"text": _noisy(text, chance), "task": task, "group": f"{task} {at}"}
    yield from _plain(source)
    yield from _with_fields(source, slots, chance)
    yield from _with_documents(slots, chance)


def _slots(
    given: dict[str, list[str]], source: Source, chance: random.Random
) -> dict[str, Callable[[], str]]:
    hypotheses = json.loads((source.data / "contracts.hypotheses.json").read_text("utf-8"))
    contracts = [text_of(row) for row in source.rows("contracts", held_out=False)]

    def excerpt() -> str:
        text = chance.choice(contracts)
        start = chance.choice([0, chance.randrange(max(len(text) - 900, 1))])
        return text[start : start + chance.randrange(200, 1500)]

    texts = {
        **given,
        "headline": [text_of(row) for row in source.rows("headlines", held_out=False)],
        "message": [text_of(row) for row in source.rows("banking77", held_out=False)],
        "hypothesis": [one["hypothesis"] for one in hypotheses.values()],
        "heading": source.headings(),
    }
    slots: dict[str, Callable[[], str]] = {
        name: (lambda values=values: chance.choice(values))  # type: ignore[misc]
        for name, values in texts.items()
    }
    return {**slots, "contract_text": excerpt}


def _filled(template: str, slots: dict[str, Callable[[], str]], chance: random.Random) -> str:
    text = re.sub(r"\{(\w+)\}", lambda slot: slots[slot[1]](), template)
    return text[0].upper() + text[1:] if chance.random() < 0.9 else text


def _noisy(text: str, chance: random.Random) -> str:
    """Some rows in lower case, some with typos, some without their last mark."""
    draw = chance.random()
    if draw < 0.08:
        return text.lower()
    if draw < 0.14:
        return text.rstrip(".?!")
    if draw > 0.86:
        return _mistyped(text if chance.random() < 0.5 else text.lower(), chance)
    return text


def _mistyped(text: str, chance: random.Random) -> str:
    letters = list(text)
    for at in range(1, len(letters) - 1):
        if chance.random() < 0.05 and letters[at].isalpha() and letters[at + 1].isalpha():
            kind = chance.randrange(3)
            if kind == 0:
                letters[at], letters[at + 1] = letters[at + 1], letters[at]
            elif kind == 1:
                letters[at] = ""
            else:
                letters[at] *= 2
    return "".join(letters)


def _plain(source: Source) -> Iterator[Row]:
    kinds = {"banking77": "support_reply", "headlines": "sentiment", "gsm8k": "reasoning"}
    for name, task in {**kinds, "bfcl": "agent"}.items():
        rows = [row for row in source.rows(name, held_out=False) if _has_a_tool(row)]
        for row in rows[:250]:
            yield {"text": text_of(row), "task": task, "group": row["id"], "source": name}
    for row in _whole(source.rows("contracts", held_out=False))[:60]:
        text = text_of(row)
        yield {"text": text[:1500], "task": "contract_review", "group": row["id"]}


def _whole(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["task"] == "contract_review"]


def _has_a_tool(row: Row) -> bool:
    return row.get("kind") != "irrelevance"


def _with_fields(
    source: Source, slots: dict[str, Callable[[], str]], chance: random.Random
) -> Iterator[Row]:
    """Requests with labels: what these say decides between a mood and a category."""
    intents = sorted({row["expected"] for row in source.rows("banking77", held_out=False)})
    for number in range(200):
        moods, group = chance.choice(MOODS), f"labels {number}"
        text = slots[chance.choice(["review", "review", "headline", "message"])]()
        yield {"text": text, "labels": moods, "task": "sentiment", "group": group}
        topics = chance.choice([*TOPICS, *([chance.sample(intents, 10)] * 8)])
        text = slots[chance.choice(["message", "message", "text", "review", "contract_text"])]()
        yield {"text": text, "labels": topics, "task": "document_classification", "group": group}


def _with_documents(slots: dict[str, Callable[[], str]], chance: random.Random) -> Iterator[Row]:
    """Requests about documents, and documents without a word."""
    kinds: list[tuple[str, str, int, list[str]]] = [
        ("contract_review", "contract_text", 1, ["Please check this.", "Can we sign?", "Which risks do you see?", "Is {clause} in here?"]),  # noqa: E501
        ("contract_review", "contract_text", 1, [""]),
        ("research", "contract_text", 2, ["Compare the attached files.", "Where do these documents agree on {subject}?", "What do both say about {subject}?"]),  # noqa: E501
        ("support_reply", "message", 1, ["Answer the mail, please.", "", "What do we tell this customer?"]),  # noqa: E501
        ("sentiment", "review", 1, ["How does the writer feel?", "Positive or negative?", "Is this customer content?"]),  # noqa: E501
        ("extraction", "text", 1, ["Get {fields} from the file.", "", "Read the attached document and list {fields}."]),  # noqa: E501
        ("draft", "event", 1, ["Write the mail that the note asks for.", "Rewrite the attached text more politely."]),  # noqa: E501
        ("longform", "longtopic", 1, ["Write the long report that the outline describes.", "Expand the outline into a full essay."]),  # noqa: E501
    ]  # fmt: skip
    for task, slot, many, texts in kinds:
        for number in range(40):
            documents = [{"name": f"{at}.txt", "text": slots[slot]()} for at in range(many)]
            text = chance.choice(texts)
            filled = _filled(text, slots, chance) if text else ""
            group = f"documents {task} {text} {number % 4}"
            yield {"text": filled, "documents": documents, "task": task, "group": group}


def held_out_rows(data: Path) -> Iterator[Row]:
    """Rows of the published sets as they stand, with the task that each is."""
    source = Source(data)
    chosen = {name: _unlike_training(source, name) for name in HELD_OUT}
    intents = sorted({row["expected"] for row in source.rows("banking77", held_out=False)})
    tasks = {"headlines": "sentiment", "gsm8k": "reasoning", "bfcl": "agent"}
    for number, row in enumerate(chosen["banking77"][: HELD_OUT["banking77"]]):
        if number % 3:
            yield _case(row, "banking77", "support_reply")
            continue
        others = random.Random(row["id"]).sample(intents, 9)
        labels = sorted({*others, row["expected"]})
        yield _case(row, "banking77", "document_classification", labels=labels)
    for name, task in tasks.items():
        rows = [row for row in chosen[name] if _has_a_tool(row)][: HELD_OUT[name]]
        for number, row in enumerate(rows):
            moods = ["up", "down", "none", "neutral"]
            labels = {"labels": moods} if name == "headlines" and number % 3 == 0 else {}
            yield _case(row, name, task, **labels)
    for name, task in (("handbook_faq", "faq"), ("handbook_multi", "research")):
        for row in source.rows(name, held_out=True) + source.rows(name, held_out=False):
            yield _case(row, name, task)
    yield from _contracts(chosen["contracts"])


def _unlike_training(source: Source, name: str) -> list[Row]:
    """The held-out rows whose text is no training row's too (some sets hold a text twice)."""
    seen = {text_of(row) for row in source.rows(name, held_out=False)}
    if name == "contracts":  # one contract has many rows; the parts are split by contract
        return source.rows(name, held_out=True)
    return [row for row in source.rows(name, held_out=True) if text_of(row) not in seen]


def _contracts(rows: list[Row]) -> Iterator[Row]:
    for row in _whole(rows)[: HELD_OUT["contracts"]]:
        yield _case({**row, "input": text_of(row)[:1500]}, "contracts", "contract_review")


def _case(row: Row, source: str, task: str, **fields: Any) -> Row:
    request = {"text": text_of(row), **fields}
    return {"id": row["id"], "source": source, "right": [task], "request": request}


def outcome_rows(data: Path, files: list[Path], left_out: set[str]) -> Iterator[Row]:
    """Requests of evaluations, and whether the SLM's own answer to each was wrong."""
    results: dict[tuple[str, str], Row] = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if "first_try" in row["scores"] and row["suite"] not in left_out:
                results[row["suite"], row["id"]] = row
    for suite in sorted({suite for suite, _ in results}):
        for case in load_cases(suite, data).cases:
            result = results.get((suite, case["id"]))
            if result and not case["files"]:
                failed = result["scores"]["first_try"] < RIGHT
                fields = {**case["request"], "task": case["task"], "slm_failed": failed}
                yield {"id": case["id"], "group": case["id"], **fields}


def _write(path: Path, rows: Iterator[Row]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{path}: {len(lines)} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder of the published sets")
    parser.add_argument("--train", type=Path, help="where the training rows go")
    parser.add_argument("--held-out", type=Path, help="where the held-out rows go")
    parser.add_argument("--outcomes", type=Path, help="where the rows of outcomes go")
    parser.add_argument("--results", type=Path, nargs="*", default=[], help="results.jsonl files")
    parser.add_argument(
        "--leave-out", nargs="*", default=["sroie", "sst2"], help="suites that may not be shipped"
    )
    args = parser.parse_args()
    if args.train:
        _write(args.train, training_rows(args.data))
    if args.held_out:
        _write(args.held_out, held_out_rows(args.data))
    if args.outcomes:
        _write(args.outcomes, outcome_rows(args.data, args.results, set(args.leave_out)))


if __name__ == "__main__":
    main()
