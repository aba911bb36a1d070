"""Results on disk, uploaded to LangSmith: a dataset, and an experiment a policy.

Every name and id follows from what is uploaded, so that the same upload twice is the same rows:

- the dataset's name holds a sum of its masked rows; an example's id follows from the dataset's id
  and the row's place in it;
- the experiment's name tells suite, policy, settings, revision and results (a `--fresh` run is
  another experiment); a run's id follows from the experiment's id and the example's, a score's from
  the run's and its key.

What was acknowledged is written down beside the results (`uploads.json`), and not sent again. A
stop between the two costs at most a batch that is sent again under the same ids.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from tandem.evals.case import Case, digest
from tandem.evals.evaluation import IDENTITY, RESULTS, Evaluation, configuration
from tandem.evals.langsmith_client import explained, json_body, multipart_body, sent
from tandem.evals.langsmith_rows import Example, Place, Run, examples_of
from tandem.evals.loading import Loaded
from tandem.evals.masked import RowMasker, Withheld, shown
from tandem.evals.memory import Memory
from tandem.evals.result import Result
from tandem.evals.runner import tried_again
from tandem.evals.summary import ALL, PolicySummary, Spread
from tandem.evals.uploaded import Experiment, Uploaded, figures_of, interval_text
from tandem.privacy.egress import Guard
from tandem.settings import load

if TYPE_CHECKING:
    from langsmith import Client
    from langsmith.schemas import Dataset, TracerSession

BATCH: Final = 50
"""Rows of a request."""


@dataclass(frozen=True)
class _Rows:
    """A policy's results, sorted by what becomes of them."""

    runs: list[Run]
    withheld: int
    unfinished: int


@dataclass(frozen=True)
class Uploader:
    """Uploads one evaluation.

    Parameters
    ----------
    client: see `tandem.evals.langsmith_client.connect`.
    evaluation: what is uploaded; its folder also holds what is remembered.
    loaded: its cases.
    guard: see RowMasker.
    """

    client: Client
    evaluation: Evaluation
    loaded: Loaded
    guard: Guard

    def upload(self, progress: Callable[[int], None] = lambda _: None) -> Uploaded:
        """Upload what LangSmith does not have yet; `progress` gets the number of rows just sent.

        Raises
        ------
        UploadError: LangSmith refuses or does not answer; what was sent is remembered.
        """
        by_policy: dict[str, list[Result]] = {}
        for result in self.evaluation.results:
            by_policy.setdefault(result["policy"], []).append(result)
        with explained():
            dataset = self._dataset()
            ids = self._send_examples(dataset)
            made = [
                self._experiment(policy, results, dataset, ids, progress)
                for policy, results in by_policy.items()
            ]
            withheld = len(self.loaded.cases) - len(ids)
            return Uploaded(dataset.name, dataset.url or "", len(ids), withheld, made)

    @cached_property
    def _examples(self) -> list[Example]:
        return examples_of(self.loaded.cases, self.evaluation.results, self._masker)

    def _masker(self, suite: str) -> RowMasker:
        return RowMasker(self.guard, self.loaded.suites[suite].public)

    @cached_property
    def _sum(self) -> str:
        """Of the masked rows: a sum of the rows themselves would confirm a guess of them. Of all
        rows, whatever came of them, so that a row that is finished later joins the same dataset."""
        rows = [self._masked(case) for case in self.loaded.cases]
        return digest(json.dumps(rows, sort_keys=True))[:8]

    def _masked(self, case: Case) -> list[Any]:
        masker = self._masker(case["suite"])
        try:
            return [masker.unread(case), masker.reference(case), masker.tags(case)]
        except Withheld:
            return []

    @property
    def _suite(self) -> str:
        return Path(self.evaluation.summary["suite"]).stem

    def _dataset(self) -> Dataset:
        from langsmith.utils import LangSmithNotFoundError

        name = f"tandem-{self._suite}-{self._sum}"
        made: Dataset
        try:
            made = self.client.read_dataset(dataset_name=name)
        except LangSmithNotFoundError:
            about = "; ".join(one.about for one in self.loaded.suites.values() if one.about)
            metadata = {"suite": self._suite, "rows": len(self._examples)}
            made = self.client.create_dataset(name, description=about, metadata=metadata)
        return made

    def _send_examples(self, dataset: Dataset) -> dict[Place, UUID]:
        """Send the examples that the dataset lacks; the ids of all."""
        known = {one.place for one in self._examples}
        places = [(case["suite"], case["id"]) for case in self.loaded.cases]
        ids = {
            place: uuid5(dataset.id, str(number))
            for number, place in enumerate(places)
            if place in known
        }
        there = {one.id for one in self.client.list_examples(dataset_id=dataset.id)}
        missing = [one for one in self._examples if ids[one.place] not in there]
        for batch in _batches(missing):
            rows = [one.body(ids[one.place], dataset.id) for one in batch]
            sent(self.client, "POST", "/examples/bulk", **json_body(rows))
        return ids

    def _experiment(
        self,
        policy: str,
        results: Sequence[Result],
        dataset: Dataset,
        ids: Mapping[Place, UUID],
        progress: Callable[[int], None],
    ) -> Experiment:
        project = self._project(policy, results, dataset)
        memory = Memory(self.evaluation.folder, str(project.id))
        rows = self._rows(project, results, ids)
        new = [run for run in rows.runs if run.id not in memory.rows]
        for batch in _batches(new):
            parts = {name: value for run in batch for name, value in run.parts.items()}
            sent(self.client, "POST", "/runs/multipart", **multipart_body(parts))
            memory.add(run.id for run in batch)
            progress(len(batch))
        if not rows.unfinished and not memory.ended:
            self._end(policy, results, project, memory)
        before = len(rows.runs) - len(new)
        return Experiment(
            policy, project.name or "", len(new), before, rows.withheld, rows.unfinished
        )

    def _project(self, policy: str, results: Sequence[Result], dataset: Dataset) -> TracerSession:
        """The policy's experiment, made where there is none."""
        from langsmith.utils import LangSmithConflictError, LangSmithNotFoundError

        metadata = self._metadata(policy, results)
        name = self._name(policy, metadata["settings"])
        try:
            return self._read_project(name)
        except LangSmithNotFoundError:
            pass
        try:
            return self.client.create_project(
                name,
                description=f"{self._suite} under {shown(policy)}",
                metadata=metadata,
                reference_dataset_id=dataset.id,
                num_examples=len(self._examples),
                num_repetitions=1,
                evaluator_keys=sorted({key for one in results for key in one["scores"]}),
            )
        except LangSmithConflictError:  # the first request's answer was lost
            return self._read_project(name)

    def _read_project(self, name: str) -> TracerSession:
        found: TracerSession = self.client.read_project(project_name=name)
        return found

    def _name(self, policy: str, settings: Mapping[str, Any]) -> str:
        folder = self.evaluation.folder
        with (folder / RESULTS).open(encoding="utf-8") as stream:
            first = stream.readline()
        identity = (folder / IDENTITY).read_text(encoding="utf-8")
        run = digest(identity, first, self._sum, policy)[:8]
        fingerprint = str(settings.get("fingerprint", ""))[:8]
        revision = self.evaluation.summary["revision"]
        parts = (self._suite, shown(policy), fingerprint, revision, run)
        return ".".join(part for part in parts if part)

    def _metadata(self, policy: str, results: Sequence[Result]) -> dict[str, Any]:
        summary = self.evaluation.summary
        kind, _, file = policy.partition(":")
        return {
            "suite": self._suite,
            "policy": shown(policy),
            "n": len(results),
            "revision": summary["revision"],
            "created": summary["created"],
            "currency": summary["currency"],
            "settings": configuration(load(file)) if kind == "settings" else summary["settings"],
        }

    def _rows(
        self, project: TracerSession, results: Sequence[Result], ids: Mapping[Place, UUID]
    ) -> _Rows:
        examples = {one.place: one for one in self._examples}
        runs, withheld, unfinished = [], 0, 0
        for number, result in enumerate(results):
            example = examples.get((result["suite"], result["id"]))
            if example is None:
                withheld += 1
                continue
            if tried_again(result):
                unfinished += 1
                continue
            start = project.start_time.astimezone(UTC) + timedelta(milliseconds=number)
            try:
                run = self._run(project, example, result, ids[example.place], start)
            except Withheld:
                withheld += 1
                continue
            runs.append(run)
        return _Rows(runs, withheld, unfinished)

    def _run(
        self,
        project: TracerSession,
        example: Example,
        result: Result,
        number: UUID,
        start: datetime,
    ) -> Run:
        masker = self._masker(result["suite"])
        return Run(
            experiment=project.id,
            experiment_name=project.name or "",
            example=number,
            inputs=example.inputs,
            outputs=masker.outputs(example.case, result),
            scores=result["scores"],
            comments=masker.comments(example.case, result),
            start=start,
            seconds=result["seconds"],
        )

    def _end(
        self, policy: str, results: Sequence[Result], project: TracerSession, memory: Memory
    ) -> None:
        """The experiment's own figures with their intervals, then its end."""
        groups = self.evaluation.summary["groups"]
        told: dict[str, PolicySummary] = {}
        for group in groups:
            for one in group["policies"]:
                if one["policy"] == policy:
                    told["" if len(groups) == 1 else group["suite"]] = one
        row_scores = {key for one in results for key in one["scores"]}
        for suite, one in told.items():
            prefix = f"{suite}:" if suite not in ("", ALL) else ""
            for key, spread in figures_of(one, row_scores).items():
                self._send_figure(project, f"{prefix}{key}", spread, memory)
        figures = [{**one, "policy": shown(policy)} for one in told.values()]
        metadata = {**self._metadata(policy, results), "figures": figures}
        self.client.update_project(project.id, metadata=metadata, end_time=datetime.now(UTC))
        memory.end()

    def _send_figure(
        self, project: TracerSession, key: str, spread: Spread, memory: Memory
    ) -> None:
        if spread["mean"] is None or key in memory.figures:
            return
        body = {
            "id": str(uuid5(project.id, key)),
            "key": key,
            "session_id": str(project.id),
            "score": round(spread["mean"], 4),
            "comment": interval_text(spread),
            "feedback_source": {"type": "api", "metadata": dict(spread)},
        }
        sent(self.client, "POST", "/feedback", **json_body(body))
        memory.add_figure(key)


def _batches(rows: Sequence[Any]) -> Iterator[list[Any]]:
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        yield batch
