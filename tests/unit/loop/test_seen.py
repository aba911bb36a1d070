"""Nothing is promised on what the adapter in force learnt, whatever file it comes in."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import InvalidRequest, ModelFileError
from tandem.graphs.tasks import Tasks
from tandem.loop.calibrate import Calibrator, Outcome
from tandem.loop.improve.dealing import deal
from tandem.loop.improve.rows import SlotRows
from tandem.loop.labelled import Split, read_labelled, split
from tandem.loop.options import Options
from tandem.loop.seen import NOTHING, Seen, apart, seen_in_force, write_seen
from tandem.loop.select.asking import plain
from tandem.loop.select.rows import read_rows, unseen
from tandem.loop.telling import lines
from tandem.nodes.labels import LabelTask
from tandem.nodes.tuned import asked_labels
from tests.unit.loop.memorising import LABELS, learnt_from, promoted, services_of, write
from tests.unit.services import FakeServices

ASKED = asked_labels(LABELS)
NO_ROWS = SlotRows("sentiment", LABELS, (), (), (), 0, 0)


def calibrated(services: FakeServices, path: Path, seed: int = 0) -> Outcome:
    task = Tasks(services)["sentiment"]
    assert isinstance(task, LabelTask)
    options = Options(llm_rows=0, probe_rows=20, examples=0, seed=seed)
    plain_task = replace(task, calibrated=None)
    return Calibrator(services, plain_task, options).run(read_labelled(path, LABELS))


def certified(outcome: Outcome) -> list[tuple[str, ...]]:
    """Stages by which anything is promised at 0.9."""
    made = [one.promise for one in outcome.outlooks if one.promise.target == 0.9]
    return [one.stages for one in made if one.threshold is not None]


def test_after_tuning_the_same_file_promises_no_more_than_is_true(tmp_path: Path) -> None:
    """Tune, promote, calibrate, all with one file, as docs/tuning.md has it."""
    path = write(tmp_path / "rows.jsonl", 500)
    given_rows = learnt_from(path)
    services = promoted(tmp_path, given_rows)
    outcome = calibrated(services, path)
    assert certified(outcome) == []
    parts, texts = outcome.measured.split, read_labelled(path, LABELS).texts
    seen = {row.text for row in (*given_rows.train, *given_rows.held_out)}
    assert seen.isdisjoint(texts[row] for row in (*parts.calibrate, *parts.test))
    assert len(parts.calibrate) > 200
    learnt = {row.text for row in given_rows.train}
    assert learnt.isdisjoint(texts[row] for row in outcome.measured.score_rows)
    assert outcome.moved == ""


def test_what_was_learnt_otherwise_dealt_out_is_found_and_told(tmp_path: Path) -> None:
    """Another seed, and a part of the file with rows of another one."""
    path = write(tmp_path / "rows.jsonl", 500)
    services = promoted(tmp_path, learnt_from(path, seed=7))
    other = write(tmp_path / "other.jsonl", 500, start=250)
    outcome = calibrated(services, other)
    assert certified(outcome) == []
    assert "rows certify nothing, since the adapter in force by-heart learnt from" in outcome.moved
    assert outcome.moved in list(lines(outcome, 0.9))
    seen = seen_in_force(services, "sentiment", ASKED)
    texts = read_labelled(other, LABELS).texts
    parts = outcome.measured.split
    assert not any(seen.has_learnt(texts[row]) for row in (*parts.calibrate, *parts.test))
    assert not any(seen.was_judged_by(texts[row]) for row in parts.calibrate)


def test_where_all_was_learnt_nothing_is_promised(tmp_path: Path) -> None:
    path, test = write(tmp_path / "a.jsonl", 300), write(tmp_path / "b.jsonl", 100, start=300)
    services = promoted(tmp_path, learnt_from(path, test))
    for file in (path, test):
        with pytest.raises(InvalidRequest, match="adapter in force by-heart learnt from"):
            calibrated(services, file)


def test_a_lost_record_promises_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", 500)
    services = promoted(tmp_path, learnt_from(path))
    (services.adapters.folder / "by-heart" / "seen.json").write_text("{}")
    with pytest.raises(ModelFileError, match="which rows the adapter by-heart learnt is not known"):
        calibrated(services, path)


def test_no_candidate_is_judged_on_what_the_adapter_learnt(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", 500)
    services = promoted(tmp_path, learnt_from(path, seed=7))
    seen = seen_in_force(services, "sentiment", ASKED)
    task = plain(Tasks(services)["sentiment"])
    rows = read_rows(path, task, LABELS)
    clean = unseen(rows, seen)
    assert clean.learnt > 50
    assert not any(seen.has_learnt(row.request["text"]) for row in clean.judge)
    assert len(clean.judge) + clean.learnt == len(rows.judge)
    assert len(clean.learn) == len(rows.learn) + clean.learnt
    with pytest.raises(InvalidRequest, match="leave the adapter out"):
        unseen(rows, seen_in_force(all_learnt(tmp_path / "all", path), "sentiment", ASKED))


def all_learnt(folder: Path, path: Path) -> FakeServices:
    folder.mkdir()
    return promoted(folder, learnt_from(path, write(folder / "test.jsonl", 60, start=900)))


def test_improve_certifies_and_judges_on_nothing_that_was_learnt(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", 500)
    labelled = read_labelled(path, LABELS)
    same = promoted(tmp_path, learnt_from(path))
    seen = seen_in_force(same, "sentiment", ASKED)
    dealt = deal(NO_ROWS, labelled, 0, seen)
    assert dealt.moved == ""
    assert np.array_equal(dealt.parts.test, deal(NO_ROWS, labelled, 0).parts.test)
    other = deal(NO_ROWS, labelled, 3, seen)
    assert "adapter in force by-heart" in other.moved
    barred = (*other.parts.calibrate, *other.parts.test)
    assert not any(seen.has_learnt(labelled.texts[row]) for row in barred)


def test_what_improve_learns_is_for_fitting_everywhere(tmp_path: Path) -> None:
    for count in (300, 1500):
        rows = read_labelled(write(tmp_path / "rows.jsonl", count), LABELS)
        fit = set(split(rows).fit.tolist())
        assert set(deal(NO_ROWS, rows).parts.fit.tolist()) <= fit


def test_a_text_is_known_again_in_its_masked_form_too(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", 500)
    learnt = learnt_from(path)
    learnt.card["sensitive_rows"] = "mask"
    services = promoted(tmp_path, learnt)
    write_seen(services.adapters, "by-heart", ["ask [EMAIL] for gold"], [])
    seen = seen_in_force(services, "sentiment", ASKED)
    assert seen.has_learnt("Ask ann@example.org  for gold")
    assert not seen.has_learnt("ask for gold")


def test_the_record_holds_no_text_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", 500)
    services = promoted(tmp_path, learnt_from(path))
    file = services.adapters.folder / "by-heart" / "seen.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "gold" not in file.read_text()
    before = file.read_text()
    write_seen(services.adapters, "by-heart", ["gold on day 1"], [])
    again = file.read_text()
    write_seen(services.adapters, "by-heart", ["gold on day 1"], [])
    assert len({before, again, file.read_text()}) == 3, "another key each time"


def test_without_an_adapter_nothing_was_seen(tmp_path: Path) -> None:
    from tandem.models.adapters import Adapters

    services = services_of(tmp_path, Adapters(tmp_path / "none"), frozenset())
    assert seen_in_force(services, "sentiment", ASKED) is NOTHING


@given(st.lists(st.sampled_from("lju"), min_size=1, max_size=40), st.data())
def test_rows_are_moved_and_none_is_lost(kinds: list[str], data: Any) -> None:
    texts = [f"{kind} {number}" for number, kind in enumerate(kinds)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(kinds)), min_size=2, max_size=2)))
    parts = Split(*np.split(np.arange(len(kinds)), cuts))
    found = apart(parts, texts, _ByKind())
    assert sorted(np.concatenate(found.parts).tolist()) == list(range(len(kinds)))
    assert all(kinds[row] == "u" for row in found.parts.calibrate)
    assert all(kinds[row] != "l" for row in found.parts.test)
    assert all(kinds[row] != "l" for row in found.parts.fit[: found.fresh])
    assert all(kinds[row] == "l" for row in found.parts.fit[found.fresh :])


class _ByKind(Seen):
    def has_learnt(self, text: str) -> bool:
        return text.startswith("l")

    def was_judged_by(self, text: str) -> bool:
        return text.startswith("j")
