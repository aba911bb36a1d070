"""From a suite's name to its cases: the rows that come with it, or a full set from a path."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tandem.errors import InvalidRequest
from tandem.evals.case import Case, Row, cases_of, digest, read_rows
from tandem.evals.suite import Suite, load_suite


@dataclass
class Loaded:
    """The cases of a suite, the suites that they belong to, and what was skipped and why."""

    cases: list[Case] = field(default_factory=list)
    suites: dict[str, Suite] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def load_cases(name: str, data: Path | None = None, n: int | None = None) -> Loaded:
    """The first `n` cases (by the hash of their ids) of the suite `name`, or all.

    `data` is a JSON Lines file with the suite's rows, or a folder that holds such a file under
    the suite's own name for it.

    Raises
    ------
    InvalidRequest: a row is wrong; see `cases_of`.
    SettingsError: see `load_suite`.
    """
    suite = load_suite(name)
    if suite.parts:
        return _mixture(suite, data, n or suite.rows)
    loaded = Loaded(suites={suite.name: suite})
    rows = [row for row in _rows(suite, data, loaded.notices) if _belongs(suite, row)]
    cases = cases_of(suite, rows, _files_folder(suite, data)) if rows else []
    loaded.cases = _usable(suite, cases, loaded.notices)[:n]
    return loaded


def _rows(suite: Suite, data: Path | None, notices: list[str]) -> list[Row]:
    if data is not None and data.is_file():
        return [*read_rows(data), *_also(suite, data.parent, notices)]
    if data is not None and not data.is_dir():
        raise InvalidRequest(f"{data} does not exist.", "Give --data a file or a folder.")
    if data is not None and suite.full and (full := data / suite.full).is_file():
        return [*read_rows(full), *_also(suite, data, notices)]
    if suite.data:
        if data is not None and suite.full:
            notices.append(f"{suite.name}: no {suite.full} in {data}: its own rows are used")
        return read_rows(suite.home / suite.data)
    notices.append(
        f"{suite.name}: skipped: its rows may not be redistributed; give --data a folder that "
        f"holds {suite.full}"
    )
    return []


def _belongs(suite: Suite, row: Row) -> bool:
    return all(row.data.get(name) == value for name, value in suite.only.items())


def _also(suite: Suite, folder: Path, notices: list[str]) -> list[Row]:
    rows: list[Row] = []
    for also in suite.also:
        path = folder / also.file
        if not path.is_file():
            notices.append(f"{suite.name}: {also.count} rows of {also.file} are missing")
            continue
        # Another hash than the one that orders the cases, which would put all of these first.
        key = suite.fields.id
        ordered = sorted(read_rows(path), key=lambda row: digest("also", str(row.data.get(key))))
        rows += [
            Row({**row.data, **also.expected}, row.file, row.line) for row in ordered[: also.count]
        ]
    return rows


def _files_folder(suite: Suite, data: Path | None) -> Path | None:
    if data is not None and data.is_dir() and suite.files:
        inner = data / Path(suite.files).name
        return inner if inner.is_dir() else data
    return suite.home / suite.files if suite.files else None


def _usable(suite: Suite, cases: list[Case], notices: list[str]) -> list[Case]:
    """Without rows whose files are not there, and without rows that the examples give away."""
    shown = {example["text"] for example in suite.request.get("examples", [])}
    told = [case for case in cases if case["request"]["text"] in shown]
    absent = [case for case in cases if not all(Path(file).is_file() for file in case["files"])]
    if told:
        notices.append(f"{suite.name}: {len(told)} rows left out: the prompt's examples show them")
    if absent:
        listed = ", ".join(case["id"] for case in absent)
        notices.append(
            f"{suite.name}: {len(absent)} rows skipped, their files are missing: {listed}"
        )
    return [case for case in cases if case not in told and case not in absent]


def _mixture(suite: Suite, data: Path | None, n: int) -> Loaded:
    loaded = Loaded()
    pools: dict[str, list[Case]] = {}
    for part in suite.parts:
        found = load_cases(part.suite, data)
        loaded.notices += found.notices
        if found.cases:
            pools[part.suite] = found.cases
            loaded.suites |= found.suites
    shares = {part.suite: part.share for part in suite.parts if part.suite in pools}
    counts = shared_out(n, shares, {name: len(pool) for name, pool in pools.items()})
    for name, count in counts.items():
        loaded.cases += pools[name][:count]
    if len(loaded.cases) < n:
        loaded.notices.append(f"{suite.name}: {len(loaded.cases)} rows in place of {n}")
    loaded.cases.sort(key=lambda case: digest(case["suite"], case["id"]))
    return loaded


def shared_out(n: int, shares: dict[str, float], most: dict[str, int]) -> dict[str, int]:
    """`n` shared out by `shares`, largest remainders first, none above `most`: what one part cannot
    take goes to the others."""
    counts = dict.fromkeys(shares, 0)
    while (left := n - sum(counts.values())) > 0:
        open_parts = {name: shares[name] for name in shares if counts[name] < most[name]}
        if not open_parts:
            break
        total = sum(open_parts.values())
        exact = {name: left * share / total for name, share in open_parts.items()}
        more = {name: int(value) for name, value in exact.items()}
        by_rest = sorted(exact, key=lambda name: more[name] - exact[name])
        for name in by_rest[: left - sum(more.values())]:
            more[name] += 1
        for name, value in more.items():
            counts[name] = min(counts[name] + value, most[name])
    return counts
