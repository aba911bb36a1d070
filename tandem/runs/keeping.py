"""Which runs are kept, and by what checkpointer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tandem.checkpoints.durable import DurableRuns, UnderWay
from tandem.checkpoints.opening import checkpointer_from_url, shown
from tandem.checkpoints.purging import too_old
from tandem.checkpoints.sealing import key_of, serializer
from tandem.errors import RunBusy, RunExpired
from tandem.ledger import effects
from tandem.ledger.holding import hold
from tandem.ledger.kept import keep, open_on
from tandem.ledger.store import Ledger
from tandem.services import Services

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

log = logging.getLogger(__name__)


def durable_runs(services: Services, own: BaseCheckpointSaver[Any] | None) -> DurableRuns | None:
    """The checkpointer of a `Tandem`; None where the settings say that nothing is kept.

    Parameters
    ----------
    own: the application's, in place of the one of the settings.

    Raises
    ------
    SettingsError: the key is no AES key.
    """
    url = services.settings.checkpoints_url
    keeps, on_kept = partial(_keeps, services), partial(_on_kept, services)
    if own is not None:
        return DurableRuns(lambda: own, keeps, on_kept, own.serde, type(own).__name__)
    if not url:
        return None
    key = key_of(services.settings.checkpoints.key_env)
    opened = partial(_opened, services, key)
    return DurableRuns(opened, keeps, on_kept, serializer(key), shown(url))


def _opened(services: Services, key: bytes | None) -> BaseCheckpointSaver[str]:
    """The checkpointer of the settings, without what is too old."""
    settings = services.settings
    saver = checkpointer_from_url(
        settings.checkpoints_url, key=key, connect_s=settings.checkpoints.connect_s
    )
    if count := delete_old(services, saver).deleted:
        log.info("checkpoints of %d threads were too old and are deleted", count)
    return saver


class Purged(NamedTuple):
    """Threads whose checkpoints were too old."""

    deleted: int
    at_work: int
    """Left as they are: another worker is at one of their runs."""


def delete_old(services: Services, saver: BaseCheckpointSaver[str]) -> Purged:
    """Delete checkpoints that are older than the settings allow, and end the runs that can go on
    no more."""
    old = too_old(saver, services.settings.checkpoints.days)
    at_work = 0
    for thread in old:
        try:
            with hold(services.ledger, thread, seconds=0):
                _delete(services, saver, thread)
        except RunBusy:
            at_work += 1
    effects.forget_results(services.ledger)
    return Purged(len(old) - at_work, at_work)


def _delete(services: Services, saver: BaseCheckpointSaver[str], thread: str) -> None:
    days = services.settings.checkpoints.days
    if not too_old(saver, days, thread=thread):
        return  # somebody has worked at it since, and let go of it
    saver.delete_thread(thread)
    for run_id in open_on(services.ledger, thread):
        what = f"The run waited for more than {days:g} days (checkpoints.days)."
        services.ledger.fail(run_id, RunExpired(what, "Ask again."))
        end_effects(services.ledger, run_id)


def end_effects(ledger: Ledger, run_id: str) -> None:
    """The steps of a run that goes on no more: what was asked is not done; of what was begun and
    has not ended nobody knows."""
    for row in effects.of_runs(ledger, [run_id])[run_id]:
        status: effects.EffectStatus = "unknown" if row["claims"] else "rejected"
        effects.end(ledger, run_id, row["step_id"], status)


def _keeps(services: Services, state: Mapping[str, Any]) -> bool:
    profile = state.get("profile") or {}
    named = profile.get("task") in services.settings.checkpoints.tasks
    return named and state.get("error") is None


def _on_kept(services: Services, run: UnderWay) -> None:
    run.stack.enter_context(hold(services.ledger, run.thread_id))
    keep(services.ledger, run.run_id, run.thread_id)
