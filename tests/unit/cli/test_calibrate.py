"""`tandem calibrate`: the report, what is written, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from tandem.evals import services as eval_services
from tandem.graphs import tasks
from tandem.ledger.store import Ledger
from tandem.ledger.tables import feedback
from tandem.quality.calibration.calibration import LabelCalibration
from tests.unit.cli.shell import ERROR, INVALID, Run, check
from tests.unit.ledger.rows import answer, attempt, decision, profile
from tests.unit.loop.calibrating import TEXTS, calibrating, label_of, write_rows
from tests.unit.loop.test_calibrate_signals import ROWS, replies, request
from tests.unit.quality.calibration.rows import LABELS
from tests.unit.services import FakeServices

SMALL = ("--slm-rows", "30", "--llm-rows", "0", "--examples", "0")


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(eval_services, "EvalServices", lambda *_: calibrating(tmp_path))
    return write_rows(tmp_path / "rows.jsonl", TEXTS[:240])


def test_a_dry_run_tells_and_writes_nothing(run: Run, rows: Path, tmp_path: Path) -> None:
    told = run("calibrate", "sentiment", "--data", rows, *SMALL)
    assert told.code == 0
    assert "Promise: of the answers accepted without the LLM for sentiment" in told.out
    assert "Nothing was written" in told.out
    assert not (tmp_path / ".tandem/calibration").exists()


def test_write_puts_it_in_force(run: Run, rows: Path, tmp_path: Path) -> None:
    told = run("calibrate", "sentiment", "--data", rows, "--slm-rows", "0", "--write")
    assert told.code == 0
    (path,) = (tmp_path / ".tandem/calibration").glob("sentiment-*.json")
    assert str(path) in told.out
    assert "Requests ask for 90.0%, and this file certifies it: of the answers" in told.out
    assert "To undo it, delete the file: none is then in force." in told.out
    assert "It replaces" not in told.out


def test_write_tells_what_is_replaced_and_that_requests_ask_for_more(
    run: Run, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("calibrate", "sentiment", "--data", rows, "--slm-rows", "0", "--llm-rows", "0")
    run(*words, "--write")
    own = tmp_path / ".tandem/calibration"
    monkeypatch.setattr(tasks, "SHIPPED", own.rename(tmp_path / "shipped"))
    monkeypatch.setattr(LabelCalibration, "promise", promise_once(LabelCalibration.promise))
    told = run(*words, "--target", "0.8", "--seed", "1", "--write", "--uncertified").out
    assert "this file certifies nothing for it: requests go to the LLM. Set [calib" in told
    assert "It replaces a calibration for the same requests: of the answers accepted" in told
    assert "the one that comes with Tandem is then in force." in told


def test_what_certifies_nothing_for_requests_is_not_put_in_force(
    run: Run, rows: Path, tmp_path: Path
) -> None:
    """It would send all requests to the LLM; the exit code says that nothing was written."""
    settings = tmp_path / "tandem.toml"
    settings.write_text("[tasks.sentiment]\nquality = 0.99\n")
    words = ("calibrate", "sentiment", "--data", rows, "--slm-rows", "0", "--llm-rows", "0")
    dry = run(*words)
    assert (dry.code, dry.err) == (0, "")
    assert "Nothing was written (--dry-run); and --write would refuse it." in dry.out
    told = run(*words, "--write")
    assert told.code == 5
    assert told.err.startswith("Not written; what was in force still is.\nIt certifies nothing for")
    lower = "- It certifies 80.0%, 85.0%, 90.0%, 95.0%: set [tasks.sentiment] quality = 0.95"
    assert lower in told.err
    assert "99.0% takes about 460 that do, so 2300 labelled rows in all." in told.err
    assert "--uncertified" in told.err
    assert not (tmp_path / ".tandem/calibration").exists()
    assert run(*words, "--write", "--uncertified").code == 0
    assert list((tmp_path / ".tandem/calibration").glob("sentiment-*.json"))


@pytest.mark.parametrize("escalation", ["never", "cost"])
def test_where_no_promise_is_asked_none_is_needed(
    run: Run, rows: Path, tmp_path: Path, escalation: str
) -> None:
    asked = f'[tasks.sentiment]\nquality = 0.99\nescalation = "{escalation}"\nerror_price = 1.0\n'
    (tmp_path / "tandem.toml").write_text(asked)
    words = ("--data", rows, "--slm-rows", "0", "--llm-rows", "0", "--write")
    assert run("calibrate", "sentiment", *words).code == 0


def test_fields_of_which_none_is_certified_are_not_put_in_force(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = FakeServices(tmp_path, slm=replies())  # type: ignore[arg-type]
    monkeypatch.setattr(eval_services, "EvalServices", lambda *_: services)
    rows = [{**request(at), "expected": {"city": "Nowhere"}} for at in range(ROWS)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    told = run("calibrate", "extraction", "--data", file, "--write")
    assert told.code == 5
    assert "nan" not in told.out
    assert "right 0.000, AUROC - (all right, or all wrong)" in told.out
    assert "nothing for the 90.0% right answers that requests of extraction ask for" in told.err
    assert not (tmp_path / ".tandem/calibration").exists()


def promise_once(real: Any) -> Any:
    """Promises at 0.9 only what lies in the first file."""
    return lambda made, target, stages: (
        None if target > 0.85 and made.card["seed"] else real(made, target, stages)
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("reasoning",), "no task of the SLM"),
        (("sentiment", "--target", "1.5"), "between 0 and 1"),
        (("sentiment", "--labels", "up,down"), "not one of --labels"),
        (("sentiment", "--target", "0.99"), "at least 230"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    run: Run, rows: Path, words: tuple[str, ...], said: str
) -> None:
    check(run("calibrate", *words, "--data", rows), INVALID, said)


def test_one_text_with_contradicting_labels_is_told(run: Run, rows: Path) -> None:
    lines = [{"text": TEXTS[0], "label": ("up", "down")[at % 2]} for at in range(300)]
    rows.write_text("\n".join(map(json.dumps, lines)))
    said = "300 rows hold 1 different text; the labels contradict each other in lines 1, 2."
    check(run("calibrate", "sentiment", "--data", rows), INVALID, said)


@pytest.mark.parametrize("task", ["sentiment", "extraction"])
def test_without_matplotlib_a_picture_is_refused_before_the_work(
    run: Run, rows: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    monkeypatch.setattr(eval_services, "EvalServices", lambda *_: pytest.fail("work began"))
    words = ("calibrate", task, "--data", rows, "--picture", "curve.png")
    check(run(*words), ERROR, "`pip install -e '.[eval]'` in a checkout")


def test_a_picture_that_cannot_be_written_is_told(run: Run, rows: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "none" / "curve.png"
    words = ("--slm-rows", "0", "--llm-rows", "0", "--picture", picture)
    check(run("calibrate", "sentiment", "--data", rows, *words), ERROR, "cannot be written")


def test_extraction_is_calibrated_field_by_field(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = FakeServices(tmp_path, slm=replies())  # type: ignore[arg-type]
    monkeypatch.setattr(eval_services, "EvalServices", lambda *_: services)
    rows = [{**request(at), "expected": {"city": "Oslo"}} for at in range(ROWS)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    told = run("calibrate", "extraction", "--data", file, "--write")
    assert (told.code, told.err) == (0, "")
    assert "Promise: of the answers accepted without the LLM for extraction.city" in told.out
    assert "Requests ask for 90.0%; fields for which this file certifies it: city." in told.out
    assert list((tmp_path / ".tandem/calibration").glob("extraction-fields-*.json"))


def judge(folder: Path, texts: list[str]) -> None:
    """A ledger with answers that people called right."""
    ledger = Ledger(f"sqlite:///{folder}/.tandem/ledger.sqlite", texts="all")
    for number, text in enumerate(texts):
        name, tried = f"r{number}", attempt(output={"label": label_of(text), "probabilities": {}})
        request: Any = {"text": text, "task": "sentiment", "labels": list(LABELS)}
        ledger.start(name, request, profile(task="sentiment"), decision())
        ledger.add_attempt(name, tried)
        ledger.finish(name, answer(name, profile=profile(task="sentiment")))
    said = [{"run_id": f"r{n}", "given": 0.0, "correct": True} for n in range(len(texts))]
    with ledger.writing() as connection:
        connection.execute(insert(feedback), said)
    ledger.close()


def test_feedback_gives_agreement_and_never_takes_a_promises_place(
    run: Run, rows: Path, tmp_path: Path
) -> None:
    judge(tmp_path, TEXTS[:240])
    words = ("calibrate", "sentiment", "--slm-rows", "0", "--llm-rows", "0", "--write")
    told = run(*words, "--from-ledger")
    assert told.code == 0
    assert "240 judged answers of sentiment: 240 tell what is right" in told.out
    assert "Agreement: of the answers accepted without the LLM for sentiment" in told.out
    assert "at least 90 % agree with feedback" in told.out
    assert "nothing is promised" in told.out
    assert "Promise:" not in told.out
    run(*words, "--data", rows)
    check(run(*words, "--from-ledger"), INVALID, "one made of feedback promises nothing")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sentiment",), "by --data or by --from-ledger"),
        (("sentiment", "--from-ledger", "--data", "rows.jsonl"), "by --data or by --from-ledger"),
        (("sentiment", "--from-ledger"), "no feedback on sentiment"),
        (("faq", "--from-ledger"), "says nothing of another one"),
    ],
)
def test_where_rows_come_from_is_one_of_two(
    run: Run, rows: Path, words: tuple[str, ...], said: str
) -> None:
    check(run("calibrate", *words), INVALID, said)
