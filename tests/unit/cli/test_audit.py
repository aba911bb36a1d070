from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from tandem.ledger.store import Ledger
from tandem.loop.audit import pictures
from tandem.services import Services
from tests.unit.cli.shell import ERROR, INVALID, SECRET, Run, check
from tests.unit.ledger.rows import answer, attempt, profile
from tests.unit.loop.audit.logs import chat, written
from tests.unit.loop.audit.services import NoEmbeddings


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Services, "embeddings", NoEmbeddings())
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)


def log(folder: Path) -> Path:
    rows = [chat(f"{SECRET} number {at}", "Judge the review.") for at in range(30)]
    return written(folder / "log.jsonl", rows)


def test_a_log_becomes_a_report(tmp_path: Path, run: Run) -> None:
    told = run("audit", log(tmp_path), "--out", "out")
    assert told.code == 0, told
    assert "30 calls, 0.1050 USD" in told.out
    assert "wrote out/report.md" in told.out
    audit = json.loads((tmp_path / "out/report.json").read_text())
    assert [each["rows"]["value"] for each in audit["workloads"]] == [30]
    assert SECRET not in told.out + (tmp_path / "out/report.md").read_text()
    assert not (tmp_path / ".tandem").exists()


def test_a_csv_with_a_map_and_a_currency(tmp_path: Path, run: Run) -> None:
    lines = ["Frage,Preis,Geld"] + [f"{SECRET} {at},2,{'EUR' if at else 'CHF'}" for at in range(30)]
    (tmp_path / "log.csv").write_text("\n".join(lines))
    told = run("audit", "log.csv", "--map", "text=Frage,cost=Preis", "--map", "currency=Geld")
    assert "30 calls, 0.00 USD" in told.out
    told = run(
        *("audit", "log.csv", "--map", "text=Frage,cost=Preis,currency=Geld"),
        *("--currency", "eur", "--out", "out"),
    )
    assert "30 calls, 58.00 EUR (29 of them with a price)" in told.out
    page = (tmp_path / "out/report.md").read_text()
    assert "Costs in other currencies are left out: CHF (1 rows)." in page


def test_the_report_stands_whoever_reads_the_output(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    log(tmp_path)
    monkeypatch.setattr("tandem.cli.audit._tell", gone)
    with suppress(BrokenPipeError):
        run("audit", "log.jsonl", "--out", "out")
    assert (tmp_path / "out/report.md").is_file()
    assert (tmp_path / "out/report.json").is_file()


def test_the_ledger_is_a_log_too(tmp_path: Path, run: Run) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / '.tandem/ledger.sqlite'}")
    for at in range(25):
        run_id = f"r{at}"
        ledger.start(run_id, {"text": SECRET, "task": "reasoning"})
        made = attempt(tier="llm", cost=0.5)
        ledger.add_attempt(run_id, made)
        ledger.finish(
            run_id, answer(run_id, profile=profile(task="reasoning"), tier="llm", cost=0.5)
        )
    ledger.close()
    told = run("audit", "--ledger", "--out", "out")
    assert told.code == 0, told
    assert "25 calls, 12.50 USD" in told.out
    (line,) = json.loads((tmp_path / "out/report.json").read_text())["workloads"]
    assert (line["task"], line["told_by"]) == ("reasoning", "declared task")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), INVALID, "No log is named"),
        (("missing.jsonl",), INVALID, "There is no file missing.jsonl. Nothing was written."),
        ((".",), INVALID, ". is a folder. Nothing was written."),
        (("log.jsonl", "--format", "xml"), INVALID, "There is no format 'xml'"),
        (("log.jsonl", "--format", "langsmith"), INVALID, "its 30 records are no model calls"),
        (("log.jsonl", "--map", "text"), INVALID, "--map wants pairs"),
        (("log.jsonl", "--map", "txt=a"), INVALID, "no field 'txt'"),
        (("log.jsonl", "--map", "text=prompt"), INVALID, "line 1: field `prompt` is missing"),
        (("log.jsonl", "--timezone", "Mars/Base"), INVALID, "time zone is not known"),
        (("log.jsonl", "--timezone", "../../etc"), INVALID, "time zone is not known"),
        (("log.jsonl", "--currency", "gold"), INVALID, "three-letter code"),
        (("log.jsonl", "--currency", "XQZ"), INVALID, "XQZ is no currency (ISO 4217)"),
        (("log.jsonl", "--out", "log.jsonl"), ERROR, "could not be written"),
        (("--ledger",), INVALID, "No finished run stands in"),
    ],
)
def test_bad_input_is_told(
    tmp_path: Path, run: Run, words: tuple[str, ...], code: int, message: str
) -> None:
    log(tmp_path)
    check(run("audit", *words), code, message)
