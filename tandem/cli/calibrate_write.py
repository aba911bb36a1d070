"""`tandem calibrate --write`: putting a calibration in force, and what that means for requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.quality.calibration.calibration import LabelCalibration
    from tandem.quality.calibration.field_calibration import FieldCalibration
    from tandem.quality.calibration.signal_calibration import SignalCalibration
    from tandem.quality.calibration.store import Calibrations
    from tandem.quality.calibration.threshold import Promise

    Made = LabelCalibration | SignalCalibration | FieldCalibration


def save(settings: Settings, calibration: Made, *, write: bool) -> None:
    """Write `calibration` where `write` says so, and tell what is in force then.

    Raises
    ------
    InvalidRequest: it is agreement, and would take the place of a promise.
    SettingsError: it cannot be written.
    """
    from tandem.graphs.tasks import calibrations
    from tandem.quality.calibration.field_calibration import FieldCalibration

    if not write:
        typer.echo("Nothing was written (--dry-run); --write puts it in force.")
        return
    store = calibrations(settings)
    before = _found(store, calibration)
    behind = _found(replace(store, folders=store.folders[1:]), calibration)
    if before is not None:
        _refuse_to_replace(_promises(before), _promises(calibration))
    path = store.save(calibration)
    typer.echo(f"Written: {path}. It is in force from now on, in running processes too.")
    asked = _asked(settings, calibration.task)
    if isinstance(calibration, FieldCalibration):
        typer.echo(_of_fields(calibration, asked))
        return
    for line in _written(calibration, asked, before, shipped=behind is not None):
        typer.echo(line)


def _written(made: Made, asked: float, before: Made | None, *, shipped: bool) -> Iterator[str]:
    from tandem.loop.telling import promised, written

    earlier = promised(made.task, _promise(before, asked), asked) if before else ""
    return written(made.task, asked, _promise(made, asked), earlier, shipped=shipped)


def _of_fields(made: FieldCalibration, asked: float) -> str:
    kept = [name for name, one in made.fields.items() if one.promise(asked)]
    return (
        f"Requests ask for {asked:.1%}; fields for which this file certifies it: "
        f"{', '.join(kept) or 'none'}. Other measured fields go to the LLM. "
        "To undo it, delete the file."
    )


def _refuse_to_replace(before: list[Promise], made: list[Promise]) -> None:
    """Agreement does not take a promise's place."""
    promised = any(one.threshold is not None and not one.agreement for one in before)
    if promised and any(one.agreement for one in made):
        raise InvalidRequest(
            "A calibration with a promise is in force for the same requests, and one made of "
            "feedback promises nothing; it was not written.",
            "Delete the other (or set [calibration] shipped = false) where you want this one.",
        )


def _promises(made: Made) -> list[Promise]:
    from tandem.quality.calibration.field_calibration import FieldCalibration

    if isinstance(made, FieldCalibration):
        return [one for field in made.fields.values() for one in field.promises]
    return list(made.promises)


def _asked(settings: Settings, task: str) -> float:
    own = settings.tasks.get(task)
    return (own.quality if own else None) or settings.calibration.target


def _found(store: Calibrations, like: Made) -> Made | None:
    from tandem.quality.calibration.calibration import LabelCalibration
    from tandem.quality.calibration.field_calibration import FieldCalibration

    if isinstance(like, LabelCalibration):
        return store.find(like.task, like.labels).calibration
    if isinstance(like, FieldCalibration):
        return store.find_fields(like.task).get(like.key)
    return store.find_signals(like.task)


def _promise(made: Made | None, asked: float) -> Promise | None:
    from tandem.quality.calibration.calibration import LabelCalibration
    from tandem.quality.calibration.signal_calibration import SignalCalibration

    if isinstance(made, LabelCalibration):
        return made.promise(asked, ("head", "slm"))
    return made.promise(asked) if isinstance(made, SignalCalibration) else None
