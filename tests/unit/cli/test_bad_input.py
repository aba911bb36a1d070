"""Whatever is wrong with what the command line is given: one or two sentences with the cause and
the remedy, an exit code that is not 0, no traceback, and no word of the request."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF

from tandem.errors import ModelUnavailable
from tandem.knowledge.index import KnowledgeIndex
from tandem.models.tier import Token
from tandem.services import Services
from tandem.settings import Limits
from tests.unit.cli.shell import ERROR, INVALID, SECRET, Run, check
from tests.unit.fakes import completion
from tests.unit.knowledge.makers import WordEmbeddings
from tests.unit.services import FakeServices


def broken_pdf(folder: Path) -> Path:
    path = folder / "broken.pdf"
    path.write_bytes(b"%PDF-1.7 " + SECRET.encode() * 20)
    return path


def encrypted_pdf(folder: Path) -> Path:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica")
    pdf.cell(text=SECRET)
    pdf.set_encryption(owner_password="one", user_password="two")
    path = folder / "locked.pdf"
    pdf.output(str(path))
    return path


def scan(folder: Path) -> Path:
    pdf = FPDF()
    pdf.add_page()
    pdf.rect(10, 10, 50, 50)
    path = folder / "scan.pdf"
    pdf.output(str(path))
    return path


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_text(run: Run, text: str) -> None:
    check(run("ask", text), INVALID, "empty", "Give it a text")


def test_ten_megabytes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SECRET} " * 1_500_000))
    check(run("ask", "-"), INVALID, "10,500,000 characters", "200,000", "limits.text_chars")


def test_half_a_character(run: Run) -> None:
    check(run("ask", f"{SECRET} \ud800"), INVALID, "half of a character")


def test_an_unknown_task(run: Run) -> None:
    check(
        run("ask", SECRET, "--task", "dance"),
        INVALID,
        "task that was declared is not known",
        "sentiment",
    )


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('{"type": "object"', ("not JSON", "Correct")),
        ("[1, 2]", ("not a JSON object", "JSON schema")),
        ('{"type": 12}', ("schema",)),
        ('{"type": "array"}', ("schema",)),
        ("no-such-schema", ("ready schema", "invoice")),
        ("missing.json", ("no file missing.json", "Check the path")),
        ('{"a":' * 3000 + "1" + "}" * 3000, ("nested too deeply",)),
        (json.dumps({"type": "object", "description": "x" * 60_000}), ("schema_chars",)),
    ],
)
def test_an_invalid_schema(run: Run, schema: str, words: tuple[str, ...]) -> None:
    told = run("ask", f"{SECRET} 12.50", "--task", "extraction", "--schema", schema)
    check(told, INVALID, *words)


@pytest.mark.parametrize("labels", ["one", "one,one", ","])
def test_labels_of_no_use(run: Run, labels: str) -> None:
    told = run("ask", SECRET, "--task", "document_classification", "--labels", labels)
    check(told, INVALID, "label")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (broken_pdf, ("broken.pdf", "damaged")),
        (encrypted_pdf, ("locked.pdf", "password")),
        (scan, ("scan.pdf", "OCR")),
        (lambda folder: folder / "none.pdf", ("none.pdf", "does not exist")),
        (lambda folder: folder, ("is no file",)),
    ],
    ids=["broken", "encrypted", "scan", "missing", "folder"],
)
def test_a_document_that_cannot_be_read(
    run: Run, tmp_path: Path, make: Callable[[Path], Path], words: tuple[str, ...]
) -> None:
    told = run(
        "ask", SECRET, "--task", "extraction", "--schema", "receipt", "--file", make(tmp_path)
    )
    check(told, INVALID, *words)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.json", b'{"format": 1, "pag'),
        ("index.json", b"\x00\xff" * 50),
        ("vectors", b"cut"),
        ("vectors", None),
    ],
)
def test_a_corrupt_index(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None
) -> None:
    monkeypatch.setattr(Services, "embeddings", WordEmbeddings())
    folder, index = tmp_path / "pages", tmp_path / ".tandem" / "index"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nThirty days of holiday.")
    KnowledgeIndex.build(folder, index, WordEmbeddings(), Limits())
    (file,) = index.glob(f"{name}*")
    file.write_bytes(content) if content is not None else file.unlink()
    for command in (["ask", SECRET, "--task", "faq"], ["index", "search", SECRET]):
        check(run(*command), ERROR, str(index), "tandem index build")


def test_no_index(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Services, "embeddings", WordEmbeddings())
    check(run("ask", SECRET, "--task", "faq"), ERROR, "no knowledge index", "tandem index build")


def test_a_model_file_cut_short(run: Run, tmp_path: Path) -> None:
    models = tmp_path / "cache" / "models"
    models.mkdir(parents=True)
    for name in ("qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"):
        (models / f"{name}-q4_k_m.gguf").write_bytes(b"GGUF")
    told = run("ask", SECRET, "--task", "sentiment")
    check(told, ERROR, "cut short", "tandem models pull")


def test_no_models(run: Run) -> None:
    check(run("ask", SECRET, "--task", "sentiment"), ERROR, "tandem models pull")


def test_a_cache_that_cannot_be_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path / "file" / "cache"))
    told = run("models", "pull", "smollm2-135m-instruct")
    check(told, ERROR, "cannot be written", "TANDEM_CACHE")


def test_a_cache_for_servers_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "servers").touch()
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    own = '[models.slm-embedded]\npath = "own.gguf"\n[models.llm-embedded]\npath = "own.gguf"\n'
    (tmp_path / "tandem.toml").write_text(own)
    check(run("ask", SECRET, "--task", "sentiment"), ERROR, "cannot be written", "cache.dir")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[limits]\nretires = 2\n", ("tandem.toml:2", "retires", "retries")),
        ("[limits]\nretries = 200\n", ("tandem.toml:2", "limits.retries")),
        ("[limits\n", ("tandem.toml", "cannot be read")),
        ('[tiers.slm]\nmodel = "nobody"\n', ("nobody", "slm-embedded")),
        ("[tasks.sentiment]\nmax_tokens = 5\n", ("tasks.sentiment.max_tokens",)),
        ('[ledger]\nurl = "nonsense"\n', ("ledger.url", "sqlite:")),
        ('[ledger]\nurl = "sqlite:////proc/none/ledger.sqlite"\n', ("/proc/none", "writable")),
    ],
)
def test_settings_that_do_not_hold(
    run: Run, tmp_path: Path, settings: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "tandem.toml").write_text(settings)
    check(run("ask", SECRET, "--task", "sentiment"), ERROR, *words)


def test_a_settings_file_that_is_not_there(run: Run) -> None:
    check(run("--settings", "none.toml", "ask", SECRET), ERROR, "none.toml", "--settings")


def test_an_error_that_nobody_foresaw(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr("tandem.app.Tandem.run", fail)
    check(run("ask", "hello"), ERROR, "unexpectedly (KeyError)", "--verbose")


def test_with_the_llm_down_the_draft_is_marked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = ModelUnavailable("No model of the llm tier answered.", "Run `tandem doctor`.")
    even = Token("positive", -0.69, {"positive": -0.69, "negative": -0.70})
    services = FakeServices(tmp_path, slm=[completion("positive", tokens=(even,))], llm=[down])
    monkeypatch.setattr("tandem.app.Services", lambda _settings: services)
    told = run("ask", SECRET, "--task", "sentiment", "--labels", "positive,negative")
    check(told, ERROR, "tandem doctor")
    assert "this draft was not accepted" in told.err


MAIL = "anna.secret@corp.example"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--schema", json.dumps({"properties": {MAIL: {"type": "strng"}}})), "`type` must be one"),
        (("--task", MAIL), "is not known"),
        (("--file", f"{MAIL}.pdf"), "[EMAIL]"),
    ],
)
def test_an_error_shows_no_personal_text(run: Run, words: tuple[str, str], said: str) -> None:
    told = run("ask", "hello", *words)
    check(told, INVALID, said)
    assert "anna" not in told.err


def test_an_error_that_cannot_be_looked_at_is_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no detector")

    monkeypatch.setattr("tandem.privacy.masking.mask", fails)
    told = run("ask", "hello", "--file", "anna.pdf")
    check(told, INVALID, "hidden")
    assert "anna" not in told.err


def test_an_error_of_a_row_is_masked_where_it_is_written(tmp_path: Path, run: Run) -> None:
    (tmp_path / "in.jsonl").write_text(
        json.dumps({"id": "1", "text": "", "files": [f"{MAIL}.pdf"]})
    )
    run("run", "in.jsonl", "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text()
    assert "[EMAIL]" in written
    assert "anna" not in written
