"""A whole calibration on fake models, and what it comes to in the graph."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandem.errors import InvalidRequest, ModelError, ModelUnavailable, PromptTooLong
from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks, calibrations
from tandem.loop.against_llm import exchange
from tandem.loop.calibrate import Calibrator, Outcome
from tandem.loop.labelled import read_labelled, split
from tandem.loop.options import Options, refuse_too_few
from tandem.loop.pictures import in_text, to_png
from tandem.loop.telling import curves_of, lines
from tandem.nodes.labels import LabelTask
from tandem.quality.calibration.curves import Curve
from tandem.quality.calibration.threshold import REJECTED
from tests.unit.loop.calibrating import TEXTS, answers, calibrating, label_of, write_rows
from tests.unit.quality.calibration.rows import LABELS
from tests.unit.services import FakeServices

OPTIONS = Options(slm_rows=40, llm_rows=30, probe_rows=20)


def calibrator(services: FakeServices, options: Options = OPTIONS) -> Calibrator:
    task = Tasks(services)["sentiment"]
    assert isinstance(task, LabelTask)
    return Calibrator(services, replace(task, calibrated=None), options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calibrating")


@pytest.fixture(scope="module")
def outcome(folder: Path) -> Outcome:
    rows = read_labelled(write_rows(folder / "rows.jsonl"), LABELS)
    return calibrator(calibrating(folder)).run(rows)


def test_the_parts_are_disjoint_and_each_stage_was_asked_where_it_should(outcome: Outcome) -> None:
    parts, slm = outcome.measured.split, outcome.measured.slm
    assert slm is not None
    asked = set(slm.answered(np.arange(len(TEXTS))).tolist())
    assert asked == {row for part in parts for row in part[:40].tolist()}
    assert len(set(np.concatenate(parts).tolist())) == len(TEXTS)


def test_a_head_that_knows_is_certified_and_pays(outcome: Outcome) -> None:
    made = outcome.calibration.promise(0.9, ("head", "slm"))
    assert made is not None
    assert made.stages == ("head",)
    found = next(one for one in outcome.outlooks if one.promise == made)
    assert found.kept
    assert found.head > 0.5
    assert found.cost is not None
    assert found.cost < 0.5


def test_what_the_model_says_is_told_before_and_after_its_score(outcome: Outcome) -> None:
    told = outcome.figures["slm"]
    assert told["raw_accuracy"] < 0.6
    assert told["accuracy"] > told["raw_accuracy"] + 0.2  # the score also asks the head
    assert {"auroc", "aurc", "ece_before", "ece_after"} <= told.keys()


def test_examples_never_show_a_row_its_own_answer(folder: Path) -> None:
    services = calibrating(folder)
    rows = read_labelled(folder / "rows.jsonl")
    calibrator(services, replace(OPTIONS, llm_rows=0, examples=4)).run(rows)
    prompts = services.fakes["slm"].prompts
    assert len(prompts) == sum(min(OPTIONS.slm_rows, len(part)) for part in split(rows))
    for prompt in prompts:
        *turns, own = [turn["content"] for turn in prompt.messages]
        assert len(turns) == 9
        assert own not in turns


def test_the_report_tells_everything(outcome: Outcome) -> None:
    told = "\n".join(lines(outcome, 0.9))
    for words in ("rows for fitting", "calibration error", "nothing certified", "Promise: of the"):
        assert words in told
    assert "LLM is asked with" in told
    assert {"head", "slm", "both"} == set(curves_of(outcome))
    assert "asked of every row it would gain" in told


def test_the_benefit_of_the_llm_is_its_lead_over_what_answers_without_it(
    outcome: Outcome,
) -> None:
    """What it mends less what it spoils is the difference of the shares of right answers."""
    measured, scored = outcome.measured, outcome.scored
    told = exchange(measured, scored)
    assert told is not None
    assert measured.llm is not None
    rows = measured.llm.among(measured.split.test[:40])
    assert told.rows == len(rows)
    llm = (measured.llm.labels[rows] == measured.labels[rows]).mean()
    best = [
        "slm" if scored.scores["slm"][row] > scored.scores["head"][row] else "head" for row in rows
    ]
    local = [
        scored.labels[name][row] == measured.labels[row]
        for name, row in zip(best, rows, strict=True)
    ]
    assert told.mends - told.spoils == pytest.approx(llm - np.mean(local))


def test_the_card_tells_of_the_llm_where_each_promise_accepts(outcome: Outcome) -> None:
    told = outcome.calibration.card["llm_where_accepted"]
    assert [(target, tuple(stages)) for target, stages, _, _ in told] == [
        (one.target, one.stages) for one in outcome.calibration.promises
    ]
    for one, (_, _, right, rows) in zip(outcome.calibration.promises, told, strict=True):
        assert 0 <= right <= rows <= 30
        assert (rows > 0) is (one.threshold is not None)


def test_the_benefit_is_known_where_the_slm_was_not_asked(folder: Path) -> None:
    options = replace(OPTIONS, slm_rows=0, llm_rows=20, probe_rows=60, examples=0)
    made = calibrator(calibrating(folder), options).run(read_labelled(folder / "rows.jsonl"))
    assert made.calibration.benefit is not None


def test_a_calibration_is_in_force_once_it_is_saved(outcome: Outcome, tmp_path: Path) -> None:
    services = calibrating(tmp_path)
    calibrations(services.settings).save(outcome.calibration)
    text = "gold climbs on day 77"
    request = {"text": text, "task": "sentiment", "labels": list(LABELS)}
    answer = build(services).compile().invoke({"request": request})["answer"]
    assert (answer["tier"], answer["output"]["label"]) == ("head", label_of(text))
    assert any("at least 90 % are right" in reason for reason in answer["reasons"])


def test_a_tier_that_is_down_ends_it_with_its_error(folder: Path) -> None:
    services = FakeServices(folder, slm=[ModelUnavailable("The SLM is down.", "Start it.")])
    services.__dict__["embeddings"] = calibrating(folder).embeddings
    with pytest.raises(ModelError, match="is down"):
        calibrator(services).run(read_labelled(folder / "rows.jsonl"))


def test_rows_that_may_not_reach_a_public_model_are_no_examples(tmp_path: Path) -> None:
    card = "gold climbs for 4539148803436467 on day 3"
    file = write_rows(tmp_path / "rows.jsonl", [*TEXTS[:200], card])
    services = calibrating(tmp_path)
    made = calibrator(services, replace(OPTIONS, slm_rows=25, llm_rows=0, examples=2)).run(
        read_labelled(file)
    )
    assert made.calibration.examples is not None
    assert card not in made.calibration.examples.texts


def test_rows_that_the_settings_hide_from_a_public_model_are_no_examples(tmp_path: Path) -> None:
    """`internal` rows stay out where public_may_see names `none` alone."""
    term = {"type": "PROJECT", "sensitivity": "internal", "words": ("climbs",)}
    privacy: Any = {"public_may_see": ("none",), "terms": (term,)}
    services = calibrating(tmp_path, privacy=privacy)
    assert services.assess({"text": "gold climbs"}).sensitivity == "internal"
    options = replace(OPTIONS, slm_rows=25, llm_rows=0, examples=2)
    rows = read_labelled(write_rows(tmp_path / "rows.jsonl"), LABELS)
    examples = calibrator(services, options).run(rows).calibration.examples
    assert examples is not None
    assert examples.texts
    assert not any("climbs" in text for text in examples.texts)


def test_rows_of_several_tenants_stand_in_no_prompt_but_their_own(tmp_path: Path) -> None:
    services = calibrating(tmp_path)
    rows = replace(read_labelled(write_rows(tmp_path / "rows.jsonl"), LABELS), several_tenants=True)
    made = calibrator(services, replace(OPTIONS, llm_rows=0, examples=4)).run(rows)
    assert made.calibration.examples is None
    assert made.calibration.slm is not None
    assert made.calibration.slm.asking.examples == 0


def test_rows_without_an_answer_count_as_not_accepted(tmp_path: Path) -> None:
    """A row that is too long for the SLM goes on to the LLM in force: it stays in the counts."""
    too_long = PromptTooLong("The prompt is too long.", "Shorten it.")
    given = answers(1, 0.6)
    slm = (too_long if at % 5 == 0 else next(given) for at in itertools.count())
    services = FakeServices(tmp_path, slm=slm)  # type: ignore[arg-type]
    services.__dict__["embeddings"] = calibrating(tmp_path).embeddings
    options = replace(OPTIONS, slm_rows=60, llm_rows=0, examples=0)
    outcome = calibrator(services, options).run(
        read_labelled(write_rows(tmp_path / "rows.jsonl"), LABELS)
    )
    measured, scored = outcome.measured, outcome.scored
    asked = measured.split.calibrate[:60]
    lacking = asked[measured.slm.labels[asked] == -1] if measured.slm else asked
    assert 5 < len(lacking) < 20
    assert (scored.scores["slm"][lacking] == REJECTED).all()
    both = [one for one in outcome.calibration.promises if one.stages == ("head", "slm")]
    assert {one.rows for one in both} == {len(asked)}
    assert outcome.calibration.slm
    assert outcome.calibration.slm.rows == min(60, len(measured.split.test))
    pairs = outcome.calibration.card["scores"]["slm"]
    assert min(score for _, score in pairs) >= 0


def test_too_few_rows_are_told_with_how_many_it_takes() -> None:
    with pytest.raises(InvalidRequest, match="at least 22") as caught:
        refuse_too_few(21, OPTIONS)
    assert "98 different texts" in str(caught.value)
    refuse_too_few(22, OPTIONS)


def test_pictures(tmp_path: Path) -> None:
    x = np.arange(1, 101) / 100
    curves = {"head": Curve(x, x / 5), "slm": Curve(x, x / 3)}
    drawn = in_text(curves)
    assert len({len(line) <= 80 for line in drawn}) == 1
    assert any("o head, + slm" in line for line in drawn)
    pytest.importorskip("matplotlib")
    to_png(curves, tmp_path / "curve.png", "sentiment")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
