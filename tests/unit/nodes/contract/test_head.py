from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tandem.errors import InvalidRequest, SettingsError
from tandem.nodes.contract import training
from tandem.nodes.contract.head import SHIPPED, Words, load_head, pooled
from tandem.nodes.contract.labelled import read_rows
from tandem.nodes.contract.training import train
from tandem.nodes.contract.words import Vocabulary

HYPOTHESES = {"engineer": "No reverse engineering.", "copy": "Copies are allowed."}
RULES = {
    "engineer": ("The recipient shall not reverse engineer the samples at all.", "entailment"),
    "copy": ("The recipient shall make no copies of any of the information.", "contradiction"),
}
FILLER = "The parties met in the spring and agreed to talk about business again."


def labelled(number: int) -> str:
    """A contract that has the one, the other, or both, in turn."""
    held = [name for at, name in enumerate(RULES) if (number >> at) & 1]
    text, expected = FILLER, {}
    for name, (sentence, label) in RULES.items():
        expected[name] = {"label": "not_mentioned", "spans": []}
        if name in held:
            start = len(text) + 1
            text += "\n" + sentence
            expected[name] = {"label": label, "spans": [[start, len(text)]]}
    return json.dumps({"id": f"c{number}", "text": text, "expected": expected})


def clause(number: int) -> str:
    texts = {
        "Law": "governed by the laws of this state",
        "Fee": "shall pay a fee every single month",
    }
    name = ("Law", "Fee")[number % 2]
    return json.dumps({"group": f"g{number}", "text": texts[name], "expected": [name]})


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join([labelled(n) for n in range(20)] + [clause(n) for n in range(10)]))
    return file


def test_a_head_learns_its_rows_and_survives_its_file(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "FOLDS", 3)
    read = read_rows(rows, HYPOTHESES.get)
    trained = train(read.contracts, read.clauses, {"licence": "CC0"})
    assert trained.verdicts is not None
    assert trained.types is not None
    assert trained.verdicts.right > 0.9
    assert trained.verdicts.evidence_first == 1.0
    assert trained.types.right == 1.0
    file = tmp_path / "head.json"
    file.write_text(trained.head.to_json())
    head = load_head(file)
    assert head.verdicts is not None
    assert head.types is not None
    asked = HYPOTHESES["engineer"]
    said = head.verdicts.read([FILLER, RULES["engineer"][0]], [asked, "Something else."])[asked]
    assert said.verdict == "entailment"
    assert sum(said.probabilities) == pytest.approx(1.0)
    assert int(np.argmin(said.segments[:, 0])) == 1
    assert head.verdicts.read([FILLER], [asked])[asked].verdict == "not_mentioned"
    assert head.verdicts.read([FILLER], ["Something else."]) == {}
    assert not head.verdicts.knows("Something else.")
    assert head.types.read("governed by the laws of another state")[0][0] == "Law"
    assert head.card["licence"] == "CC0"
    assert head.card["figures"]["verdicts"]["rows"] == 40


def test_missing_parts_are_the_shipped_ones(rows: Path) -> None:
    read = read_rows(rows, HYPOTHESES.get)
    own = train([], read.clauses, {}).head
    whole = own.over(load_head(SHIPPED))
    assert whole.types is own.types
    assert whole.verdicts is not None
    assert len(whole.verdicts.segment) == 17


def test_too_few_contracts_are_refused(rows: Path) -> None:
    read = read_rows(rows, HYPOTHESES.get)
    with pytest.raises(InvalidRequest, match="fewer than 5 contracts"):
        train(read.contracts[:4], [], {})


def test_words_of_one_contract_alone_are_not_kept() -> None:
    vocabulary = Vocabulary.fit(
        ["shall pay Anna", "shall pay more", "shall pay Anna"], ["a", "b", "a"], most=9
    )
    assert vocabulary.terms == ("pay", "shall", "shall pay")


def test_a_contract_without_any_sign_pools_lower_than_one_with() -> None:
    none = np.array([[0.98, 0.01, 0.01]], dtype=np.float32)
    some = np.array([[0.98, 0.01, 0.01], [0.1, 0.8, 0.1]], dtype=np.float32)
    low, high = np.array([0.1], dtype=np.float32), np.array([0.1, 0.6], dtype=np.float32)
    assert (pooled(some, high) > pooled(none, low)).all()


def test_rare_words_of_a_hypothesis_weigh_more_than_common_ones() -> None:
    words = Words.of(
        ["The party shall pay.", "The party shall not solicit.", "The party shall go."]
    )
    common, rare, _ = words.overlaps("A party shall not solicit employees.")
    assert rare > 3 * common
    assert Words.of([]).overlaps("Anything.").shape == (0,)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0}', '{"format": 1, "verdicts": {}}'])
def test_damaged_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "head.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match="no contract head"):
        load_head(file)


def test_a_head_whose_parts_do_not_fit_together_is_refused(tmp_path: Path) -> None:
    raw = json.loads(SHIPPED.read_text())
    raw["types"]["types"] = raw["types"]["types"][:-1]
    file = tmp_path / "head.json"
    file.write_text(json.dumps(raw))
    with pytest.raises(SettingsError, match="no contract head"):
        load_head(file)


def test_the_shipped_head_says_what_it_is() -> None:
    card = load_head(SHIPPED).card
    assert "CC BY 4.0" in card["licence"]
    assert card["figures"]["verdicts"]["macro_f1"] > 0.6
    assert SHIPPED.stat().st_size < 1_000_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON"),
        ("[]", "not a JSON object"),
        ('{"expected": []}', "`text` is missing"),
        ('{"text": "a"}', "`expected` is missing"),
        ('{"text": "a", "expected": []}', "not a list of clause types"),
        ('{"text": "a", "expected": {"other": {}}}', "no hypothesis 'other'"),
        ('{"text": "a", "expected": {"copy": {"label": "yes"}}}', "has no label"),
        (
            '{"text": "a", "expected": {"copy": {"label": "entailment", "spans": [[0, 9]]}}}',
            "outside of the text",
        ),
        (
            '{"text": "a", "expected": {"copy": {"label": "entailment", "spans": 3}}}',
            "not a list of",
        ),
    ],
)
def test_wrong_rows_are_named_by_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(clause(0) + "\n\n" + line)
    with pytest.raises(InvalidRequest, match=said) as raised:
        read_rows(file, HYPOTHESES.get)
    assert "rows.jsonl:3:" in raised.value.what
