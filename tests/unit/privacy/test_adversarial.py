"""The adversarial run of bench/adversarial.py, small: nothing covered reaches the public model."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from bench.adversarial import attack, break_detector
from bench.adversarial_values import ENCODINGS, MAKERS, compact, readable
from tandem.privacy.detectors import TYPES, scan

SENSITIVE = ("personal", "secret")


def test_no_covered_value_reaches_the_public_model(tmp_path: Path) -> None:
    found = attack(60, 11, tmp_path)
    assert found["tried"]["covered"] > 12
    assert found["received"]["covered"] == 0, found["covered_examples"]
    # The recorder records, and the guard does not simply stop everything.
    assert found["controls_answered"] == 1.0
    assert found["attempts"]["slm answered"] > 12
    assert sum(found["reached_public"].values()) > 6


def test_nothing_leaves_while_the_detector_fails(tmp_path: Path) -> None:
    found = break_detector(2, 12, tmp_path)
    assert sum(found["bytes"].values()) == 0


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: str(make.__name__))
def test_every_type_of_the_contract_is_made_and_found(make: object) -> None:
    assert callable(make)
    random = Random(1)
    for _ in range(5):
        value = make(random)
        assert value.kind in TYPES
        assert any(each.sensitivity in SENSITIVE for each in scan(f"{value.before}{value.text}"))


def test_the_recorder_reads_every_encoding_but_line_breaks_leave_the_letters() -> None:
    value = MAKERS[2](Random(1)).text
    for encode in ENCODINGS.values():
        assert any(compact(value) in text for text in readable(f"see {encode(value)} there"))
