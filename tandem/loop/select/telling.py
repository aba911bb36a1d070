"""The comparison in words, as a chart of characters, and as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from typing_extensions import TypedDict

from tandem.errors import SettingsError
from tandem.loop.pictures import refuse_without_matplotlib
from tandem.loop.select.choosing import Choice, Judged
from tandem.loop.select.rows import Rows

WIDTH: Final = 56
HEIGHT: Final = 12
_COLOURS: Final = {"model": "#2a78d6", "head": "#1d8a4e", "adapter": "#7a4fb5"}


class CandidateFigures(TypedDict):
    """One candidate. JSON-plain; money of a request, in the settings' currency."""

    name: str
    kind: str
    model: str
    tier: str
    rows: int
    right: float
    low: float
    high: float
    promised: float
    """The corrected one-sided lower bound of `right`."""
    lag: float
    able: bool
    needed: int | None
    cost: float
    p50_s: float | None
    p95_s: float | None
    blocked: int
    failed: int
    front: bool


def figures(one: Judged) -> CandidateFigures:
    """JSON-plain."""
    candidate = one.said.candidate
    return {
        "name": one.name,
        "kind": candidate.kind,
        "model": candidate.model,
        "tier": candidate.tier if candidate.kind != "head" else "head",
        "rows": one.right.n,
        "right": one.right.mean,
        "low": one.right.low,
        "high": one.right.high,
        "promised": one.promised,
        "lag": one.lag,
        "able": one.able,
        "needed": one.needed,
        "cost": one.cost,
        "p50_s": one.p50_s,
        "p95_s": one.p95_s,
        "blocked": one.said.blocked,
        "failed": one.said.failed,
        "front": one.front,
    }


def verdict(choice: Choice, rows: Rows) -> Iterator[str]:
    """What was chosen and why, or why nothing could be."""
    wanted, chosen = choice.wanted, choice.chosen
    sure = f"{100 * wanted.confidence:.4g} %"
    count = len(choice.judged) + len(choice.left_out)
    if chosen is None:
        yield f"No candidate can be promised: {_asked(choice)}, with {sure} confidence."
        yield from (f"{one.name}: {_needs(one, choice)}" for one in choice.judged)
    elif wanted.target is not None:
        yield (
            f"Take {chosen.name}: at least {chosen.promised:.1%} of its answers are right "
            f"(asked: {wanted.target:.1%}), with {sure} confidence for all {count} candidates "
            f"together (n = {chosen.right.n}). It is the cheapest that can be promised."
        )
    else:
        yield (
            f"Take {chosen.name}: it lags behind no candidate by more than {-chosen.lag:.1%} "
            f"(allowed: {wanted.margin:.1%}), with {sure} confidence for all {count} candidates "
            f"together (n = {chosen.right.n}). It is the cheapest such."
        )
    if choice.head_is_enough:
        yield (
            "A head is enough: no model needs to be asked. "
            f"`tandem calibrate {rows.task} --data ROWS --write` puts one in force."
        )
    yield from _beside(choice, rows)


def _beside(choice: Choice, rows: Rows) -> Iterator[str]:
    for one in choice.judged:
        if one.said.blocked:
            yield (
                f"{one.name}: {one.said.blocked} rows are too sensitive to leave for it; they "
                "count as not answered"
            )
        if one.said.failed:
            yield f"{one.name}: {one.said.failed} rows it could not answer; they count as wrong"
        if one.said.candidate.kind == "adapter" and rows.learnt:
            yield f"{one.name}: {rows.learnt} rows that it learnt from judge nobody"
    yield from (f"{one.candidate.name} was not judged: {one.why_not}" for one in choice.left_out)
    if rows.repeats:
        yield f"{rows.repeats} rows repeat an earlier text and were left out"
    if rows.learn:
        yield f"{len(rows.learn)} rows were for the head to learn from; {len(rows.judge)} judge all"


def _asked(choice: Choice) -> str:
    wanted = choice.wanted
    if wanted.target is not None:
        return f"{wanted.target:.1%} right answers are asked"
    return f"none is sure to lag by less than {wanted.margin:.1%} behind the best"


def _needs(one: Judged, choice: Choice) -> str:
    target = choice.wanted.target
    if one.needed is None:
        why = f"its {one.right.mean:.1%} do not reach it" if target else "it lags by too much"
        if one.said.candidate.kind == "head":
            return f"{why} as it is; a head learns from rows, and more of them may make it better"
        return f"{why}, so no number of rows would settle it"
    return f"about {one.needed} rows like these would settle it ({one.right.n} were judged)"


def chart(choice: Choice, currency: str) -> list[str]:
    """Quality upwards, cost of a request to the right; letters are the candidates by cost."""
    judged = choice.judged
    most = max((one.cost for one in judged), default=0.0)
    floor = math.floor(20 * min(one.right.low for one in judged)) / 20
    field = [[" "] * (WIDTH + 1) for _ in range(HEIGHT + 1)]

    def line(share: float) -> int:
        return HEIGHT - round((share - floor) / (1 - floor or 1) * HEIGHT)

    names = []
    for letter, one in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", judged, strict=False):
        column = round(one.cost / most * WIDTH) if most else 0
        for at in range(line(one.right.high), line(one.right.low) + 1):
            if field[at][column] == " ":
                field[at][column] = "|"
        field[line(one.right.mean)][column] = letter
        names.append(f"{letter} {one.name}{' (front)' if one.front else ''}")
    lines = ["right answers, with 95 % intervals"]
    for at, row in enumerate(field):
        share = floor + (1 - floor) * (HEIGHT - at) / HEIGHT
        lines.append(f"{100 * share:5.1f} % |{''.join(row).rstrip()}")
    lines.append(f"        +{'-' * WIDTH}")
    end = f"{most:.6f}"
    lines.append(f"         0{f'cost of a request, {currency}':^{WIDTH - len(end) - 1}}{end}")
    return [*lines, f"         {', '.join(names)}"]


def picture(choice: Choice, currency: str, title: str, path: Path) -> None:
    """Write quality against cost as a PNG, with the front as a line.

    Raises
    ------
    SettingsError: matplotlib is not installed, or the file cannot be written.
    """
    refuse_without_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    front = [one for one in choice.judged if one.front]
    axes.plot(
        [1000 * one.cost for one in front],
        [one.right.mean for one in front],
        color="#6b6b6b",
        linestyle="--",
        linewidth=1,
        label="front",
    )
    for one in choice.judged:
        _point(axes, one, one is choice.chosen)
    if choice.wanted.target is not None:
        axes.axhline(choice.wanted.target, color="#b5472f", linewidth=1, label="asked")
    axes.set(
        title=title,
        xlabel=f"cost of 1,000 requests ({currency})",
        ylabel="right answers, with 95 % intervals",
    )
    axes.margins(x=0.1, y=0.12)
    axes.grid(color="#ececec", linewidth=0.6)
    axes.legend(frameon=False, fontsize=9)
    try:
        figure.savefig(path, format="png", dpi=150)
    except OSError as error:
        raise SettingsError(
            f"The picture {path} cannot be written: {error.strerror}.", "Name another file."
        ) from error


def _point(axes: Any, one: Judged, chosen: bool) -> None:
    share, kind = one.right, one.said.candidate.kind
    axes.errorbar(
        [1000 * one.cost],
        [share.mean],
        yerr=[[share.mean - share.low], [share.high - share.mean]],
        fmt="*" if chosen else "o",
        markersize=12 if chosen else 6,
        capsize=3,
        color=_COLOURS[kind],
        label=f"{one.name}: {share.mean:.3f}{', chosen' if chosen else ''}",
    )
