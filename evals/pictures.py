"""The report's pictures (matplotlib, extra `eval`): drawn without a display and no global state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tandem.evals.curve import ENDS
from tandem.evals.failures import Confusion
from tandem.evals.summary import ALL, ORACLE, Group, PolicySummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {
    "slm_only": "#2a78d6",
    "llm_only": "#b5472f",
    "tandem": "#1d8a4e",
    ORACLE: "#8a6d1d",
}
_MARKERS: Final = {"slm_only": "s", "llm_only": "D", "tandem": "o", ORACLE: "*"}
_OTHERS: Final = ("#7a4fb5", "#c2378b", "#3f8f93", "#6b6b6b")
"""For policies that have no colour of their own, in turn."""
_LINE: Final = "#6b6b6b"
_DPI: Final = 150
_COLUMNS: Final = 3
MOST_LABELS: Final = 30
"""A larger confusion matrix cannot be read as a picture."""
Cost = Callable[[PolicySummary], float]


def available() -> bool:
    """Whether pictures can be drawn here."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def cost_quality(group: Group, currency: str, path: Path) -> None:
    """Quality with its interval against cost, at list prices and in compute seconds; random mixing
    is the line between the SLM and the LLM alone."""
    figure = _figure(9.6, 5.0)
    left, right = figure.subplots(1, 2, sharey=True)
    colours = _colours([policy["policy"] for policy in group["policies"]])
    _scatter(left, group, _price, colours)
    _scatter(right, group, _compute, colours)
    left.set_xlabel(f"cost of 1,000 requests at list prices ({currency})")
    right.set_xlabel("compute of a request (model seconds)")
    left.set_ylabel(f"quality ({group['primary']})")
    name = "all rows" if group["suite"] == ALL else group["suite"]
    figure.suptitle(f"{name}: cost against quality, with 95 % intervals")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    _save(figure, path)


def cost_quality_by_suite(groups: Sequence[Group], currency: str, path: Path) -> None:
    """A panel a suite: quality with its interval against cost at list prices."""
    down = math.ceil(len(groups) / _COLUMNS)
    figure = _figure(3.5 * _COLUMNS, 2.7 * down + 0.9)
    panels = list(figure.subplots(down, _COLUMNS, squeeze=False, sharey=True).flat)
    names = list(dict.fromkeys(one["policy"] for group in groups for one in group["policies"]))
    colours = _colours(names)
    named: dict[str, Any] = {}
    for axes in panels:
        axes.set_axis_off()
    for group, axes in zip(groups, panels, strict=False):
        axes.set_axis_on()
        _scatter(axes, group, _price, colours, told=False)
        axes.locator_params(axis="x", nbins=4)
        axes.set_title(f"{group['suite']} (n = {group['n']})", fontsize=10)
        handles, labels = axes.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    figure.supxlabel(f"cost of 1,000 requests at list prices ({currency})", fontsize=10)
    figure.supylabel("quality, with 95 % intervals", fontsize=10)
    figure.legend(
        named.values(), named, loc="outside upper center", ncols=len(named), frameon=False
    )
    _save(figure, path)


def latencies(seconds: Mapping[str, Mapping[str, Sequence[float]]], title: str, path: Path) -> None:
    """The distribution of seconds of a request: rows of boxes, in each the series in its colour.

    `seconds` are by the row's name and the series' name.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    series = list(dict.fromkeys(name for row in seconds.values() for name in row))
    bars = sum(map(len, seconds.values())) + len(seconds)
    figure = _figure(8.4, 1.5 + 0.27 * bars)
    axes = figure.subplots()
    colours, place = _colours(series), 0.0
    ticks, names = [], []
    for row, boxes in seconds.items():
        first = place
        for name in (name for name in series if name in boxes):
            _box(axes, place, boxes[name], colours[name], f"n = {len(boxes[name])}")
            place -= 1
        ticks.append((first + place + 1) / 2)
        names.append(row)
        place -= 1
    axes.set_yticks(ticks, names)
    axes.set_ylim(place + 1, 1)
    axes.set_xscale("log")
    axes.set_xlim(right=axes.get_xlim()[1] * 1.5)  # room for the last box's n
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("seconds, log scale (box: quartiles and median; whiskers: 5 and 95 %)")
    axes.set_title(title)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    for name in series:
        axes.plot([], [], color=colours[name], linewidth=6, label=name)
    figure.legend(loc="outside lower center", ncols=len(series), frameon=False, fontsize=9)
    _save(figure, path)


def confusion_matrix(matrix: Confusion, path: Path) -> None:
    """Expected labels down, given ones across; each cell with its count, coloured by its share of
    the row."""
    labels, counts = matrix["labels"], matrix["counts"]
    rows = [(label, row) for label, row in zip(labels, counts, strict=True) if sum(row)]
    shares = [[count / sum(row) for count in row] for _, row in rows]
    figure = _figure(2.8 + 0.55 * len(labels), 2.2 + 0.5 * len(rows))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    for down, (_, row) in enumerate(rows):
        for across, count in enumerate(row):
            if count:
                colour = "white" if shares[down][across] > 0.5 else "black"
                axes.text(across, down, str(count), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(labels)), map(_short, labels), rotation=40, ha="right", fontsize=9)
    named = [f"{_short(label)} ({sum(row)})" for label, row in rows]
    axes.set_yticks(range(len(rows)), named, fontsize=9)
    axes.set_xlabel("given")
    axes.set_ylabel("expected (rows)")
    n, right = sum(sum(row) for _, row in rows), sum(counts[at][at] for at in range(len(labels)))
    figure.suptitle(
        f"{matrix['suite']} under {matrix['policy']}\n{right} of {n} right", fontsize=10
    )
    _save(figure, path)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _scatter(
    axes: Axes, group: Group, cost: Cost, colours: Mapping[str, str], told: bool = True
) -> None:
    """The policies as points; their names go into the legend, with their figures if `told`."""
    ends = [one for one in group["policies"] if one["policy"] in ENDS and one["n"]]
    if len(ends) == len(ENDS):
        axes.plot(
            [cost(end) for end in ends],
            [end["quality"]["mean"] or 0.0 for end in ends],
            linestyle="--",
            color=_LINE,
            linewidth=1,
            label="random mixing (computed)",
        )
    for policy in group["policies"]:
        _point(axes, policy, cost(policy), colours[policy["policy"]], told)
    axes.set_xlim(left=0)
    axes.margins(x=0.08, y=0.12)
    axes.grid(color="#ececec", linewidth=0.6)
    axes.set_axisbelow(True)


def _point(axes: Axes, policy: PolicySummary, cost: float, colour: str, told: bool) -> None:
    quality, name = policy["quality"], policy["policy"]
    mean, low, high = quality["mean"], quality["low"], quality["high"]
    if mean is None:
        return
    error: Any = None if low is None or high is None else [[mean - low], [high - mean]]
    label = f"{name} (computed)" if name == ORACLE else name
    if told:
        label += f": {mean:.3f}, n = {policy['n']}"
    axes.errorbar(
        [cost],
        [mean],
        yerr=error,
        fmt=_MARKERS.get(name, "o"),
        markersize=10 if name == ORACLE else 6,
        capsize=3,
        color=colour,
        label=label,
    )


def _box(axes: Axes, place: float, values: Sequence[float], colour: str, told: str) -> None:
    drawn = axes.boxplot(
        [list(values)],
        positions=[place],
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        widths=0.7,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": colour, "edgecolor": colour, "alpha": 0.75},
        medianprops={"color": "black", "linewidth": 1.6},
        whiskerprops={"color": colour},
        capprops={"color": colour},
    )
    end = max(drawn["caps"][1].get_xdata())
    axes.annotate(
        told, (end, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=7.5
    )


def _colours(names: Sequence[str]) -> dict[str, str]:
    """Each name's colour: a policy keeps its own, a tier has its policy's."""
    own = {**_COLOURS, "slm": _COLOURS["slm_only"], "llm": _COLOURS["llm_only"]}
    others = [name for name in names if name not in own]
    return {name: own.get(name) or _OTHERS[others.index(name) % len(_OTHERS)] for name in names}


def _price(policy: PolicySummary) -> float:
    return 1000 * policy["cost"] / policy["n"] if policy["n"] else 0.0


def _compute(policy: PolicySummary) -> float:
    return policy["compute_seconds"] / policy["n"] if policy["n"] else 0.0


def _short(label: str) -> str:
    return label if len(label) <= 28 else label[:27] + "…"


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=_DPI)
