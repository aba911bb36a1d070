"""Terms and patterns of the settings: what they find, what is refused, and that everybody sees."""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tandem.errors import EgressBlocked, SettingsError
from tandem.ledger.store import Ledger
from tandem.privacy.detectors import Detector, Finding, scan
from tandem.privacy.masking import MaskFilter, mask
from tandem.privacy.own import PatternFinder
from tandem.privacy.tracing import anonymizer
from tandem.services import Services
from tandem.settings import OwnPattern, Privacy, Settings, Terms, load
from tandem.settings.expressions import MOST_CHARS, bounded
from tests.unit.ledger.rows import answer, profile

HERON = Terms(type="PROJECT", sensitivity="secret", words=("Blue Heron", "Zürich-9", "Heron"))
BADGE = OwnPattern(type="BADGE", sensitivity="personal", regex=r"\bE\d{6}\b")
OWN = Privacy(terms=(HERON,), patterns=(BADGE,))
detector = Detector.from_settings(OWN)


def found(text: str) -> list[tuple[str, str]]:
    return [(each.type, text[each.start : each.end]) for each in detector(text)]


@pytest.mark.parametrize(
    "written",
    [
        *(
            "Blue Heron",
            "BLUE_HERON",
            "blue-heron",
            "Blue\n  Heron",
            "\uff22lu\uff45 Heron",
            "blue\u200b heron",
        ),
        *("zürich 9", "ZU\u0308RICH-9", "heron"),
    ],
)
def test_terms_are_found_as_they_may_be_written(written: str) -> None:
    assert found(f"On {written}: more soon") == [("PROJECT", written)]


@pytest.mark.parametrize("text", ["blueheron", "herons", "the sky is blue", "Zürich 19", ""])
def test_parts_of_words_are_no_terms(text: str) -> None:
    assert found(text) == []


def test_the_longest_term_counts() -> None:
    assert found("Blue Heron, Blue sky, Heron") == [("PROJECT", "Blue Heron"), ("PROJECT", "Heron")]


def test_words_far_apart_are_no_term() -> None:
    far = Detector.from_settings(
        Privacy(terms=(Terms(type="A", sensitivity="secret", words=("Blue Sky",)),))
    )
    assert [*map(len, (far("blue sky"), far("blue" + " " * 9 + "sky")))] == [1, 0]


def test_a_pattern_finds_what_its_group_names() -> None:
    own = OwnPattern(type="CASE", sensitivity="internal", regex=r"(?i)case (?:no )?(?P<it>\d{4})")
    own_detector = Detector.from_settings(Privacy(patterns=(own,)))
    assert own_detector("See CASE no 1234") == [Finding("CASE", 12, 16, 1.0, "internal")]


@given(st.integers(19_900, 20_100), st.integers(0, 3))
def test_a_pattern_is_found_wherever_stretches_meet(place: int, more: int) -> None:
    text = "." * place + "E123456" + "." * 30_000 * more
    assert list(PatternFinder(bounded(BADGE.regex))(text)) == [(place, place + 7, 1.0)]


def test_an_optional_group_that_did_not_match_is_no_empty_span() -> None:
    assert list(PatternFinder(re.compile("(?P<it>x)?ab"))("ab")) == [(0, 2, 1.0)]


def test_own_and_shipped_types_are_known_and_shipped_ones_stay() -> None:
    assert detector.types == scan.types | {"PROJECT", "BADGE"}
    assert [kind for kind, _ in found("E123456, ana@example.com")] == ["BADGE", "EMAIL"]


@pytest.mark.parametrize(
    ("regex", "said"),
    [
        ("(", "no regular expression"),
        ("a+", "write {0,40}"),
        ("(a{1,9}){1,9}b", "more than 1000 ways"),
        ("(?:a|ab|b){1,30}c", "more than 1000 ways"),
        ("a?b?", "nothing at all"),
        ("(?:abcde){250}", "more than 1000 characters"),
        (r"(?=\d{900})\d{200}", "more than 1000 characters"),
        ("(x)?(?(1)a|b)", "conditions"),
        (r"x{1,2000}", "beyond 1000"),
    ],
)
def test_expressions_without_a_bound_are_refused(regex: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        bounded(regex)


@pytest.mark.parametrize(
    "regex", [r"\w{1,64}@acme\.example", "(?i)x-[0-9]{4}", "(?:ab){2,50}", r"(?<=n )\d{5}(?!\d)"]
)
def test_expressions_with_bounds_are_taken(regex: str) -> None:
    assert bounded(regex).pattern == regex


PIECES = st.sampled_from(["a", "b", "[ab]", "(a|b)", "(?:a|ab)", "a?", "a{0,3}", "(ab?){1,4}", "."])


@given(st.lists(PIECES, min_size=1, max_size=6), st.sampled_from(["", "{1,5}", "{2}", "?"]))
def test_what_is_taken_is_fast_on_hostile_texts(pieces: list[str], times: str) -> None:
    try:
        regex = bounded(f"(?:{''.join(pieces)}){times}c")
    except ValueError:
        return
    started = time.process_time()
    assert not list(PatternFinder(regex)("ab" * MOST_CHARS))
    assert time.process_time() - started < 10  # seconds; exponential ones take ages


def test_the_file_s_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tandem.toml"
    file.write_text("[[privacy.patterns]]\ntype = 'A'\nsensitivity = 'secret'\nregex = 'a+'\n")
    with pytest.raises(SettingsError, match=r"privacy\.patterns\.0\.regex: .*\{1,40\}"):
        load(file)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "project", "sensitivity": "secret", "words": ["x"]},
        {"type": "A", "sensitivity": "none", "words": ["x"]},
        {"type": "A", "sensitivity": "secret", "words": []},
        {"type": "A", "sensitivity": "secret", "words": ["--"]},
        {"type": "A", "sensitivity": "secret", "words": ["a b c d e f g h i j k"]},
    ],
)
def test_terms_that_say_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate(wrong)


TEXT = "Tell Blue Heron, badge E123456"


def test_guard_and_assessment_use_them(tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path, privacy=OWN))
    assessed = services.assess({"text": TEXT})
    assert assessed.sensitivity == "secret"
    assert [each["type"] for each in assessed.evidence] == ["PROJECT", "BADGE"]
    with pytest.raises(EgressBlocked, match=r"secret \(BADGE, PROJECT\)"):
        services.guard.release(TEXT, profile(), "out")


def test_types_of_ones_own_may_be_redacted_or_let_go(tmp_path: Path) -> None:
    leave = Privacy(patterns=(BADGE,), leave={"BADGE": "allow"})
    services = Services(Settings(home=tmp_path, privacy=leave))
    assert services.guard.release("badge E123456", profile(), "out")


def test_masks_of_texts_logs_and_traces_use_them() -> None:
    masked = "Tell [PROJECT], badge [BADGE]"
    assert mask(TEXT, detector) == masked
    assert anonymizer(detector)({"said": TEXT}) == {"said": masked}
    record = logging.LogRecord("t", logging.INFO, "f", 1, TEXT, (), None)
    assert MaskFilter(detector).filter(record)
    assert record.getMessage() == masked


def test_the_ledger_masks_by_them_and_holds_no_text(tmp_path: Path) -> None:
    ledger = Ledger.from_settings(Settings(home=tmp_path, privacy=OWN))
    ledger.start("r1", {"text": TEXT}, profile(reasons=[TEXT]))
    ledger.finish("r1", answer(reasons=[f"because {TEXT}"]))
    kept = ledger.run("r1")
    ledger.close()
    assert kept is not None
    assert kept["reasons"] == ["because Tell [PROJECT], badge [BADGE]"]
    assert "Heron" not in str(kept)
