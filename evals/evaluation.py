"""A whole evaluation: cases, policies, results on disk, summary. The command and others call it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.evals.agreement import agreement, read_labels
from tandem.evals.cache import AnswerCache
from tandem.evals.evaluators import make
from tandem.evals.evaluators.judge import Judge
from tandem.evals.loading import Loaded, load_cases
from tandem.evals.policies import POLICIES, applies
from tandem.evals.result import Result
from tandem.evals.runner import Graders, Progress, ResultsFile, alone, run
from tandem.evals.services import CACHE_NAME
from tandem.evals.suite import Suite
from tandem.evals.summarise import summarise
from tandem.evals.summary import Summary
from tandem.evals.targets import Bench, make_target
from tandem.knowledge.store import MANIFEST
from tandem.settings import Settings

RESULTS: Final = "results.jsonl"
SUMMARY: Final = "summary.json"
IDENTITY: Final = "run.json"
_PACKAGE: Final = Path(__file__).parents[1]
"""`__file__` is the name that the import went by: tandem/evals/evaluation.py."""


@dataclass(frozen=True)
class Plan:
    """What is to be evaluated.

    Parameters
    ----------
    suite: a suite's name, or the path of its TOML file.
    policies: see `tandem.evals.policies.FORMS`.
    n: at most so many cases (of a mixture: exactly, where there are so many).
    data: the full set: a file, or a folder that holds it.
    fresh: do not go on from an earlier run's results.
    """

    suite: str
    policies: Sequence[str] = POLICIES
    n: int | None = None
    data: Path | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Evaluation:
    """What came of it: the summary, the results of this plan's rows, and where both lie."""

    summary: Summary
    results: list[Result]
    folder: Path


class Evaluator:
    """Runs a plan under the given settings; `folder` is where results go."""

    def __init__(self, settings: Settings, plan: Plan, folder: Path) -> None:
        self._settings = settings
        self._plan = plan
        self._folder = folder
        self.loaded: Final[Loaded] = load_cases(plan.suite, plan.data, plan.n)
        policies = list(dict.fromkeys(plan.policies))
        self._pairs = [
            (policy, case)
            for policy in policies
            for case in self.loaded.cases
            if applies(policy, case)
        ]
        self._policies = policies

    @property
    def total(self) -> int:
        """Cases times policies."""
        return len(self._pairs)

    def run(
        self, progress: Progress = lambda _: None, kept: Progress = lambda _: None
    ) -> Evaluation:
        """Run what is missing; `kept` gets each result that an earlier run left, `progress` each
        new one.

        Raises
        ------
        TandemError: see `tandem.evals.runner.run`; finished rows are kept.
        """
        with alone(self._folder):
            results = self._results()
            bench = Bench(self._settings, open_cache(self._settings), self._folder)
            try:
                for policy, case in self._pairs:
                    if results.done(policy, case):
                        kept(results.rows[policy, case["suite"], case["id"]])
                graders = {
                    name: graders_of(suite, bench) for name, suite in self.loaded.suites.items()
                }
                self._run(bench, graders, results, progress)
                notices = judge_notices(graders)
            finally:
                results.close()
                bench.close()
            return self._finished(results, notices)

    def _run(
        self,
        bench: Bench,
        graders: Mapping[str, Graders],
        results: ResultsFile,
        progress: Progress,
    ) -> None:
        for policy in self._policies:
            cases = [case for named, case in self._pairs if named == policy]
            if all(results.done(policy, case) for case in cases):
                continue
            target = make_target(policy, bench, lambda name: self.loaded.suites[name].public)
            run(cases, {policy: target}, graders, results, progress)

    def _finished(self, results: ResultsFile, notices: Sequence[str]) -> Evaluation:
        rows = [results.rows[policy, case["suite"], case["id"]] for policy, case in self._pairs]
        summary = summarise(
            self._plan.suite,
            rows,
            self.loaded.suites,
            notices=[*self.loaded.notices, *notices],
            currency=self._settings.currency,
            revision=revision(),
            settings=configuration(self._settings),
        )
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        (self._folder / SUMMARY).write_text(text + "\n", encoding="utf-8")
        return Evaluation(summary, rows, self._folder)

    def _results(self) -> ResultsFile:
        """The results to go on from: an earlier run's, where code and settings are the same."""
        identity = self._identity()
        path, told = self._folder / RESULTS, self._folder / IDENTITY
        # Kept rows are told from changed ones row by row; see ResultsFile.done.
        same = told.is_file() and told.read_text(encoding="utf-8") == identity
        if self._plan.fresh or not same:
            path.unlink(missing_ok=True)
            told.write_text(identity, encoding="utf-8")
        return ResultsFile(path)

    def _identity(self) -> str:
        own = {
            "code": code_fingerprint(),
            "settings": _sum(self._settings.model_dump(mode="json")),
            "suites": {
                name: _sum(suite.model_dump(mode="json", exclude={"home"}))
                for name, suite in self.loaded.suites.items()
            },
            "index": _index_sum(self._settings),
        }
        return json.dumps(own, indent=2, sort_keys=True) + "\n"


def open_cache(settings: Settings) -> AnswerCache:
    """The kept answers. Raises InvalidRequest where they cannot be opened."""
    path = settings.cache_dir / CACHE_NAME
    try:
        return AnswerCache(path)
    except OSError as error:
        raise InvalidRequest(
            f"The kept answers {path} cannot be opened: {error.strerror}.",
            "Set TANDEM_CACHE to a folder that can be written.",
        ) from None


def graders_of(suite: Suite, bench: Bench) -> Graders:
    """The evaluators that the suite names, the judge able to ask. Raises SettingsError on an
    unknown one or option."""
    made = {name: make(name, options) for name, options in suite.evaluators.items()}
    for name, evaluator in made.items():
        if isinstance(evaluator, Judge):
            made[name] = evaluator.asking(bench.services)
    return Graders(suite.primary, made)


def judge_notices(graders: Mapping[str, Graders]) -> list[str]:
    """For each judge among the evaluators, how far it can be believed. Raises as the judge does."""
    told = []
    for suite, own in graders.items():
        for judge in own.evaluators.values():
            if isinstance(judge, Judge):
                found = agreement(judge, read_labels())
                told.append(f"{suite}: {found.told(judge.least_kappa)}")
    return told


def configuration(settings: Settings) -> dict[str, Any]:
    """What tells one configuration from another, fit to be published: models, prices, limits."""
    used = {*settings.chain("slm"), *settings.chain("llm")}
    for own in settings.tasks.values():
        used |= {name for name in (own.slm, own.llm) if name}
    shown = {"backend", "model", "private", "native_tools", "context", "price"}
    return {
        "fingerprint": _sum(settings.model_dump(mode="json"))[:12],
        "tiers": settings.tiers.model_dump(mode="json"),
        "models": {
            name: settings.models[name].model_dump(mode="json", include=shown)
            for name in sorted(used)
        },
        "tasks": {name: own.model_dump(mode="json") for name, own in settings.tasks.items()},
        "public_may_see": list(settings.privacy.public_may_see),
    }


def revision() -> str:
    """The git revision of the code, `+` where files differ from it; empty where none is known."""
    git = shutil.which("git")
    if git is None:
        return ""

    def say(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 (fixed arguments)
            [git, "-C", str(_PACKAGE), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = say("rev-parse", "--short", "HEAD")
    return f"{commit}+" if commit and say("status", "--porcelain", "-uno") else commit


def code_fingerprint() -> str:
    """A sum of all of Tandem's code: results of other code are not gone on from."""
    digest = hashlib.sha256()
    # os.walk, since Path.rglob does not follow the links to nodes/, graphs/, tools/ and evals/.
    for folder, folders, names in os.walk(_PACKAGE, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(name for name in names if name.endswith(".py")):
            digest.update((Path(folder) / name).read_bytes())
    return digest.hexdigest()


def _index_sum(settings: Settings) -> str:
    manifest = settings.path(settings.knowledge.index_dir) / MANIFEST
    return hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else ""


def _sum(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
