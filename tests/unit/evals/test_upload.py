"""Uploads go to a LangSmith on loopback: what arrives, what does not, and nothing twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import UploadError
from tandem.evals import upload
from tandem.evals.langsmith_client import connect
from tandem.evals.memory import UPLOADS, Memory
from tandem.evals.suite import Suite
from tests.langsmith_recorder import Fault, Langsmith, recorder
from tests.unit.evals.cases import case
from tests.unit.evals.uploads import CALM, HASTY, result, uploader

CASES = [case(number, f"Film {number}.") for number in range(4)]
RESULTS = [result("slm_only", one, "negative") for one in CASES[:2]]
RESULTS += [result("slm_only", one) for one in CASES[2:]]
RESULTS += [result("tandem", one) for one in CASES]
RUNS = len(RESULTS)


@pytest.fixture
def langsmith(monkeypatch: pytest.MonkeyPatch) -> Iterator[Langsmith]:
    with recorder() as made:
        monkeypatch.setenv("LANGSMITH_API_KEY", "a-key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", made.url)
        yield made


def arrived(langsmith: Langsmith) -> None:
    """All of RESULTS, once."""
    assert len(langsmith.datasets) == 1
    assert len(langsmith.examples) == len(CASES)
    assert len(langsmith.experiments) == 2
    assert len(langsmith.runs) == RUNS
    row_scores = [one for one in langsmith.feedback.values() if one.get("run_id")]
    assert len(row_scores) == RUNS


def test_a_dataset_and_an_experiment_a_policy(tmp_path: Path, langsmith: Langsmith) -> None:
    made = uploader(tmp_path, CASES, RESULTS).upload()
    arrived(langsmith)
    assert langsmith.twice == []
    assert (made.examples, made.withheld) == (4, 0)
    assert [(one.policy, one.sent) for one in made.experiments] == [("slm_only", 4), ("tandem", 4)]
    dataset = next(iter(langsmith.datasets.values()))
    assert dataset["name"] == made.dataset
    for experiment in langsmith.experiments.values():
        suite, policy, fingerprint, revision, _ = experiment["name"].split(".")
        assert (suite, fingerprint, revision) == ("films", "01234567", "abc1234+")
        assert experiment["reference_dataset_id"] == dataset["id"]
        assert experiment["end_time"]
        metadata = experiment["extra"]["metadata"]
        assert (metadata["policy"], metadata["n"]) == (policy, 4)
        assert metadata["settings"]["fingerprint"] == "0123456789ab"
        assert metadata["figures"][0]["quality"]["n"] == 4


def test_runs_scores_and_intervals(tmp_path: Path, langsmith: Langsmith) -> None:
    uploader(tmp_path, CASES, RESULTS).upload()
    names = {one["id"]: one["name"] for one in langsmith.experiments.values()}
    slm = next(number for number, name in names.items() if ".slm_only." in name)
    runs = [one for one in langsmith.runs.values() if one["session_name"] == names[slm]]
    assert {one["reference_example_id"] for one in runs} == set(langsmith.examples)
    one = runs[0]
    assert one["inputs"]["request"]["text"].startswith("Film")
    assert one["outputs"]["cost"] == 0.25
    assert one["outputs"]["attempts"] == 0
    assert one["outputs"]["seconds"] == 1.5
    assert not {"case_sum", "expected", "scores"} & set(one["outputs"])
    scores = [row for row in langsmith.feedback.values() if row.get("run_id")]
    wrong = [row for row in scores if row["score"] == 0.0]
    assert [row["comment"] for row in wrong] == ["said 'negative'"] * 2
    own = {
        row["key"]: row
        for row in langsmith.feedback.values()
        if row["session_id"] == slm and not row.get("run_id")
    }
    assert set(own) == {"quality", "served_precision", "macro_f1"}
    assert own["quality"]["score"] == pytest.approx(0.5)
    assert "95 % interval" in own["quality"]["comment"]
    assert "n = 4" in own["quality"]["comment"]


def test_a_second_upload_sends_no_row(tmp_path: Path, langsmith: Langsmith) -> None:
    uploader(tmp_path, CASES, RESULTS).upload()
    before = len(langsmith.requests("POST|PATCH"))
    again = uploader(tmp_path, CASES, RESULTS).upload()
    assert [(one.sent, one.before) for one in again.experiments] == [(0, 4), (0, 4)]
    assert len(langsmith.requests("POST|PATCH")) == before


@pytest.mark.parametrize("damage", ["[]", '{"x": {}}', "{"])
def test_without_its_memory_the_same_ids_are_sent(
    tmp_path: Path, langsmith: Langsmith, damage: str
) -> None:
    uploader(tmp_path, CASES, RESULTS).upload()
    feedback = len(langsmith.feedback)
    (tmp_path / UPLOADS).write_text(damage, encoding="utf-8")
    uploader(tmp_path, CASES, RESULTS).upload()
    arrived(langsmith)
    assert len(langsmith.feedback) == feedback


def test_other_results_are_another_experiment_on_the_same_dataset(
    tmp_path: Path, langsmith: Langsmith
) -> None:
    uploader(tmp_path / "a", CASES, RESULTS).upload()
    fresh = [{**one, "seconds": 2.0} for one in RESULTS]
    uploader(tmp_path / "b", CASES, fresh).upload()  # type: ignore[arg-type]
    assert len(langsmith.datasets) == 1
    assert len(langsmith.examples) == len(CASES)
    assert len(langsmith.experiments) == 4


def test_fewer_rows_are_another_dataset(tmp_path: Path, langsmith: Langsmith) -> None:
    uploader(tmp_path, CASES, RESULTS).upload()
    some = [one for one in RESULTS if one["id"] in ("row-1", "row-2")]
    uploader(tmp_path, CASES[1:3], some).upload()
    assert len(langsmith.datasets) == 2
    assert len(langsmith.examples) == len(CASES) + 2
    assert len(langsmith.runs) == RUNS + 4


def test_unfinished_rows_follow_later(tmp_path: Path, langsmith: Langsmith) -> None:
    down: Any = {"code": "model_unavailable", "what": "No model.", "remedy": ""}
    part = [*RESULTS[:-1], {**RESULTS[-1], "error": down}]
    made = uploader(tmp_path, CASES, part).upload()  # type: ignore[arg-type]
    assert [(one.sent, one.unfinished) for one in made.experiments] == [(4, 0), (3, 1)]
    ended = [one for one in langsmith.experiments.values() if one.get("end_time")]
    assert len(ended) == 1
    made = uploader(tmp_path, CASES, RESULTS).upload()
    assert [(one.sent, one.before) for one in made.experiments] == [(0, 4), (1, 3)]
    arrived(langsmith)
    assert langsmith.twice == []


def test_a_document_that_is_read_later_joins_the_same_dataset(
    tmp_path: Path, langsmith: Langsmith
) -> None:
    with_file = case(9, files=["a.txt"])
    cases = [with_file, *CASES]
    down: Any = {"code": "model_unavailable", "what": "No model.", "remedy": ""}
    before = [result("tandem", with_file, error=down), *RESULTS]
    first = uploader(tmp_path, cases, before).upload()  # type: ignore[arg-type]
    assert first.withheld == 1
    second = uploader(tmp_path, cases, [result("tandem", with_file), *RESULTS]).upload()
    assert (second.dataset, second.withheld) == (first.dataset, 0)
    assert langsmith.twice == []


def test_a_failed_row_carries_its_error(tmp_path: Path, langsmith: Langsmith) -> None:
    error: Any = {"code": "egress_blocked", "what": "Nothing was sent.", "remedy": ""}
    failed = result("tandem", CASES[0], error=error, status="needs_review", output=None)
    uploader(tmp_path, CASES[:1], [failed]).upload()
    (run,) = langsmith.runs.values()
    assert run["error"] == "egress_blocked: Nothing was sent."


FAULTS = [
    (Fault(".", 401, 99), "does not know the key", "LANGSMITH_API_KEY"),
    (Fault(".", 403, 99), "refuses the key", "LANGSMITH_WORKSPACE_ID"),
    (Fault(".", 404, 99), "no such endpoint", "LANGSMITH_ENDPOINT"),
    (Fault("POST /runs", 413, 99), "this size", "--n"),
    (Fault(".", 422, 99), "refused the upload (422)", "Update langsmith"),
    (Fault(".", 429, 99), "asks to send less", "Wait"),
    (Fault("POST /runs", 500, 99), "failed (500)", "later"),
    (Fault(".", 503, 99), "failed (503)", "later"),
    (Fault("POST /runs", hang=True, times=99), "does not answer", "connection"),
    (Fault("GET /datasets", 200, 99), "not its API", "LANGSMITH_ENDPOINT"),
]


@pytest.mark.parametrize(("fault", "what", "remedy"), FAULTS)
def test_what_goes_wrong_is_told_and_the_next_run_completes(
    tmp_path: Path, langsmith: Langsmith, fault: Fault, what: str, remedy: str
) -> None:
    langsmith.faults.append(fault)
    patience = HASTY if fault.hang else CALM
    with pytest.raises(UploadError) as told:
        uploader(tmp_path, CASES, RESULTS, patience=patience).upload()
    assert what in told.value.what
    assert "kept" in told.value.what
    assert remedy in told.value.remedy
    assert "same command" in told.value.remedy
    assert "as the test asked" not in str(told.value)
    langsmith.faults.clear()
    uploader(tmp_path, CASES, RESULTS).upload()
    arrived(langsmith)


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_API_KEY", "a-key")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UploadError, match="does not answer"):
        uploader(tmp_path, CASES, RESULTS).upload()


def test_without_a_key_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGSMITH_API_KEY", raising=False)
    monkeypatch.setenv("LANGCHAIN_API_KEY", "not-asked")
    with pytest.raises(UploadError, match="LANGSMITH_API_KEY is not set"):
        connect()


@pytest.mark.parametrize("status", [429, 502])
def test_a_passing_fault_is_ridden_out(tmp_path: Path, langsmith: Langsmith, status: int) -> None:
    langsmith.faults.append(Fault("POST /runs", status, times=2))
    uploader(tmp_path, CASES, RESULTS).upload()
    arrived(langsmith)
    assert langsmith.twice == []


def test_retry_after_is_kept_to_and_cut_short(tmp_path: Path, langsmith: Langsmith) -> None:
    langsmith.faults.append(Fault("POST /runs", 429, 1, headers=(("Retry-After", "3600"),)))
    started = time.perf_counter()
    uploader(tmp_path, CASES, RESULTS).upload()
    assert 1.0 <= time.perf_counter() - started < 10  # CALM waits a second at most
    arrived(langsmith)


@pytest.mark.parametrize(
    ("path", "hang"),
    [
        ("POST /datasets", False),
        ("POST /examples", False),
        ("POST /sessions", False),
        ("POST /runs", False),
        ("POST /runs", True),
        ("POST /feedback", False),
    ],
)
def test_an_answer_that_is_lost_counts_nothing_twice(
    tmp_path: Path, langsmith: Langsmith, path: str, hang: bool
) -> None:
    """The service did it, the client does not know: sent again, under the same id."""
    langsmith.faults.append(Fault(path, 500, times=9, after=True, hang=hang))
    with pytest.raises(UploadError):
        uploader(tmp_path, CASES, RESULTS, patience=HASTY if hang else CALM).upload()
    langsmith.faults.clear()
    uploader(tmp_path, CASES, RESULTS).upload()
    arrived(langsmith)


@given(stop=st.integers(0, RUNS))
@settings(max_examples=4, deadline=None)
def test_a_stop_between_any_two_batches(
    tmp_path_factory: pytest.TempPathFactory, stop: int
) -> None:
    folder = tmp_path_factory.mktemp("stopped")
    with recorder() as langsmith, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGSMITH_API_KEY", "a-key")
        patch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        patch.setattr(upload, "BATCH", 1)
        seen: list[int] = []

        def progress(rows: int) -> None:
            if len(seen) == stop:
                raise KeyboardInterrupt
            seen.append(rows)

        if stop < RUNS:
            with pytest.raises(KeyboardInterrupt):
                uploader(folder, CASES, RESULTS).upload(progress)
        uploader(folder, CASES, RESULTS).upload()
        arrived(langsmith)
        assert langsmith.twice == []


def test_a_policy_of_a_settings_file_tells_no_folder(tmp_path: Path, langsmith: Langsmith) -> None:
    file = tmp_path / "hidden-folder" / "other.toml"
    file.parent.mkdir()
    file.write_text("", encoding="utf-8")
    uploader(tmp_path / "out", CASES, [result(f"settings:{file}", one) for one in CASES]).upload()
    (experiment,) = langsmith.experiments.values()
    assert experiment["name"].startswith("films.settings-other.")
    assert experiment["extra"]["metadata"]["settings"]["models"]
    assert langsmith.holding("hidden-folder") == []


def test_groups_of_a_mixture_have_their_own_figures(tmp_path: Path, langsmith: Langsmith) -> None:
    other = Suite(name="books", task="sentiment", primary="label_match")
    cases = [CASES[0], {**case(9), "suite": "books"}]
    results = [result("tandem", one) for one in cases]  # type: ignore[arg-type]
    made = uploader(tmp_path, cases, results)  # type: ignore[arg-type]
    made.loaded.suites["books"] = other
    from tandem.evals.summarise import summarise

    whole = summarise("mix", results, made.loaded.suites)
    object.__setattr__(made.evaluation, "summary", whole)
    made.upload()
    keys = {one["key"] for one in langsmith.feedback.values() if not one.get("run_id")}
    assert {"films:quality", "books:quality", "quality"} <= keys


def test_memory_is_kept_by_experiment(tmp_path: Path) -> None:
    first, second = Memory(tmp_path, "a"), Memory(tmp_path, "b")
    first.add(["r1"])
    first.end()
    second = Memory(tmp_path, "b")
    second.add(["r2"])
    assert Memory(tmp_path, "a").rows == {"r1"}
    assert Memory(tmp_path, "a").ended
    assert Memory(tmp_path, "b").rows == {"r2"}
    assert json.loads((tmp_path / UPLOADS).read_text(encoding="utf-8"))["b"]["ended"] is False
