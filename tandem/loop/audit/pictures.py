"""The report's pictures (matplotlib, extra `eval`): drawn without a display and no global state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Final

from tandem.loop.audit.report import Audit, Destination, Workload

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST: Final = 12
_COLOURS: Final[dict[Destination, str]] = {
    "SLM": "#1d8a4e",
    "SLM with check": "#2a78d6",
    "LLM": "#b5472f",
    "private only": "#7a4fb5",
    "refused by a rule": "#6b6b6b",
    "not known": "#b0b0b0",
}
_DPI: Final = 150
Draw = Callable[["Axes", int, Workload, str], None]
_LINE: Final = "#6b6b6b"


def available() -> bool:
    """Whether pictures can be drawn here."""
    return find_spec("matplotlib") is not None


def pictures(audit: Audit) -> dict[str, bytes]:
    """PNG files by name: what is spent on each workload, and what each would save."""
    made = {}
    spent = [each for each in audit["workloads"] if each["spend"]]
    spent.sort(key=lambda each: each["spend"]["value"] if each["spend"] else 0.0, reverse=True)
    if spent:
        made["spend.png"] = _drawn(spent[:MOST], _spend, f"spend ({audit['currency']})")
    saving = [each for each in audit["workloads"] if each["saving"]]
    if saving:
        title = f"saving ({audit['currency']}): 95 % interval, and what is expected"
        made["saving.png"] = _drawn(saving[:MOST], _saving, title)
    return made


def _drawn(lines: Sequence[Workload], draw: Draw, title: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 1.4 + 0.42 * len(lines)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, line in enumerate(lines):
        draw(axes, place, line, _COLOURS[line["destination"]])
    axes.set_yticks(range(len(lines)), [_short(line["name"]) for line in lines], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel(title)
    _dressed(figure, axes, lines)
    return _png(figure)


def _spend(axes: Axes, place: int, line: Workload, colour: str) -> None:
    if line["spend"]:
        axes.barh(place, line["spend"]["value"], color=colour, height=0.6)


def _saving(axes: Axes, place: int, line: Workload, colour: str) -> None:
    if line["saving"]:
        low, high = line["saving"]["low"], line["saving"]["high"]
        axes.plot([low, high], [place, place], color=colour, linewidth=5, alpha=0.45)
        axes.plot([line["saving"]["value"]], [place], "o", color=colour, markersize=6)


def _dressed(figure: Figure, axes: Axes, lines: Sequence[Workload]) -> None:
    for name in dict.fromkeys(line["destination"] for line in lines):
        axes.plot([], [], color=_COLOURS[name], linewidth=6, label=name)
    axes.axvline(0, color=_LINE, linewidth=0.8)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(_COLOURS), frameon=False, fontsize=9)


def _png(figure: Figure) -> bytes:
    kept = BytesIO()
    figure.savefig(kept, format="png", dpi=_DPI)
    return kept.getvalue()


def _short(name: str) -> str:
    return name if len(name) <= 48 else name[:47] + "…"
