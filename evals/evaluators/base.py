"""What all evaluators share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from typing_extensions import TypedDict

Outputs = Mapping[str, Any]
Scores = dict[str, float | None]


class Feedback(TypedDict):
    """What an evaluator says of a row, in LangSmith's words."""

    key: str
    score: float | None
    comment: str


class Evaluator(Protocol):
    """A row evaluator. Parameter names are LangSmith's."""

    def __call__(
        self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs
    ) -> Mapping[str, Any]:
        """A Feedback, or `{"results": [Feedback, ...]}`."""
        ...


def feedback(key: str, score: float | bool | None, comment: str = "") -> Feedback:
    """A Feedback; True counts as 1."""
    return {"key": key, "score": None if score is None else float(score), "comment": comment}


def unserved(key: str) -> Feedback:
    """Nothing was served, which no evaluator counts as right."""
    return feedback(key, 0.0, "nothing was served")


def scores_of(said: Mapping[str, Any]) -> tuple[Scores, dict[str, str]]:
    """The scores and the comments of what an evaluator said, by key."""
    results = said.get("results", [said])
    scores = {one["key"]: one["score"] for one in results}
    return scores, {one["key"]: one["comment"] for one in results if one.get("comment")}


def answer_text(output: Any) -> str:
    """The text of an output that is one, or that holds one."""
    if isinstance(output, Mapping):
        for key in ("answer", "reply", "text", "letter", "draft", "result"):
            if output.get(key) is not None:
                return str(output[key])
        return ""
    return "" if output is None else str(output)
