"""Suites, targets and evaluators through `langsmith.evaluate`, without a network.

For whoever works with LangSmith's own experiments (`results.to_pandas()`, further evaluators beside
Tandem's). `tandem eval` needs none of this: it resumes, and `--upload` sends what it found.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import NAMESPACE_URL, uuid5

from tandem.evals.case import Case
from tandem.evals.evaluation import graders_of, open_cache
from tandem.evals.loading import load_cases
from tandem.evals.policies import applies
from tandem.evals.result import Result
from tandem.evals.runner import Graders, Target, tried
from tandem.evals.targets import Bench, make_target
from tandem.settings import Settings

if TYPE_CHECKING:
    from langsmith import Client
    from langsmith.evaluation import ExperimentResults
    from langsmith.schemas import Example

NOWHERE: Final = "http://127.0.0.1:9"
"""An address at which nobody listens (port 9 is discard)."""


def offline_client() -> Client:
    """A client that sends nothing: it knows the service already, and samples no trace."""
    from langsmith import Client

    return Client(api_url=NOWHERE, api_key="offline", info={}, tracing_sampling_rate=0.0)


def examples_of(cases: Iterable[Case]) -> list[Example]:
    """Cases as examples: the whole case as inputs, and `{"expected": ...}`."""
    from langsmith.schemas import Example

    return [
        Example(
            id=uuid5(NAMESPACE_URL, f"tandem:{case['suite']}/{case['id']}"),
            inputs=dict(case),
            outputs={"expected": case["expected"]},
            metadata={"suite": case["suite"], "tags": case["tags"]},
        )
        for case in cases
    ]


def target_of(policy: str, target: Target) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A policy's target as `evaluate` takes it. A row that fails is a result with an error."""

    from langsmith.run_helpers import tracing_context

    def run(inputs: dict[str, Any]) -> dict[str, Any]:
        # `evaluate` switches tracing on for its own client, and the graph would trace by another.
        with tracing_context(enabled=False):
            return dict(tried(policy, target, cast("Case", inputs)))

    run.__name__ = policy.partition(":")[0]
    return run


def evaluator_of(graders: Mapping[str, Graders]) -> Callable[..., dict[str, Any]]:
    """The evaluators of all suites as one, which applies those of the row's suite."""

    def grade(outputs: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        case = cast("Case", inputs)
        graded = graders[case["suite"]].grade(case, cast("Result", outputs))
        results = [
            {"key": key, "score": score, "comment": graded["comments"].get(key)}
            for key, score in graded["scores"].items()
        ]
        return {"results": results}

    return grade


def evaluate_offline(
    settings: Settings,
    suite: str,
    policy: str = "tandem",
    *,
    folder: Path,
    n: int | None = None,
    data: Path | None = None,
    evaluators: Sequence[Callable[..., Any]] = (),
) -> ExperimentResults:
    """A suite under one policy as a LangSmith experiment that stays here.

    Parameters
    ----------
    folder: where the ledger of the runs goes.
    n, data: see `load_cases`.
    evaluators: further ones, with LangSmith's signature.

    Raises
    ------
    TandemError: see `load_cases` and `make_target`.
    """
    import langsmith

    loaded = load_cases(suite, data, n)
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(settings, open_cache(settings), folder)
    with closing(bench), warnings.catch_warnings():
        target = make_target(policy, bench, lambda name: loaded.suites[name].public)
        graders = {name: graders_of(one, bench) for name, one in loaded.suites.items()}
        # The one warning that evaluating without upload brings.
        warnings.filterwarnings("ignore", "'upload_results' parameter is in beta")
        made: ExperimentResults = langsmith.evaluate(
            target_of(policy, target),
            data=examples_of(case for case in loaded.cases if applies(policy, case)),
            evaluators=[evaluator_of(graders), *evaluators],
            client=offline_client(),
            upload_results=False,
            max_concurrency=0,
        )
    return made
