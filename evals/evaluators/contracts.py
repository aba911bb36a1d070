"""Contracts: verdicts on a checklist with their evidence, a clause's type, a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.evals.evaluators.base import Feedback, Outputs, feedback, unserved
from tandem.nodes.contract.values import same_value

UNDECIDED: Final = "undecided"


@dataclass(frozen=True)
class VerdictsRight:
    """Share of the expected verdicts that are right; one left to a person is not. Beside it
    `decided`, the share that was decided, and `right_of_decided`."""

    key: str = "verdicts_right"

    def __call__(
        self,
        outputs: Outputs,
        reference_outputs: Outputs,
        inputs: Outputs,  # noqa: ARG002
    ) -> Mapping[str, Any]:
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        said = _verdicts(outputs["output"])
        meant = reference_outputs["expected"]
        right = [said.get(name) == one["label"] for name, one in meant.items()]
        decided = [said.get(name, UNDECIDED) != UNDECIDED for name in meant]
        wrong = ", ".join(name for name, hit in zip(meant, right, strict=True) if not hit)
        of_decided = sum(right) / sum(decided) if any(decided) else None
        return {
            "results": [
                feedback(self.key, sum(right) / len(right), f"wrong: {wrong}" if wrong else ""),
                feedback("decided", sum(decided) / len(decided)),
                feedback("right_of_decided", of_decided),
            ]
        }


@dataclass(frozen=True)
class SpanHit:
    """Of the hypotheses with labelled evidence, the share whose evidence touches it."""

    key: str = "span_hit"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        said = {one["id"]: one["evidence"] for one in outputs["output"]["verdicts"]}
        meant = {
            n: one["spans"] for n, one in reference_outputs["expected"].items() if one["spans"]
        }
        hits = [_touch(said.get(name, ()), spans) for name, spans in meant.items()]
        return feedback(self.key, sum(hits) / len(hits) if hits else None)


@dataclass(frozen=True)
class ClauseType:
    """1 where the likeliest type of the clause is one of the expected ones."""

    key: str = "clause_type"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        types = [one for clause in outputs["output"]["clauses"] for one in clause["types"]]
        best = max(types, key=lambda one: one["probability"], default=None)
        right = best is not None and best["type"] in reference_outputs["expected"]
        return feedback(self.key, right, "" if right else f"said {best and best['type']!r}")


@dataclass(frozen=True)
class ValueExact:
    """1 where the expected field has the expected value ("sixty (60) days" is "60 days")."""

    key: str = "value_exact"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        field, value = (reference_outputs["expected"][name] for name in ("field", "value"))
        found = [one["value"] for one in outputs["output"]["values"] if one["field"] == field]
        right = bool(found) and same_value(field, found[0], value)
        return feedback(self.key, right, "" if right else field)


def verdict_macro_f1(
    outputs: list[dict[str, Any]], reference_outputs: list[dict[str, Any]]
) -> dict[str, Any]:
    """Mean over the three verdicts of F1, over all hypotheses of all contracts; what was not
    decided counts as a miss of its label."""
    pairs = list(_pairs(outputs, reference_outputs))
    labels = sorted({meant for _, meant in pairs})
    scores = []
    for label in labels:
        right = sum(said == meant == label for said, meant in pairs)
        total = sum((said == label) + (meant == label) for said, meant in pairs)
        scores.append(2 * right / total)
    return {"key": "verdict_macro_f1", "score": sum(scores) / len(scores) if scores else None}


def _pairs(
    outputs: Sequence[Mapping[str, Any]], references: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    for output, reference in zip(outputs, references, strict=True):
        said = _verdicts(output["output"]) if output["output"] else {}
        for name, meant in reference["expected"].items():
            yield said.get(name, UNDECIDED), meant["label"]


def _verdicts(output: Mapping[str, Any]) -> dict[str, str]:
    return {one["id"]: one["verdict"] for one in output["verdicts"]}


def _touch(evidence: Sequence[Mapping[str, Any]], spans: Sequence[Sequence[int]]) -> bool:
    return any(
        min(one["end"], end) > max(one["start"], start) for one in evidence for start, end in spans
    )
