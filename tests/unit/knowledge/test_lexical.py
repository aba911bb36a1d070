from __future__ import annotations

import pytest

from tandem.knowledge.lexical import Lexicon, terms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Policies, CLASSES and buses!", ["policy", "classe", "and", "buse"]),
        ("status glass is as", ["status", "glass", "is", "as"]),
        ("Straße 5.5", ["strasse", "5", "5"]),
        ("休暇 abc", ["休", "暇", "abc"]),
        ("...", []),
    ],
)
def test_terms(text: str, words: list[str]) -> None:
    assert terms(text) == words


def test_rare_words_weigh_more() -> None:
    lexicon = Lexicon(["the leave", "the travel", "the tools"])
    scores = lexicon.scores("the travels")
    assert scores.argmax() == 1
    assert scores[0] == scores[2] > 0


def test_unknown_words_score_zero() -> None:
    assert Lexicon(["a b", "c"]).scores("zzz").tolist() == [0, 0]
    assert Lexicon(["...", "!"]).scores("a").tolist() == [0, 0]


def test_building_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    Lexicon(["annual leave"])
    assert caplog.records == []
