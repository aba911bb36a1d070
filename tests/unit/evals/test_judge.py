"""The judge: what it is asked, what becomes of its verdict, and how far it agrees with labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import DeadlineExceeded, EgressBlocked, InvalidRequest, SettingsError
from tandem.evals import agreement as agreements
from tandem.evals.agreement import Label, agreement, cohen_kappa, read_labels
from tandem.evals.evaluators import judge as judges
from tandem.evals.evaluators import make
from tandem.evals.evaluators.judge import Judge
from tandem.models.tier import Completion
from tests.langsmith_recorder import recorder
from tests.unit.evals.cases import case
from tests.unit.evals.fakes import RuleCall

EXPECTED = {"includes": ["13 May", ["desk", "table"]], "excludes": ["{"], "max_words": 90}
Rule = Callable[[str], str | Completion | Exception]


def verdict(good: bool) -> str:
    return json.dumps({"reasoning": "So it is.", "score": good})


def judge_of(rule: Rule, seen: list[RuleCall] | None = None) -> Judge:
    def bind(request: Any, task: str) -> RuleCall:
        call = RuleCall(name="llm", rule=rule)
        if seen is not None:
            seen.append(call)
        return call

    return Judge(call=bind)


def judged(rule: Rule, output: Any = "A new desk arrives on 13 May.") -> Any:
    return judge_of(rule)({"output": output}, {"expected": EXPECTED}, case(1, "A {desk}."))


def test_it_sees_request_facts_and_text_and_answers_by_a_schema() -> None:
    seen: list[RuleCall] = []
    one = case(1, "The {desk} was damaged.")
    one["request"] |= {"template": "Dear {name}", "slots": {"name": "Ms Brandt"}}
    said = judge_of(lambda _: verdict(True), seen)(
        {"output": {"text": "A desk."}}, {"expected": EXPECTED}, one
    )
    assert said == {"key": "judge", "score": 1.0, "comment": "So it is."}
    (prompt,) = seen[0].prompts
    text = prompt.messages[-1]["content"]
    for part in ("The {desk} was damaged.", "Dear {name}", "Ms Brandt", "A desk.", "13 May"):
        assert part in text
    assert "desk or table" in text
    assert prompt.schema is not None
    assert prompt.schema["properties"]["score"] == {"type": "boolean"}


@pytest.mark.parametrize(
    ("rule", "score", "comment"),
    [
        (lambda _: verdict(False), 0.0, "So it is."),
        (lambda _: '{"reasoning": "cut sh', None, "no verdict"),
        (lambda _: "[]", None, "no verdict"),
        (lambda _: '{"score": "yes"}', None, "no verdict"),
        (lambda _: EgressBlocked("It is personal."), None, "kept from the judge"),
        (lambda _: DeadlineExceeded("Too late."), None, "no verdict (deadline)"),
    ],
)
def test_verdicts(rule: Rule, score: float | None, comment: str) -> None:
    said = judged(rule)
    assert said["score"] == score
    assert comment in said["comment"]


def test_what_was_not_served_is_not_shown_to_it() -> None:
    assert judged(lambda _: ZeroDivisionError(), None)["score"] == 0.0


def test_its_prompts_are_in_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    from langsmith import Client
    from langsmith.run_helpers import tracing_context

    with recorder() as langsmith:
        client = Client(api_url=langsmith.url, api_key="k")
        with tracing_context(enabled=True, client=client):
            judged(lambda _: verdict(True), "quince quince")
        client.flush()
        assert langsmith.holding("quince") == []


def test_without_a_model_or_without_openevals_it_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = make("judge", {"tier": "slm", "least_kappa": 0.7})
    with pytest.raises(SettingsError, match="no model to ask"):
        bare({"output": "x"}, {"expected": {}}, case())
    monkeypatch.setitem(__import__("sys").modules, "openevals.llm", None)
    with pytest.raises(SettingsError, match="openevals"):
        judged(lambda _: verdict(True))
    assert judges.NO_VERDICT


def label(good: bool, text: str) -> Label:
    return Label({**case(), "expected": EXPECTED}, text, good, "")  # type: ignore[typeddict-item]


def test_agreement_counts_a_missing_verdict_as_none_of_the_labels() -> None:
    def rule(text: str) -> str:
        return "no JSON" if "third" in text else verdict("first" in text)

    labels = [label(True, "first"), label(True, "second"), label(False, "third")]
    labels += [label(False, "fourth")]
    found = agreement(judge_of(rule), labels)
    assert (found.n, found.agreed, found.no_verdict, found.called_good) == (4, 2, 1, 1)
    assert found.share.mean == 0.5
    assert found.kappa == pytest.approx(0.2)


@pytest.mark.parametrize(("good", "words"), [(True, "NOT to be believed"), (None, "indication")])
def test_a_judge_that_always_says_yes_is_not_to_be_believed(good: bool | None, words: str) -> None:
    labels = [label(True, "yes"), label(False, "no")] * 5
    found = agreement(
        judge_of(lambda text: verdict("\nyes\n" in text if good is None else good)), labels
    )
    told = found.told(0.6)
    assert words in told
    assert "of 10 labels" in told
    assert f"kappa {found.kappa:.2f}" in told


def test_kappa() -> None:
    assert cohen_kappa(["a", "a"], ["a", "a"]) == 1.0
    assert cohen_kappa(["a", "b"], ["a", "b"]) == 1.0
    assert cohen_kappa(["a", "b"], ["a", "a"]) == 0.0
    # Cohen (1960), as in Wikipedia's example of 50 proposals: 20 yes-yes, 5, 10, 15 no-no.
    left = ["yes"] * 25 + ["no"] * 25
    right = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(left, right) == pytest.approx(0.4)


def test_the_labels_that_come_along() -> None:
    labels = read_labels()
    assert len(labels) == 24
    assert sum(one.good for one in labels) == 12
    assert {one.case["suite"] for one in labels} == {"drafts", "support"}
    assert all(bool(one.fault) != one.good for one in labels)
    assert len({one.case["id"] for one in labels}) == 24


@pytest.mark.parametrize(
    "row",
    [
        {"suite": "drafts", "case": "nothing", "text": "x", "good": True},
        {"suite": "drafts", "case": "draft-01", "text": 3, "good": True},
        {"suite": "drafts", "case": "draft-01", "text": "x", "good": "yes"},
    ],
)
def test_a_wrong_label_is_told_with_its_line(tmp_path: Path, row: dict[str, Any]) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"labels\.jsonl:1"):
        agreements.read_labels(file)
