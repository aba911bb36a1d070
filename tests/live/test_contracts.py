"""A contract on the real embedded pair: the LLM is asked only what the head leaves open."""

from __future__ import annotations

from tandem import Tandem
from tests.live.house import Home
from tests.unit.nodes.contract.samples import NDA

OWN = "The Receiving Party may use Confidential Information for any purpose."


def test_an_own_hypothesis_is_judged_by_the_llm_from_its_passages(home: Home) -> None:
    with Tandem(home.settings()) as tandem:
        answer = tandem.run(NDA, task="contract_review", labels=["nda-5", OWN])
    assert answer["status"] in ("accepted", "unverified")
    head, own = answer["output"]["verdicts"]
    assert (head["verdict"], head["by"]) == ("entailment", "head")
    assert own["by"] in ("llm", "")
    for each in (*head["evidence"], *own["evidence"]):
        assert NDA[each["start"] : each["end"]] == each["quote"]
    (asked,) = [each for each in answer["attempts"] if each["purpose"] == "act"]
    assert (asked["tier"], asked["calls"]) == ("llm", 1)
