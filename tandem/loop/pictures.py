"""Risk-coverage curves: as text for a terminal, and as a PNG."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from tandem.errors import SettingsError
from tandem.quality.calibration.curves import Curve

WIDTH: Final = 60
HEIGHT: Final = 10
MARKS: Final = "o+x*"


def in_text(curves: Mapping[str, Curve]) -> list[str]:
    """Lines that draw the curves: error rate upwards, accepted share to the right.

    Each curve has a mark of its own; where several meet, the first is seen.
    """
    # The first rows' error rate jumps; it says little and would stretch the picture.
    cut = {name: _thinned(curve) for name, curve in curves.items()}
    top = max((float(curve.y.max()) for curve in cut.values() if len(curve.y)), default=0.0)
    top = max(0.05, np.ceil(top * 20) / 20)
    field = [[" "] * (WIDTH + 1) for _ in range(HEIGHT + 1)]
    for mark, curve in reversed(list(zip(MARKS, cut.values(), strict=False))):
        for x, y in zip(curve.x, curve.y, strict=True):
            field[HEIGHT - round(float(y) / top * HEIGHT)][round(float(x) * WIDTH)] = mark
    lines = [
        f"{100 * top * (HEIGHT - at) / HEIGHT:5.1f} % |{''.join(row).rstrip()}"
        for at, row in enumerate(field)
    ]
    legend = ", ".join(f"{mark} {name}" for mark, name in zip(MARKS, curves, strict=False))
    axis = f"        +{'-' * WIDTH}\n         0 %{'accepted':^{WIDTH - 8}}100 %"
    return ["errors among the accepted", *lines, *axis.split("\n"), f"         {legend}"]


def refuse_without_matplotlib() -> None:
    """Raises SettingsError where no picture can be drawn: ask before the work, not after it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SettingsError(
            "A picture needs the package matplotlib, which is not installed.",
            "Install it with `make dev`, or `pip install -e '.[eval]'` in a checkout; or leave "
            "--picture out.",
        )


def to_png(curves: Mapping[str, Curve], path: Path, title: str) -> None:
    """Write the curves as a picture.

    Raises
    ------
    SettingsError: matplotlib is not installed, or the file cannot be written.
    """
    refuse_without_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, curve in curves.items():
        axes.plot(100 * curve.x, 100 * curve.y, label=name)
    axes.set(title=title, xlabel="accepted, %", ylabel="errors among the accepted, %")
    axes.set(xlim=(0, 100), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise SettingsError(
            f"The picture {path} cannot be written: {error.strerror}.", "Name another file."
        ) from error


def _thinned(curve: Curve) -> Curve:
    wanted = np.linspace(0.05, 1.0, WIDTH)
    at = np.minimum(np.searchsorted(curve.x, wanted), len(curve.x) - 1)
    return Curve(curve.x[at], curve.y[at])
