from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from tandem.errors import LedgerError
from tandem.ledger import tables
from tandem.ledger.store import Ledger
from tandem.settings import LedgerSettings, Settings
from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict

CARD = "4111 1111 1111 1111"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "ledger.sqlite"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{file}")
    yield opened
    opened.close()


def row(ledger: Ledger, run_id: str = "r1") -> dict[str, Any]:
    found = ledger.run(run_id)
    assert found is not None
    return found


def whole_run(ledger: Ledger, run_id: str = "r1") -> None:
    ledger.start(run_id, {"text": "planted text"}, profile(), decision())
    ledger.add_attempt(run_id, attempt("a1"))
    ledger.add_verdict(run_id, verdict("a1", accepted=False, gates=("grounded",)))
    ledger.add_attempt(run_id, attempt("a2", tier="llm", model="large", cost=0.01))
    ledger.add_verdict(run_id, verdict("a2"))
    ledger.finish(run_id, answer(run_id, tier="llm", model="large", cost=0.011))


def bytes_of(file: Path) -> bytes:
    return b"".join(each.read_bytes() for each in file.parent.iterdir())


def test_a_run_with_its_attempts_is_read_back(ledger: Ledger) -> None:
    whole_run(ledger)
    run = row(ledger)
    assert (run["status"], run["task"], run["tier"], run["model"]) == (
        "accepted",
        "faq",
        "llm",
        "large",
    )
    assert (run["node"], run["first_tier"], run["may_escalate"]) == ("answer_faq", "slm", True)
    assert run["finished"] >= run["started"]
    assert (run["all_llm_cost"], run["all_llm_estimated"], run["currency"]) == (0.01, True, "USD")
    first, second = run["attempts"]
    assert (first["position"], first["accepted"], second["position"]) == (0, False, 1)
    assert first["failed"] == [{"gate": "grounded", "detail": "field total"}]
    assert (second["input_tokens"], second["signals"]) == (100, {"margin": 0.9})


def test_what_a_replayed_node_writes_again_changes_nothing(ledger: Ledger) -> None:
    whole_run(ledger)
    before = row(ledger)
    ledger.start("r1", {"text": "planted text"}, profile(), decision())
    ledger.add_attempt("r1", attempt("a1"))
    assert row(ledger) == before
    whole_run(ledger)
    after = row(ledger)
    assert {**after, "finished": 0} == {**before, "finished": 0}


def test_a_run_may_be_profiled_in_a_second_step(ledger: Ledger) -> None:
    ledger.start("r1", {"text": "x", "task": "faq", "tenant": "acme"})
    assert (row(ledger)["task"], row(ledger)["tenant"]) == ("faq", "acme")
    ledger.profiled("r1", profile(task="sentiment", tenant="acme"), decision(node="sentiment"))
    assert (row(ledger)["task"], row(ledger)["node"]) == ("sentiment", "sentiment")


def test_the_same_attempt_id_may_stand_in_two_runs(ledger: Ledger) -> None:
    whole_run(ledger, "r1")
    whole_run(ledger, "r2")
    assert len(row(ledger, "r1")["attempts"]) == len(row(ledger, "r2")["attempts"]) == 2


def test_sub_runs_name_their_parent(ledger: Ledger) -> None:
    ledger.start("r1", {"text": "x"})
    ledger.start("r2", {"text": "x"}, parent_run_id="r1")
    ledger.start("r3", {"text": "x"}, parent_run_id="")
    assert (row(ledger, "r2")["parent_run_id"], row(ledger, "r3")["parent_run_id"]) == ("r1", None)


@pytest.mark.parametrize(
    "write",
    [
        lambda ledger: ledger.add_attempt("never", attempt()),
        lambda ledger: ledger.add_verdict("never", verdict()),
        lambda ledger: ledger.finish("never", answer("never")),
        lambda ledger: ledger.profiled("never", profile(), decision()),
    ],
)
def test_what_belongs_to_no_run_is_an_error(ledger: Ledger, write: Any) -> None:
    with pytest.raises(LedgerError, match="run never"):
        write(ledger)


def test_no_text_is_kept_by_default(ledger: Ledger, file: Path) -> None:
    whole_run(ledger)
    ledger.close()
    assert b"planted" not in bytes_of(file)


@pytest.mark.parametrize("sensitivity", ["personal", "secret"])
def test_no_text_of_a_sensitive_run_is_ever_kept(file: Path, sensitivity: str) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="all")
    ledger.start("r1", {"text": "planted text"}, profile(sensitivity=sensitivity), decision())
    ledger.add_attempt("r1", attempt())
    ledger.finish("r1", answer(profile=profile(sensitivity=sensitivity)))
    ledger.close()
    assert b"planted" not in bytes_of(file)


def test_texts_are_kept_where_the_setting_says_so(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="all")
    whole_run(ledger)
    assert row(ledger)["request"] == {"text": "planted text"}
    assert row(ledger)["attempts"][0]["output"] == {"answer": "planted output"}
    ledger.close()


def test_texts_of_a_run_that_turns_out_sensitive_are_dropped(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="all")
    whole_run(ledger)
    ledger.finish("r1", answer(profile=profile(sensitivity="personal")))
    assert row(ledger)["request"] is None
    assert [each["output"] for each in row(ledger)["attempts"]] == [None, None]
    ledger.close()


def test_before_the_profile_is_known_no_text_is_kept(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="all")
    ledger.start("r1", {"text": "planted text"})
    assert row(ledger)["request"] is None
    ledger.profiled("r1", profile(), decision(), {"text": "planted text"})
    assert row(ledger)["request"] == {"text": "planted text"}
    ledger.close()


def test_sampling_keeps_about_its_share(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="sampled", sample_share=0.5)
    for number in range(60):
        ledger.start(f"run-{number}", {"text": "x"}, profile(), decision())
    kept = sum(row(ledger, f"run-{number}")["request"] is not None for number in range(60))
    assert 15 <= kept <= 45
    ledger.close()


def test_personal_data_in_reasons_and_errors_is_masked(ledger: Ledger, file: Path) -> None:
    said: Any = {"code": "model", "what": f"Server said: bad prompt {CARD}", "remedy": ""}
    ledger.start("r1", {"text": "x"}, profile(reasons=[f"found {CARD}"]), decision())
    ledger.add_attempt("r1", attempt(error=said))
    failed: Any = {**verdict(accepted=False), "failed": [{"gate": "g", "detail": CARD}]}
    ledger.add_verdict("r1", failed)
    ledger.finish("r1", answer(status="failed", error=said, reasons=[CARD]))
    assert "[PAYMENT_CARD]" in row(ledger)["error_what"]
    ledger.close()
    assert CARD.encode() not in bytes_of(file)


def test_evidence_holds_no_text_even_where_it_is_handed_in(ledger: Ledger) -> None:
    span = {"type": "EMAIL", "start": 0, "end": 5, "score": 1.0, "source": "text"}
    ledger.start("r1", {"text": "x"}, profile(evidence=[{**span, "text": "planted"}]), decision())
    assert row(ledger)["evidence"] == [span]


def test_threads_write_at_once(ledger: Ledger) -> None:
    ledger.start("r1", {"text": "x"})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: ledger.add_attempt("r1", attempt(f"a{n}")), range(24)))
    positions = [each["position"] for each in row(ledger)["attempts"]]
    assert positions == list(range(24))


def test_nobody_else_can_read_the_files_of_a_ledger(ledger: Ledger, file: Path) -> None:
    whole_run(ledger)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in file.parent.glob("*sqlite*")}
    assert set(modes) == {file.name, f"{file.name}-wal", f"{file.name}-shm"}
    assert set(modes.values()) == {0o600}


def test_a_ledger_that_others_may_read_stays_so(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.touch()
    file.chmod(0o640)
    Ledger(f"sqlite:///{file}").close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_ledger_in_memory_serves_all_threads() -> None:
    ledger = Ledger("sqlite://")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: whole_run(ledger, f"r{n}"), range(8)))
    assert all(row(ledger, f"r{n}")["status"] == "accepted" for n in range(8))
    ledger.close()


WRITER = textwrap.dedent("""
    import sys, time
    from tandem.ledger.store import Ledger
    from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict
    url, name, how = sys.argv[1:]
    ledger = Ledger(url)
    for number in range(20):
        run_id = f"{name}-{number}"
        ledger.start(run_id, {"text": "x"}, profile(), decision())
        ledger.add_attempt(run_id, attempt())
        ledger.add_verdict(run_id, verdict())
        if how == "hang":
            print("written", flush=True)
            time.sleep(60)
        ledger.finish(run_id, answer(run_id))
""")


def writer(file: Path, name: str, how: str = "finish") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, f"sqlite:///{file}", name, how]
    root = Path(__file__).parents[3]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def test_processes_that_open_and_write_at_once_lose_nothing(file: Path) -> None:
    started = [writer(file, "p"), writer(file, "q")]
    for each in started:
        each.communicate()
    assert [each.returncode for each in started] == [0, 0]
    ledger = Ledger(f"sqlite:///{file}")
    runs = [row(ledger, f"{name}-{n}") for name in "pq" for n in range(20)]
    assert {(run["status"], len(run["attempts"])) for run in runs} == {("accepted", 1)}
    ledger.close()


def test_a_killed_process_leaves_a_running_row_with_its_attempts(file: Path) -> None:
    process = writer(file, "k", "hang")
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    ledger = Ledger(f"sqlite:///{file}")
    run = row(ledger, "k-0")
    assert (run["status"], run["finished"]) == ("running", None)
    assert [each["accepted"] for each in run["attempts"]] == [True]
    ledger.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_on_a_connection_of_its_own(ledger: Ledger) -> None:
    ledger.start("r1", {"text": "x"})
    child = os.fork()
    if child == 0:
        try:
            ledger.start("r2", {"text": "x"})
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    ledger.start("r3", {"text": "x"})
    assert all(ledger.run(name) for name in ("r1", "r2", "r3"))


@pytest.mark.parametrize(("version", "age"), [(0, "an older"), (99, "a newer")])
def test_a_ledger_of_another_version_is_refused(file: Path, version: int, age: str) -> None:
    ledger = Ledger(f"sqlite:///{file}")
    with ledger._engine.begin() as connection:
        connection.execute(update(tables.schema).values(version=version))
    ledger.close()
    with pytest.raises(LedgerError, match=age) as caught:
        Ledger(f"sqlite:///{file}")
    assert str(file) in caught.value.what
    assert "ledger.url" in caught.value.remedy


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, and no database at all" * 40)
    before = file.read_bytes()
    with pytest.raises(LedgerError, match="not a database") as caught:
        Ledger(f"sqlite:///{file}")
    assert str(file) in caught.value.what
    assert "Move the file away" in caught.value.remedy
    assert file.read_bytes() == before


def test_a_damaged_ledger_is_told(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}")
    for number in range(50):
        whole_run(ledger, f"r{number}")
    ledger.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(LedgerError, match=r"malformed|not a database|disk image"):
        Ledger(f"sqlite:///{file}").run("r1")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be opened") as caught:
        Ledger(f"sqlite:///{tmp_path / 'file' / 'ledger.sqlite'}")
    assert str(tmp_path) in caught.value.what


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(LedgerError, match="writable"):
        Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def test_a_write_that_fails_under_way_fails_the_run_without_its_values(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OperationalError("insert", {"text": "planted"}, sqlite3.OperationalError("disk full"))

    monkeypatch.setattr(ledger._engine.dialect, "do_execute", full)
    with pytest.raises(LedgerError, match="disk full") as caught:
        ledger.start("r1", {"text": "planted text"})
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "no url", "nosuchdb://host/x"])
def test_a_url_that_names_no_database_is_told(url: str) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.url|driver"):
        Ledger(url)


def test_messages_never_show_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LedgerError) as caught:
        Ledger("postgresql+nodriver://user:hunter2@host/ledger")
    assert "hunter2" not in str(caught.value)


def test_check_leaves_nothing_behind(ledger: Ledger, file: Path) -> None:
    whole_run(ledger)
    assert ledger.check() == f"{file}: writable, 1 runs"
    assert ledger.check() == f"{file}: writable, 1 runs"


def test_from_settings_takes_every_setting(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, ledger=LedgerSettings(texts="all"), currency="EUR")
    ledger = Ledger.from_settings(settings)
    whole_run(ledger)
    assert ledger.where == str(tmp_path / ".tandem" / "ledger.sqlite")
    assert (row(ledger)["currency"], row(ledger)["request"]) == ("EUR", {"text": "planted text"})
    ledger.close()


def test_rows_are_json_plain(ledger: Ledger) -> None:
    whole_run(ledger)
    assert json.loads(json.dumps(row(ledger))) == row(ledger)
