"""What the tests of the policy's ways through the graph have in common."""

from __future__ import annotations

import math
from typing import Any

from tandem.errors import EgressBlocked
from tandem.graphs.hybrid import build
from tandem.models.tier import Token
from tandem.nodes.state import Context
from tandem.records import Answer
from tests.unit.fakes import completion
from tests.unit.ledger.rows import attempt
from tests.unit.services import FakeServices

SENTIMENT = {"text": "A fine film.", "task": "sentiment", "labels": ["positive", "negative"]}
SURE = completion("positive", logprob=-0.01)
_READ = {"positive": math.log(0.6), "negative": math.log(0.4)}
UNSURE = completion("positive", tokens=(Token("positive", math.log(0.6), _READ),))
WRONG = completion("sideways")
SECRET = {**SENTIMENT, "sensitivity": "secret"}
SOON = {**SENTIMENT, "deadline_ms": 2000}
HELLO: Any = [{"role": "user", "content": "Hello."}]
BLOCKED = EgressBlocked("Nothing was sent.", "Use a private model.")


def ask(services: FakeServices, request: dict[str, Any], context: Context | None = None) -> Answer:
    answer: Answer = (
        build(services).compile().invoke({"request": request}, context=context)["answer"]
    )
    return answer


def said(answer: Answer, words: str) -> bool:
    return any(words in reason for reason in answer["reasons"])


def spend(services: FakeServices, tenant: str, cost: float) -> None:
    services.ledger.start("earlier", {"text": "", "tenant": tenant})
    services.ledger.add_attempt("earlier", attempt(cost=cost))


def measure(services: FakeServices, tier: str, seconds: float, task: str = "sentiment") -> None:
    for number in range(20):
        run = f"{tier}{number}"
        services.ledger.start(run, {"text": "", "task": task})
        services.ledger.add_attempt(run, attempt(tier=tier, seconds=seconds))
