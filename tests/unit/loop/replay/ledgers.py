"""Ledgers to replay, whose every figure can be computed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import update

from tandem.ledger.shadow import add_shadow
from tandem.ledger.store import Ledger
from tandem.ledger.tables import runs
from tandem.settings import Model, Price, Settings
from tests.unit.ledger.rows import answer, attempt, decision, profile

SLM = Price(per_million_input=1.0, per_million_output=2.0)
LLM = Price(per_million_input=10.0, per_million_output=20.0)


def settings(
    folder: Path,
    slm: Price = SLM,
    llm: Price = LLM,
    slm_is: Any = None,
    llm_is: Any = None,
    **sections: Any,
) -> Settings:
    """Settings whose two models answer at these prices; nothing that ships scores anything.
    `slm_is` and `llm_is` say which models they are, where those are not the shipped ones."""
    own, its = {"model": "qwen2.5-coder-0.5b-instruct"}, {"model": "qwen2.5-coder-1.5b-instruct"}
    models = {
        "slm-embedded": Model(**(slm_is or own), private=True, price=slm),
        "llm-embedded": Model(**(llm_is or its), price=llm),
    }
    given = {"models": models, "calibration": {"shipped": False}, **sections}
    return Settings(home=folder, **given)


def slm_try(name: str = "a1", margin: float = 0.9, label: str = "up", **fields: Any) -> Any:
    """1,000 tokens in and 10 out: 0.00102 at the SLM's price."""
    given = {
        "usage": {"input_tokens": 1000, "output_tokens": 10},
        "cost": 0.00102,
        "signals": {"margin": margin, "label_probability": 0.5 + margin / 2},
        "output": {"label": label, "probabilities": {}},
        "seconds": 0.5,
        **fields,
    }
    return attempt(name, **given)


def llm_try(name: str = "a2", label: str = "up", tokens: int = 1100, **fields: Any) -> Any:
    """`tokens` in and 10 out, at the LLM's price."""
    given = {
        "tier": "llm",
        "model": "large",
        "usage": {"input_tokens": tokens, "output_tokens": 10},
        "cost": (tokens * 10 + 200) / 1e6,
        "signals": {},
        "output": {"label": label, "probabilities": {}},
        "seconds": 2.0,
        **fields,
    }
    return attempt(name, **given)


class Writer:
    """Writes runs of `sentiment` a second apart, from `start` on."""

    def __init__(self, ledger: Ledger, start: float = 1_700_000_000.0) -> None:
        self.ledger, self.now = ledger, start

    def run(
        self,
        run_id: str,
        *tries: Any,
        rejected: dict[str, tuple[str, ...]] | None = None,
        status: str = "accepted",
        decided: dict[str, Any] | None = None,
        text: bool = True,
        parent: str | None = None,
        **fields: Any,
    ) -> None:
        """One run; `rejected` are the gates that attempts did not pass, by their ids."""
        what = profile(**{"task": "sentiment", **fields})
        made = decision(**{"node": "sentiment", **(decided or {})})
        request = {"text": "planted request", "labels": ["up", "down"]}
        self.ledger.start(run_id, request, what, made, parent_run_id=parent)  # type: ignore[arg-type]
        for one in tries:
            self.ledger.add_attempt(run_id, one)
            gates = (rejected or {}).get(one["id"], ())
            self.ledger.add_verdict(
                run_id,
                {
                    "attempt_id": one["id"],
                    "accepted": not gates,
                    "score": None,
                    "threshold": None,
                    "failed": [{"gate": gate, "detail": gate} for gate in gates],
                },
            )
        last = tries[-1] if tries else None
        done = answer(
            run_id,
            profile=what,
            status=status,
            tier=last["tier"] if last and status == "accepted" else None,
            cost=sum(one["cost"] for one in tries),
            seconds=0.1 + sum(one["seconds"] for one in tries),
            reasons=[*what["reasons"], *made["reasons"]],
        )
        self.ledger.finish(run_id, done)
        self.now += 1
        with self.ledger.writing() as connection:
            at = update(runs).where(runs.c.id == run_id).values(started=self.now)
            connection.execute(at)

    def accepted(self, run_id: str, margin: float = 0.9, **fields: Any) -> None:
        """The SLM's answer left: 0.00102, 0.6 s."""
        self.run(run_id, slm_try(margin=margin), **fields)

    def escalated(
        self, run_id: str, margin: float = 0.1, by_llm: str = "up", **fields: Any
    ) -> None:
        """By its margin: 0.00102 + 0.0112, 2.6 s."""
        tries = slm_try(margin=margin), llm_try(label=by_llm)
        self.run(run_id, *tries, rejected={"a1": ("margin",)}, **fields)

    def shadow(self, run_id: str, agreed: bool, probability: float = 0.5) -> None:
        """What the LLM said of an accepted answer."""
        add_shadow(
            self.ledger,
            {
                "run_id": run_id,
                "probability": probability,
                "agreed": agreed,
                "model": "large",
                "output_sum": "",
                "cost": 0.0112,
                "seconds": 2.0,
                "error_code": None,
            },
        )
