"""What to do about what a check for drift found."""

from __future__ import annotations

from typing import Final

from tandem.loop.drift_records import Status
from tandem.loop.in_force import InForce

REMEDIES: Final[dict[Status, str]] = {
    "holds": "",
    "in doubt": "Draw rows uniformly from recent requests, label them and calibrate again; or let "
    "the shadow ([shadow] share) tell how good the accepted answers are.",
    "broken": "Calibrate again with freshly labelled rows (`tandem calibrate {task} --data ... "
    '--write`); until then set escalation = "always" in [tasks.{task}].',
    "too few rows": "Check again when {missing} more answers came; or name an earlier --since.",
    "not followed": "",
}


def remedy(found: InForce, status: Status, missing: int) -> str:
    """The next step; empty: none is needed. `missing`: answers until anything can be tested."""
    if status == "no promise":
        return _to_promise(found)
    return REMEDIES[status].format(task=found.task, missing=missing)


def _to_promise(found: InForce) -> str:
    task = found.task
    if found.escalation != "guarantee":
        return f'Answers leave by a promise with escalation = "guarantee" in [tasks.{task}].'
    if found.promise is not None:
        return (
            "Draw rows uniformly from recent requests, label them and calibrate with them "
            f"(`tandem calibrate {task} --data rows.jsonl --write`): such rows give a promise."
        )
    steps = [f"calibrate with more labelled rows (`tandem calibrate {task} --data ... --write`)"]
    if found.certified:
        best = max(found.certified)
        steps.append(f"ask for what it certifies ([tasks.{task}] quality = {best:g})")
    if found.shipped:
        steps.append("set [calibration] shipped = false: without it the margin decides")
    elif found.file:
        steps.append(f"delete {found.file}: what was there before is then in force")
    return f"All its requests go to the LLM. To change that, {', or '.join(steps)}."
