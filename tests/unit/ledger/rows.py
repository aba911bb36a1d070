"""Records to write into ledgers."""

from __future__ import annotations

from typing import Any, cast

from tandem.records import Answer, Attempt, Decision, Profile, Verdict


def profile(**fields: Any) -> Profile:
    given: dict[str, Any] = {
        "task": "faq",
        "task_confidence": 1.0,
        "complexity": None,
        "sensitivity": "none",
        "evidence": [],
        "latency": "async",
        "deadline_ms": None,
        "quality": None,
        "tenant": "",
        "reasons": ["task faq: declared by the caller"],
        **fields,
    }
    return cast("Profile", given)


def decision(**fields: Any) -> Decision:
    given: dict[str, Any] = {
        "node": "answer_faq",
        "tier": "slm",
        "may_escalate": True,
        "reasons": ["the SLM first"],
        **fields,
    }
    return cast("Decision", given)


def attempt(name: str = "a1", **fields: Any) -> Attempt:
    given: dict[str, Any] = {
        "id": name,
        "purpose": "answer",
        "tier": "slm",
        "model": "small",
        "output": {"answer": "planted output"},
        "text": "planted output",
        "finish": "stop",
        "usage": {"input_tokens": 100, "output_tokens": 10},
        "calls": 1,
        "seconds": 0.5,
        "cost": 0.001,
        "signals": {"margin": 0.9},
        "error": None,
        **fields,
    }
    return cast("Attempt", given)


def verdict(name: str = "a1", *, accepted: bool = True, gates: tuple[str, ...] = ()) -> Verdict:
    return {
        "attempt_id": name,
        "accepted": accepted,
        "score": None,
        "threshold": None,
        "failed": [{"gate": gate, "detail": "field total"} for gate in gates],
    }


def answer(run_id: str = "r1", **fields: Any) -> Answer:
    given: dict[str, Any] = {
        "run_id": run_id,
        "status": "accepted",
        "output": {"answer": "planted output"},
        "draft": None,
        "task": "faq",
        "tier": "slm",
        "model": "small",
        "attempts": [],
        "verdicts": [],
        "cost": 0.001,
        "all_llm_cost": 0.01,
        "all_llm_estimated": True,
        "seconds": 1.0,
        "profile": profile(),
        "steps": [],
        "reasons": ["slm answer accepted"],
        "error": None,
        **fields,
    }
    return cast("Answer", given)
