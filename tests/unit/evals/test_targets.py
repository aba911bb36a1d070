"""The policies over tiers that answer by a rule."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest, ModelUnavailable, SettingsError
from tandem.evals.cache import AnswerCache
from tandem.evals.policies import applies
from tandem.evals.result import Result, asked_llm, served
from tandem.evals.targets import Bench, make_target
from tandem.models.tier import CallContext, Completion, Token, ToolCall
from tandem.settings import Privacy, Settings
from tests.unit.evals.cases import case
from tests.unit.evals.fakes import RulePool, RuleTier, bench
from tests.unit.fakes import completion

SURE = completion("negative", logprob=-0.01, seconds=2.0, cost=0.5)
_HALVES = {"negative": math.log(0.51), "positive": math.log(0.49)}
UNSURE = completion(
    "negative", tokens=(Token("negative", math.log(0.51), _HALVES),), seconds=2.0, cost=0.5
)
RIGHT = completion("positive", logprob=-0.01, seconds=4.0, cost=8.0)
CARD = "My card is 4111 1111 1111 1111."


def small(answer: Completion | Exception = UNSURE) -> RuleTier:
    return RuleTier("slm", lambda _: answer)


def large(answer: Completion | Exception = RIGHT, private: bool = False) -> RuleTier:
    return RuleTier("llm", lambda _: answer, private)


def result(
    folder: Path,
    policy: str,
    *,
    slm: RuleTier | None = None,
    llm: RuleTier | None = None,
    public: bool = False,
    **fields: Any,
) -> Result:
    made = bench(folder, RulePool(slm or small(), llm or large()))
    try:
        return make_target(policy, made, lambda _: public)(case(**fields))
    finally:
        made.close()


class Watched(RuleTier):
    """Notes what each call was bound to."""

    def bind(self, context: CallContext) -> Any:
        contexts.append(context)
        return super().bind(context)


contexts: list[CallContext] = []


@pytest.mark.parametrize("leave", ["redact", "block"])
def test_what_a_case_holds_is_known_before_its_task_cuts_it(leave: Any, tmp_path: Path) -> None:
    privacy = Privacy(leave={"PASSWORD": leave})
    made = Bench(Settings(home=tmp_path, privacy=privacy), AnswerCache(tmp_path / "a"), tmp_path)
    made.services.__dict__["pool"] = RulePool(small(), Watched("llm", lambda _: RIGHT))
    request = {"text": "My PIN is 4821.", "labels": ["positive", "negative"]}
    make_target("llm_only", made, lambda _: False)(case(request=request))
    made.close()
    assert contexts.pop().vault.knows("x 4821") is (leave == "redact")


def test_slm_only_serves_what_the_gates_reject(tmp_path: Path) -> None:
    made = result(tmp_path, "slm_only")
    assert served(made)
    assert (made["output"]["label"], made["tier"]) == ("negative", "slm")
    assert made["route"][0]["accepted"] is False
    assert made["route"][0]["failed"][0].startswith("margin")
    assert not asked_llm(made)
    assert made["all_llm_estimated"]


def test_llm_only_asks_the_llm_alone(tmp_path: Path) -> None:
    slm = small()
    made = result(tmp_path, "llm_only", slm=slm)
    assert (made["output"]["label"], made["tier"], slm.asked) == ("positive", "llm", 0)
    assert made["cost"] == made["all_llm_cost"]


def test_tandem_escalates_and_its_seconds_are_the_models_and_its_own(tmp_path: Path) -> None:
    made = result(tmp_path, "tandem")
    assert (made["status"], made["tier"]) == ("accepted", "llm")
    assert [(step["tier"], step["accepted"]) for step in made["route"]] == [
        ("slm", False),
        ("llm", True),
    ]
    assert made["seconds"] == pytest.approx(6.0 + made["overhead"])
    assert 0 < made["overhead"] < 2
    assert made["cost"] == 8.5


def test_a_repeat_asks_no_model_and_reports_the_same(tmp_path: Path) -> None:
    slm, llm = small(), large()
    first = result(tmp_path, "tandem", slm=slm, llm=llm)
    again = result(tmp_path, "tandem", slm=slm, llm=llm)
    assert (slm.asked, llm.asked) == (1, 1)
    assert again["seconds"] - again["overhead"] == pytest.approx(6.0)
    assert again["output"] == first["output"]
    # Kept answers are priced at the settings' present prices.
    assert 0 < again["cost"] < 0.01


def test_policies_share_what_is_kept(tmp_path: Path) -> None:
    slm = small()
    result(tmp_path, "slm_only", slm=slm)
    result(tmp_path, "tandem", slm=slm)
    assert slm.asked == 1


def test_tandem_keeps_personal_data_from_a_public_llm(tmp_path: Path) -> None:
    llm = large()
    made = result(tmp_path, "tandem", llm=llm, text=CARD, secrets=["4111 1111 1111 1111"])
    assert (made["status"], made["output"], llm.asked) == ("needs_review", None, 0)
    assert made["draft"]["label"] == "negative"
    assert made["leaks"] == 0


def test_llm_only_shows_personal_data_only_where_it_is_published(tmp_path: Path) -> None:
    llm = large()
    kept = result(tmp_path, "llm_only", llm=llm, text=CARD)
    assert (kept["status"], llm.asked) == ("needs_review", 0)
    assert kept["error"] is not None
    shown = result(tmp_path, "llm_only", llm=llm, text=CARD, public=True, secrets=["4111"])
    assert (served(shown), llm.asked, shown["leaks"]) == (True, 1, 1)


def test_a_model_that_is_down_is_an_error_of_the_row(tmp_path: Path) -> None:
    made = result(tmp_path, "slm_only", slm=small(ModelUnavailable("Down.")))
    assert made["status"] == "failed"
    assert made["error"] is not None
    assert made["error"]["code"] == "model_unavailable"


def test_what_no_task_can_do_is_raised(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        result(tmp_path, "slm_only", request={"text": "x", "task": "sentiment", "labels": ["one"]})


def test_a_random_mix_sends_its_share_to_the_llm(tmp_path: Path) -> None:
    made = bench(tmp_path, RulePool(small(), large()))
    target = make_target("random_mix:0.3", made, lambda _: False)
    results = [target(case(number)) for number in range(60)]
    made.close()
    assert {one["policy"] for one in results} == {"random_mix:0.3"}
    assert 8 <= sum(asked_llm(one) for one in results) <= 28
    assert [one["tier"] for one in results] == [
        result(tmp_path, "random_mix:0.3", number=number)["tier"] for number in range(60)
    ]


def test_tools_are_chosen_by_one_tier(tmp_path: Path) -> None:
    chosen = [[ToolCall("math_area", {"base": 1})]]
    fields: dict[str, Any] = {
        "task": "tool_use",
        "tools": [
            {
                "name": "math.area",
                "description": "",
                "parameters": {"type": "dict", "properties": {}},
            }
        ],
    }
    slm = RuleTier("slm", lambda _: SURE, calls=chosen)
    made = result(tmp_path, "slm_only", slm=slm, **fields)
    assert made["output"] == {"calls": [{"name": "math_area", "arguments": {"base": 1}}]}
    assert applies("llm_only", case(**fields))
    assert not applies("tandem", case(**fields))
    assert applies("tandem", case())


def test_the_users_own_ledger_is_left_alone(tmp_path: Path) -> None:
    result(tmp_path, "tandem")
    assert (tmp_path / "ledger.sqlite").exists()
    assert not (tmp_path / ".tandem").exists()


@pytest.mark.parametrize("policy", ["best", "random_mix:2", "random_mix:", "settings:"])
def test_an_unknown_policy_is_told(tmp_path: Path, policy: str) -> None:
    with pytest.raises(SettingsError):
        result(tmp_path, policy)
