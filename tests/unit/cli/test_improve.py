"""`tandem improve`: its words and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

from tandem.evals import services as eval_services
from tandem.ledger.store import Ledger
from tests.unit.cli.shell import ERROR, INVALID, Run, check
from tests.unit.loop.improve.filling import fill, services_of

KEEPING = '[ledger]\ntexts = "all"\n'


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger of the settings in this folder, which keeps texts."""
    monkeypatch.setattr(eval_services, "EvalServices", lambda *_: services_of(tmp_path))
    (tmp_path / "tandem.toml").write_text(KEEPING)
    return Ledger(f"sqlite:///{tmp_path}/.tandem/ledger.sqlite", texts="all")


def test_without_a_ledger_it_names_the_file(run: Run) -> None:
    check(run("improve"), ERROR, "There is no ledger", "--settings")


def test_nothing_new_ends_with_3(run: Run, ledger: Ledger) -> None:
    told = run("improve")
    assert (told.code, told.out.startswith("Nothing to do")) == (3, True)
    assert run("improve", "--json").out.strip() == "{}"


def test_a_ledger_without_texts_ends_with_6(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "tandem.toml").write_text("")
    silent = Ledger(ledger.url, texts="none")
    fill(silent, judged=2)
    told = run("improve")
    assert told.code == 6
    assert 'Set texts = "all"' in told.err


def test_another_run_at_work_ends_with_7(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / ".tandem/improve").mkdir(parents=True)
    with FileLock(tmp_path / ".tandem/improve/improve.lock"):
        told = run("improve")
    assert told.code == 7
    assert "Another `tandem improve`" in told.err


def test_it_looks_then_applies_then_has_nothing_to_do(
    run: Run, ledger: Ledger, tmp_path: Path
) -> None:
    fill(ledger, judged=150)
    told = run("improve", "sentiment", "--rows", "20")
    assert (told.code, "would change" in told.out) == (0, True)
    assert "Nothing was changed; --apply" in told.out
    assert not list((tmp_path / ".tandem/calibration").glob("*"))
    told = run("improve", "--rows", "20", "--apply", "--json")
    assert told.code == 0
    report = json.loads(told.out)
    assert [slot["state"] for slot in report["slots"]] == ["changed"]
    assert (Path(report["folder"]) / "report.md").is_file()
    assert list((tmp_path / ".tandem/calibration").glob("sentiment-*.json"))
    assert run("improve", "--rows", "20", "--apply").code == 3


def test_too_few_rows_say_how_many_more(run: Run, ledger: Ledger) -> None:
    fill(ledger, judged=30)
    told = run("improve")
    assert told.code == 3
    assert "about 96 more judged answers are needed" in told.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("faq",), "no task that ends in a label"),
        (("--sensitive", "print"), "--sensitive is one of"),
        (("--label-budget", "-1"), "amount of money"),
        (("--margin", "0"), "a share between 0 and 1"),
        (("--labelled", "rows.jsonl"), "of one task"),
    ],
)
def test_bad_input(run: Run, ledger: Ledger, words: tuple[str, ...], said: str) -> None:
    check(run("improve", *words), INVALID, said)


def test_tune_and_promote_take_rows_of_one_origin(run: Run, ledger: Ledger) -> None:
    told = run("tune", "sentiment", "--data", "x.jsonl", "--from-ledger")
    check(told, INVALID, "--from-ledger")
    check(run("tune", "sentiment"), INVALID, "--data")
