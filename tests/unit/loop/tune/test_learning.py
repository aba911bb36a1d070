"""What an adapter learns from: cleaned, dealt out, counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.loop.tune.learning import LearningSet, Privacy, learning_set
from tandem.records import Sensitivity


def privacy(choice: Any = "leave_out") -> Privacy:
    def level(text: str) -> Sensitivity:
        return "personal" if "@" in text else "none"

    return Privacy(
        level, frozenset({"none", "internal"}), lambda text: text.replace("@", "#"), choice
    )


def written(folder: Path, rows: list[tuple[str, str]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    return path


def many(count: int, start: int = 0) -> list[tuple[str, str]]:
    return [(f"row number {n}", "up" if n % 2 else "down") for n in range(start, start + count)]


def test_rows_fall_alike_every_time_and_no_row_on_both_sides(tmp_path: Path) -> None:
    path = written(tmp_path, many(400))
    first, again = (learning_set(path, (), privacy()) for _ in range(2))
    assert first == again
    teaching = first.card["rows"] - first.card["kept_back"]
    assert 150 < teaching < 210, "what every command fits on"
    assert (len(first.train), len(first.held_out)) == (teaching - 50, 50)
    whole = learning_set(path, (), privacy(), within=1.0)
    assert (len(whole.train), len(whole.held_out)) == (320, 80)
    assert {row.text for row in first.train}.isdisjoint(row.text for row in first.held_out)


def test_repeats_and_contradictions_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [*many(400), ("row number 1", "up"), ("Row  number 1", "up"), ("both", "up")]
    given = learning_set(written(tmp_path, [*rows, ("both", "down")]), (), privacy(), within=1.0)
    assert (given.card["rows"], given.card["duplicates"]) == (404, 2)
    assert given.card["contradictory"] == 2
    assert "both" not in {row.text for row in (*given.train, *given.held_out)}


@pytest.mark.parametrize(("choice", "kept"), [("leave_out", 0), ("mask", 1), ("keep", 1)])
def test_sensitive_rows_are_treated_as_asked(tmp_path: Path, choice: str, kept: int) -> None:
    path = written(tmp_path, [*many(400), ("write to ann@example.org", "up")])
    given = learning_set(path, (), privacy(choice), within=1.0)
    texts = [row.text for row in (*given.train, *given.held_out)]
    assert sum("write to" in text for text in texts) == kept
    assert any("@" in text for text in texts) == (choice == "keep")
    assert given.card["sensitive"] == 1


def test_what_is_one_text_when_masked_stands_on_one_side(tmp_path: Path) -> None:
    """Texts that differ in nothing but the address that is masked."""
    texts = [f"{'@' * (n % 2)}{'#' * (1 - n % 2)} wants row {n // 2}" for n in range(400)]
    rows = [(text, "up" if n // 2 % 2 else "down") for n, text in enumerate(texts)]
    rows += [("@ wants the moon", "up"), ("# wants the moon", "down")]
    given = learning_set(written(tmp_path, rows), (), privacy("mask"), within=1.0)
    train, held = ({row.text for row in part} for part in (given.train, given.held_out))
    assert train.isdisjoint(held)
    assert (len(given.train), len(given.held_out)) == (150, 50)
    assert (given.card["rows"], given.card["duplicates"]) == (402, 200)
    assert (given.card["contradictory"], given.card["sensitive"]) == (2, 201)


def test_twenty_rows_are_too_few_and_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="too few") as caught:
        learning_set(written(tmp_path, many(20)), (), privacy())
    assert "examples" in str(caught.value)


def test_a_label_outside_the_set_names_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, [*many(300), ("strange", "sideways")])
    with pytest.raises(InvalidRequest, match=r"rows\.jsonl:301: the label is not one of"):
        learning_set(path, ("up", "down"), privacy())


def test_a_leak_between_the_files_is_refused(tmp_path: Path) -> None:
    train = written(tmp_path, many(300))
    leaking = written(tmp_path, many(100, start=250), "test.jsonl")
    with pytest.raises(InvalidRequest, match="50 of the 100 test rows"):
        learning_set(train, (), privacy(), leaking)
    clean = learning_set(train, (), privacy(), written(tmp_path, many(100, 300), "t.jsonl"))
    assert (len(clean.train), len(clean.held_out)) == (300, 100)


def test_rare_labels_are_repeated_but_not_without_end(tmp_path: Path) -> None:
    rows = [*many(400), *((f"rare {n}", "none") for n in range(10))]
    given = learning_set(written(tmp_path, rows), (), privacy(), within=1.0)
    learnt = [row.answer for row in given.rows()]
    rare = {row.text for row in given.train if row.label == "none"}
    assert learnt.count("none") == 4 * len(rare)
    assert learnt.count("up") == sum(row.label == "up" for row in given.train)


def test_the_turns_name_no_labels_and_the_answer_is_the_spoken_label(tmp_path: Path) -> None:
    rows = [(f"row {n}", "card_arrival" if n % 2 else "top_up") for n in range(300)]
    given: LearningSet = learning_set(written(tmp_path, rows), (), privacy(), within=1.0)
    first = given.rows()[0]
    assert [message["role"] for message in first.messages] == ["system", "user"]
    assert first.answer in {"card arrival", "top up"}
    assert "card" not in first.messages[0]["content"]
