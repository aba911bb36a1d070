from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tandem.cli.contracts import app
from tandem.cli.output_files import refuse_unwritable
from tandem.errors import DocumentError, InvalidRequest, TandemError
from tandem.nodes.contract.head import load_head
from tandem.settings import ContractSettings, Settings
from tests.unit.cli.shell import Run
from tests.unit.knowledge.makers import picture_pdf
from tests.unit.nodes.contract.samples import NDA
from tests.unit.nodes.contract.test_head import clause
from tests.unit.services import FakeServices

LINE = "This Agreement shall be governed by the laws of the State of Texas and by no other."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, contracts=ContractSettings(least=0.0))


@pytest.fixture
def run_tandem(run: Run) -> Run:
    """The whole command; `run` of this file is `tandem contracts` alone."""
    return run


@pytest.fixture
def nda(tmp_path: Path) -> Path:
    file = tmp_path / "nda.md"
    file.write_text(NDA)
    return file


def run(settings: Settings, *arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(each) for each in arguments], obj=settings)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_review_is_told_as_markdown(settings: Settings, nda: Path) -> None:
    result = run(settings, "review", nda)
    assert result.exit_code == 0
    assert result.stdout.startswith("# Contract review")
    assert "contract_review: accepted by head (17) in" in result.stderr


def test_a_report_goes_into_a_file(settings: Settings, nda: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    result = run(settings, "review", nda, "--report", report)
    assert "clause 4, characters" in report.read_text()
    assert "# Contract review" not in result.stdout


@pytest.mark.parametrize("path", ["nda.md/report.md", "no/report.md", ".", "nda.md", "x" * 300])
def test_a_report_that_cannot_be_written_is_told_before_the_work(
    settings: Settings, nda: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.app.Tandem.run", lambda *_, **__: pytest.fail("it was reviewed"))
    with pytest.raises(InvalidRequest, match="Nothing was run"):
        run(settings, "review", nda, "--report", nda.parent / path)
    assert nda.read_text() == NDA


def test_looking_whether_a_report_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = tmp_path / "kept.md"
    kept.write_text("kept")
    refuse_unwritable(kept, "--report")
    refuse_unwritable(tmp_path / "new.md", "--report")
    assert kept.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [kept]


def test_a_report_that_could_not_be_written_after_all_is_printed(
    settings: Settings, nda: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    arguments = ["review", str(nda), "--report", str(tmp_path / "report.md")]
    result = CliRunner().invoke(app, arguments, obj=settings)
    assert result.stdout.startswith("# Contract review")
    assert isinstance(result.exception, TandemError)
    assert "No space left" in str(result.exception)


def test_a_report_is_written_beside_the_answer_as_json(
    settings: Settings, nda: Path, tmp_path: Path
) -> None:
    result = run(settings, "review", nda, "--report", tmp_path / "report.md", "--json")
    assert (tmp_path / "report.md").read_text() == json.loads(result.stdout)["output"]["text"]


def test_a_letter_is_refused_and_reviewed_only_anyway(settings: Settings, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ann,\n\nwe had a lovely week at the sea, and it did not rain once.\n")
    with pytest.raises(InvalidRequest, match="does not read like a contract"):
        run(settings, "review", letter)
    assert run(settings, "review", letter, "--anyway").stdout.startswith("# Contract review")


def test_an_own_checklist_and_open_hypotheses(
    settings: Settings, nda: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"penalty": "The supplier pays a penalty for late delivery."}))
    result = run(settings, "review", nda, "--checklist", own, "--sensitivity", "secret", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert answer["status"] == "unverified"
    assert [one["id"] for one in answer["output"]["verdicts"]] == ["penalty"]


def test_a_checklist_of_another_shape_is_refused(
    settings: Settings, nda: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"a": {"question": "?"}}')
    with pytest.raises(InvalidRequest, match="has no hypothesis"):
        run(settings, "review", nda, "--checklist", own)


def test_a_scan_without_text_is_refused(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "contract.pdf"
    file.write_bytes(picture_pdf(tmp_path))
    with pytest.raises(DocumentError, match=r"contract\.pdf"):
        run(settings, "review", file)


@pytest.mark.parametrize("text", ["", "Review this."])
def test_what_holds_no_contract_is_refused(settings: Settings, tmp_path: Path, text: str) -> None:
    file = tmp_path / "contract.txt"
    file.write_text(text)
    with pytest.raises((DocumentError, InvalidRequest)):
        run(settings, "review", file)


def test_a_head_is_trained_on_own_clauses(settings: Settings, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "head.json"
    rows.write_text("\n".join(clause(n) for n in range(10)))
    told = run(settings, "train", "--data", rows, "--out", out, "--licence", "CC0").stdout
    assert "clause types: 1.00 right" in told
    assert "verdicts: no rows; the part that ships is used" in told
    head = load_head(out)
    assert head.verdicts is None
    assert head.card["licence"] == "CC0"
    own = Settings(home=tmp_path, contracts=ContractSettings(least=0.0, head="head.json"))
    file = tmp_path / "contract.txt"
    file.write_text(LINE)
    answer = json.loads(run(own, "review", file, "--json").stdout)
    types: Any = answer["output"]["clauses"][0]["types"]
    assert types[0]["type"] == "Law"
    assert len(answer["output"]["verdicts"]) == 17


@pytest.mark.parametrize("text", ["", "{}\n"])
def test_nothing_to_train_on_is_told(settings: Settings, tmp_path: Path, text: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(text)
    with pytest.raises(InvalidRequest):
        run(settings, "train", "--data", rows)


def test_ask_prints_a_review_as_the_report(
    run_tandem: Run, nda: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = FakeServices(tmp_path, contracts={"least": 0.0})
    monkeypatch.setattr("tandem.app.Services", lambda _settings: services)
    told = run_tandem("ask", "", "--task", "contract_review", "--file", nda)
    assert told.out.startswith("# Contract review")
    assert "contract_review: accepted by head (17) in" in told.err
