"""Examples and runs as LangSmith takes them, made of masked cases and results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from tandem.evals.case import Case
from tandem.evals.masked import RowMasker, Withheld
from tandem.evals.result import Result

Place = tuple[str, str]
"""Suite and id of a case."""


@dataclass(frozen=True)
class Example:
    """A case, masked."""

    case: Case
    inputs: dict[str, Any]
    reference: dict[str, Any]
    tags: list[str]

    @property
    def place(self) -> Place:
        """Its suite and id."""
        return self.case["suite"], self.case["id"]

    def body(self, number: UUID, dataset: UUID) -> dict[str, Any]:
        """As `POST /examples/bulk` takes it."""
        return {
            "id": str(number),
            "dataset_id": str(dataset),
            "inputs": self.inputs,
            "outputs": self.reference,
            "metadata": {"suite": self.case["suite"], "tags": self.tags},
        }


def examples_of(
    cases: Iterable[Case], results: Sequence[Result], masker: Callable[[str], RowMasker]
) -> list[Example]:
    """The cases that may leave, masked; `masker` goes by suite."""
    by_case: dict[Place, list[Result]] = {}
    for result in results:
        by_case.setdefault((result["suite"], result["id"]), []).append(result)
    made = []
    for case in cases:
        own = masker(case["suite"])
        try:
            inputs = own.inputs(case, by_case.get((case["suite"], case["id"]), []))
            made.append(Example(case, inputs, own.reference(case), own.tags(case)))
        except Withheld:
            continue
    return made


@dataclass(frozen=True)
class Run:
    """A result as a run of an experiment, with its scores.

    `start`: when it is said to have begun; the results hold seconds, but no times of day. The same
    for the same run, whenever it is sent.
    """

    experiment: UUID
    experiment_name: str
    example: UUID
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    scores: Mapping[str, float | None]
    comments: Mapping[str, str]
    start: datetime
    seconds: float

    @property
    def id(self) -> str:
        """Follows from the experiment and the example."""
        return str(uuid5(self.experiment, str(self.example)))

    @property
    def parts(self) -> dict[str, Any]:
        """As `POST /runs/multipart` takes them."""
        name, error = f"post.{self.id}", self.outputs["error"]
        end = self.start + timedelta(seconds=self.seconds)
        run = {
            "id": self.id,
            "trace_id": self.id,
            "dotted_order": f"{self.start:%Y%m%dT%H%M%S%fZ}{self.id}",
            "name": self.outputs["policy"],
            "run_type": "chain",
            "start_time": self.start.isoformat(),
            "end_time": end.isoformat(),
            "session_name": self.experiment_name,
            "reference_example_id": str(self.example),
        }
        made: dict[str, Any] = {
            name: run,
            f"{name}.inputs": self.inputs,
            f"{name}.outputs": self.outputs,
        }
        if error:
            made[f"{name}.error"] = f"{error['code']}: {error['what']}"
        for key, score in self.scores.items():
            if score is not None:
                number = str(uuid5(UUID(self.id), key))
                made[f"feedback.{number}"] = self._feedback(number, key, score)
        return made

    def _feedback(self, number: str, key: str, score: float) -> dict[str, Any]:
        return {
            "id": number,
            "run_id": self.id,
            "trace_id": self.id,
            "session_id": str(self.experiment),
            "key": key,
            "score": round(score, 4),
            "comment": self.comments.get(key),
            "feedback_source": {"type": "api", "metadata": {}},
        }
