from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tandem.cli.main import main
from tests.unit.cli.shell import Run, Told


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`tandem` with its own words, from an empty folder and with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path / "cache"))

    def tandem(*words: str | Path) -> Told:
        monkeypatch.setattr(sys, "argv", ["tandem", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        code = ended.value.code
        return Told(code if isinstance(code, int) else bool(code), told.out, told.err)

    return tandem
