"""The report's pictures (matplotlib, extra `eval`): drawn without a display and no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tandem.evals.failures import Confusion
from tandem.evals.summary import ORACLE, Group, PolicySummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {
    "slm_only": "#2a78d6",
    "llm_only": "#b5472f",
    "tandem": "#1d8a4e",
    ORACLE: "#8a6d1d",
}
_OTHER: Final = "#6b6b6b"
_DPI: Final = 150
MOST_LABELS: Final = 30
"""A larger confusion matrix cannot be read as a picture."""


def available() -> bool:
    """Whether pictures can be drawn here."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def cost_quality(group: Group, currency: str, path: Path) -> None:
    """Quality with its interval against cost, each policy a point, random mixing a line between
    the SLM and the LLM alone."""
    figure, axes = _figure(7.2, 4.6)
    named = {policy["policy"]: policy for policy in group["policies"]}
    ends = [named[name] for name in ("slm_only", "llm_only") if name in named]
    if len(ends) == 2:
        axes.plot(
            [_cost(end) for end in ends],
            [end["quality"]["mean"] or 0.0 for end in ends],
            linestyle="--",
            color=_OTHER,
            linewidth=1,
            label="random mixing of the two (computed)",
        )
    for policy in group["policies"]:
        _point(axes, policy)
    axes.set_xlabel(f"cost of 1,000 requests ({currency}, at the set prices)")
    axes.set_ylabel(f"quality: {group['primary']}")
    axes.set_title(f"{group['suite']}: cost against quality, n = {group['n']}, 95 % intervals")
    axes.set_xlim(left=0)
    axes.margins(y=0.15)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    _save(figure, path)


def latencies(seconds: Mapping[str, Sequence[float]], title: str, path: Path) -> None:
    """The distribution of seconds, a box (quartiles, 5 % and 95 %) a name, on a log scale."""
    figure, axes = _figure(7.2, 1.4 + 0.55 * len(seconds))
    names = list(seconds)[::-1]
    axes.boxplot(
        [list(seconds[name]) for name in names],
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        widths=0.6,
        medianprops={"color": "#b5472f"},
    )
    axes.set_yticks(
        range(1, len(names) + 1), [f"{name} (n = {len(seconds[name])})" for name in names]
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("seconds, log scale (box: quartiles; whiskers: 5 and 95 %)")
    axes.set_title(title)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
    _save(figure, path)


def confusion_matrix(matrix: Confusion, path: Path) -> None:
    """Expected labels down, given ones across; each cell with its count."""
    labels = matrix["labels"]
    size = max(4.0, 1.8 + 0.48 * len(labels))
    figure, axes = _figure(size + 1.2, size)
    axes.imshow(matrix["counts"], cmap="Blues", aspect="auto")
    highest = max(max(row) for row in matrix["counts"])
    for down, row in enumerate(matrix["counts"]):
        for across, count in enumerate(row):
            if count:
                dark = count > highest / 2
                axes.text(
                    across,
                    down,
                    str(count),
                    ha="center",
                    va="center",
                    color="white" if dark else "black",
                    fontsize=8,
                )
    shown = [label if len(label) <= 28 else label[:27] + "…" for label in labels]
    axes.set_xticks(range(len(labels)), shown, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(labels)), shown, fontsize=8)
    axes.set_xlabel("given")
    axes.set_ylabel("expected")
    axes.set_title(f"{matrix['suite']} under {matrix['policy']}", fontsize=10)
    _save(figure, path)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _point(axes: Axes, policy: PolicySummary) -> None:
    quality = policy["quality"]
    mean, low, high = quality["mean"], quality["low"], quality["high"]
    if mean is None:
        return
    error: Any = None if low is None or high is None else [[mean - low], [high - mean]]
    axes.errorbar(
        [_cost(policy)],
        [mean],
        yerr=error,
        fmt="o",
        capsize=3,
        color=_COLOURS.get(policy["policy"], _OTHER),
        label=f"{policy['policy']}: {mean:.3f} at {_cost(policy):.3f}",
    )


def _cost(policy: PolicySummary) -> float:
    return 1000 * policy["cost"] / policy["n"] if policy["n"] else 0.0


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=_DPI)
