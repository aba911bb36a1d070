"""`tandem calibrate --write`: putting a calibration in force, and what that means for requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import typer

from tandem.errors import InvalidRequest
from tandem.settings import NEEDS_PROMISE, Settings

if TYPE_CHECKING:
    from tandem.quality.calibration.calibration import LabelCalibration
    from tandem.quality.calibration.field_calibration import FieldCalibration
    from tandem.quality.calibration.signal_calibration import SignalCalibration
    from tandem.quality.calibration.store import Calibrations
    from tandem.quality.calibration.threshold import Promise

    Made = LabelCalibration | SignalCalibration | FieldCalibration

EXIT_UNCERTIFIED: Final = 5


def save(settings: Settings, calibration: Made, *, write: bool, uncertified: bool) -> None:
    """Write `calibration` where `write` says so, and tell what is in force then. One that certifies
    nothing of what requests ask for is not written unless `uncertified`: the command ends with 5.

    Raises
    ------
    InvalidRequest: it is agreement, and would take the place of a promise.
    SettingsError: it cannot be written.
    """
    from tandem.graphs.tasks import calibrations
    from tandem.quality.calibration.field_calibration import FieldCalibration

    lacking = [] if uncertified else list(_lacking(settings, calibration))
    if not write:
        then = "and --write would refuse it" if lacking else "--write puts it in force"
        typer.echo("\n".join([f"Nothing was written (--dry-run); {then}.", *lacking]))
        return
    if lacking:
        typer.echo("\n".join(["Not written; what was in force still is.", *lacking]), err=True)
        raise typer.Exit(EXIT_UNCERTIFIED)
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


def _lacking(settings: Settings, made: Made) -> Iterator[str]:
    """Why it should not be in force, and what to do; nothing: it may."""
    from tandem.loop.calibrate_fields import CERTIFYING_SHARE
    from tandem.loop.options import rows_for
    from tandem.quality.calibration.field_calibration import FieldCalibration
    from tandem.quality.calibration.threshold import HEADROOM, least_rows

    task, asked = made.task, _asked(settings, made.task)
    by_field = isinstance(made, FieldCalibration)
    if _certifies(made, asked) or not _needs_promise(settings, task):
        return
    promises = _promises(made)
    share = CERTIFYING_SHARE if by_field else None
    confidence, rows = promises[0].confidence, max(one.rows for one in promises)
    yield (
        f"It certifies nothing for the {asked:.1%} right answers that requests of {task} ask for: "
        "in force, it would send every one of them to the LLM."
    )
    if lower := sorted({one.target for one in promises if one.threshold is not None}):
        told = ", ".join(f"{target:.1%}" for target in lower)
        yield (
            f"- It certifies {told}: set [tasks.{task}] quality = {lower[-1]:g} (or [calibration] "
            "target) and start the same command again; answers are kept."
        )
    wanted = HEADROOM * least_rows(asked, confidence)
    yield f"- {rows} rows tested it. " + (
        f"{asked:.1%} takes about {wanted} that do, so {rows_for(asked, confidence, share)} "
        "labelled rows in all."
        if rows < wanted
        else "That is enough where scores tell right answers from wrong ones; more rows to learn "
        "from, or a better SLM, may get there."
    )
    yield "- --uncertified puts it in force all the same."


def _certifies(made: Made, asked: float) -> bool:
    from tandem.quality.calibration.field_calibration import FieldCalibration

    if isinstance(made, FieldCalibration):
        return any(one.promise(asked) for one in made.fields.values())
    return _promise(made, asked) is not None


def _needs_promise(settings: Settings, task: str) -> bool:
    own = settings.tasks.get(task)
    return ((own.escalation if own else None) or "guarantee") in NEEDS_PROMISE


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
