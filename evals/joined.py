"""Results of several folders in one report: policies that were run apart.

What is joined is reported only; the gate, the baseline and the upload go by a run's own results.
Results of other code or settings are not refused, but each difference is named in the report.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.errors import InvalidRequest, SettingsError
from tandem.evals.evaluation import IDENTITY, RESULTS, SUMMARY, Evaluation
from tandem.evals.result import Result
from tandem.evals.runner import read_results
from tandem.evals.suite import Suite, load_suite
from tandem.evals.summarise import summarise
from tandem.evals.summary import Summary

Row = tuple[str, str]
"""Suite and id."""


@dataclass(frozen=True)
class Part:
    """A folder of results, as a run left it; nothing in it is changed.

    Parameters
    ----------
    folder: where it lies.
    results: its rows, a stopped run's too.
    identity: what code, settings, suites and index they were made by; empty where it is not told.
    summary: None where the run did not end.
    """

    folder: Path
    results: list[Result]
    identity: Mapping[str, Any]
    summary: Summary | None


@dataclass
class Joined:
    """What stands in one report.

    Parameters
    ----------
    summary: of all rows.
    results: the rows.
    suites: theirs, by name.
    """

    summary: Summary
    results: list[Result]
    suites: Mapping[str, Suite]


@dataclass
class _Rows:
    results: list[Result] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def policies(self) -> set[str]:
        return {one["policy"] for one in self.results}


def read_part(folder: Path) -> Part:
    """Read a folder that `tandem eval` wrote.

    Raises
    ------
    InvalidRequest: it holds no results.
    """
    path = folder / RESULTS
    if not path.is_file():
        raise InvalidRequest(
            f"{folder} holds no results.", f"Give --with a folder in which {RESULTS} lies."
        )
    results = list(read_results(path)[0].values())
    if not results:
        raise InvalidRequest(f"{path} holds no finished row.", "Run that evaluation first.")
    return Part(folder, results, _json(folder / IDENTITY) or {}, _json(folder / SUMMARY))


def join(
    name: str,
    own: Evaluation | None,
    folders: Sequence[Path],
    suites: Mapping[str, Suite],
    currency: str,
) -> Joined:
    """The results of `folders`, beside a run's `own` where there is one.

    Parameters
    ----------
    name: the suite that was asked for.
    own: this run's; its rows and policies count, those of the folders join them.
    suites: by name; those of further rows are loaded by their names.
    currency: of the settings; for folders whose summary does not tell theirs.

    Raises
    ------
    InvalidRequest: a folder holds no results; two hold the same policy; currencies differ; nothing
        is left of the rows.
    """
    parts = [read_part(folder) for folder in folders]
    parts = [read_part(own.folder), *parts] if own else parts
    rows = _Rows(list(own.results), list(own.summary["notices"])) if own else _Rows()
    for part in parts[1:] if own else parts:
        _add(rows, part, own)
    known = _suites(rows, suites)
    if not rows.results:
        raise InvalidRequest(
            f"No row of the folders is scored by {name} as it is now.", "Run them again."
        )
    base = own.summary if own else next((one.summary for one in parts if one.summary), None)
    money = base["currency"] if base else currency
    _check_currency(parts, money)
    rows.notices += [line for part in parts[1:] for line in differences(parts[0], part)]
    rows.notices += _incomplete(rows.results)
    summary = summarise(
        name,
        rows.results,
        known,
        notices=rows.notices,
        currency=money,
        revision=base["revision"] if base else "",
        settings=base["settings"] if base else {},
    )
    return Joined(summary, rows.results, known)


def differences(base: Part, part: Part) -> list[str]:
    """What the results of `part` were made by otherwise than those of `base`, a line a thing."""
    other = f"{part.folder.name} ({', '.join(sorted({one['policy'] for one in part.results}))})"
    if not base.identity or not part.identity:
        return [f"{other}: what code and settings it was made by is not told"]
    found = []
    for thing in ("code", "settings", "index"):
        if base.identity.get(thing) != part.identity.get(thing):
            found.append(
                f"{other}: other {thing} than {base.folder.name}{_told(thing, base, part)}"
            )
    mine, theirs = (one.identity.get("suites", {}) for one in (base, part))
    changed = sorted(name for name in mine if name in theirs and mine[name] != theirs[name])
    if changed:
        found.append(f"{other}: suites defined otherwise: {', '.join(changed)}")
    return found


def _check_currency(parts: Sequence[Part], money: str) -> None:
    for part in parts:
        if part.summary and part.summary["currency"] != money:
            raise InvalidRequest(
                f"{part.folder} counts in {part.summary['currency']}, not in {money}.",
                "Run it again under settings of the same currency.",
            )


def _told(thing: str, base: Part, part: Part) -> str:
    """The difference in words, where both runs ended."""
    if base.summary is None or part.summary is None or thing == "index":
        return ""
    if thing == "code":
        return f": {part.summary['revision']} for {base.summary['revision']}"
    mine, theirs = (dict(_leaves(one["settings"])) for one in (base.summary, part.summary))
    keys = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
    keys = [key for key in keys if key != "fingerprint"]
    return f": {', '.join(keys)}" if keys else ", in what the summaries do not show"


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _add(rows: _Rows, part: Part, own: Evaluation | None) -> None:
    """Add the part's rows, of policies that are not there yet, and as the rows there are."""
    held = {one["policy"] for one in part.results}
    twice = sorted(held & rows.policies)
    if own:
        if twice:
            rows.notices.append(
                f"{part.folder.name}: {', '.join(twice)} left out: this run has its own"
            )
    elif twice:
        raise InvalidRequest(
            f"{', '.join(twice)} stands in {part.folder} and in a folder before it.",
            "Give --with one folder a policy.",
        )
    sums = {_row(one): one["case_sum"] for one in rows.results}
    fresh = [one for one in part.results if one["policy"] not in twice]
    kept = [
        one
        for one in fresh
        if sums.get(_row(one), None if own else one["case_sum"]) == one["case_sum"]
    ]
    if len(kept) < len(fresh):
        whose = "this run's" if own else "those of the folders before it"
        rows.notices.append(
            f"{part.folder.name}: {len(fresh) - len(kept)} rows left out: they are not {whose}"
        )
    rows.results += kept


def _suites(rows: _Rows, suites: Mapping[str, Suite]) -> dict[str, Suite]:
    """The suites of all rows; rows that have no score by them are left out."""
    known: dict[str, Suite] = {}
    for name in dict.fromkeys(one["suite"] for one in rows.results):
        try:
            known[name] = suites[name] if name in suites else load_suite(name)
        except SettingsError:
            continue
    scored = [
        one
        for one in rows.results
        if one["suite"] in known and known[one["suite"]].primary in one["scores"]
    ]
    lost = Counter(one["suite"] for one in rows.results) - Counter(one["suite"] for one in scored)
    rows.notices += [
        f"{name}: {count} rows left out: the suite as it is now does not score them"
        for name, count in lost.items()
    ]
    rows.results = scored
    return known


def _incomplete(results: Sequence[Result]) -> list[str]:
    """Policies that did not do all rows: their figures are not of the same rows as the others'."""
    done = Counter(one["policy"] for one in results)
    every = len({_row(one) for one in results})
    return [
        f"{policy} did {count} of {every} rows: compare by the rows that both did"
        for policy, count in done.items()
        if count < every
    ]


def _row(result: Result) -> Row:
    return result["suite"], result["id"]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
