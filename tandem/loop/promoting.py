"""Puts an adapter in force and takes it back, and sees to the servers: the next one is up before it
is needed, and one whose adapters are out of force ends when it has finished what it is at work on.

Of a hosted model nothing but the settings is known: its server was started with its adapters.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from tandem.errors import InvalidRequest, SettingsError, TandemError
from tandem.models.adapters import AdapterCard, Adapters
from tandem.models.promoted import PromotedFile
from tandem.services import Services

_log: Final = logging.getLogger(__name__)


class WithChallenger(Adapters):
    """The adapters in force as they would be with the challenger."""

    def __init__(self, own: Adapters, card: AdapterCard) -> None:
        super().__init__(own.folder)
        self._cards = {**own.in_force(), card.slot: card}

    def in_force(self) -> dict[str, AdapterCard]:
        """See Adapters; the challenger stands in its slot."""
        return self._cards


class _Without(Adapters):
    """The adapters in force as they would be after a rollback of one."""

    def __init__(self, own: Adapters, card: AdapterCard) -> None:
        super().__init__(own.folder)
        self._cards = {slot: one for slot, one in own.in_force().items() if slot != card.slot}
        if earlier := own.promoted().get(card.slot, [])[:-1]:
            with suppress(InvalidRequest):  # a card that is gone: the model as it is
                self._cards[card.slot] = own.get(earlier[-1])

    def in_force(self) -> dict[str, AdapterCard]:
        """See Adapters; in its slot stands the one before it."""
        return self._cards


def refuse_other_base(services: Services, card: AdapterCard) -> None:
    """Raise SettingsError where the small model of the adapter's task cannot serve it."""
    name = services.settings.chain("slm", card.task)[0]
    model = services.settings.models[name]
    if model.backend != "embedded":
        if card.name not in model.adapters:
            raise SettingsError(
                f"The hosted model {name} does not hold the adapter {card.name}.",
                f"Start its server with --lora-modules {card.name}=FOLDER, and list it in "
                f"models.{name}.adapters; nothing was changed.",
            )
    elif services.servers.base_sum(name) != card.base_sha256:
        raise SettingsError(
            f"{card.name} was made for another base model ({card.base}).",
            "Tune the model that is in use; nothing was changed.",
        )


def put_in_force(
    services: Services, card: AdapterCard, quality: Mapping[str, Any], instead_of: str
) -> AdapterCard:
    """Note on the card how the adapter won against `instead_of` (empty: the model as it is), and
    put it in force.

    Raises
    ------
    InvalidRequest: something else is in force by now. ModelError, ModelFileError: its server does
    not start, its file is not as it was made, or cannot be written. Nothing was changed.
    """
    adapters = services.adapters
    old = adapters.served_with(card.base_sha256)
    new = WithChallenger(adapters, card).served_with(card.base_sha256)
    _warm(services, card.task, new)
    try:
        promoted = adapters.promote(card.name, instead_of, quality)
    except TandemError:
        retire(services, card.task, new)
        raise
    retire(services, card.task, old)
    return promoted


def note_duel(adapters: Adapters, card: AdapterCard, duel: Mapping[str, Any]) -> None:
    """Add a duel to the adapter's card, won or lost. Raises InvalidRequest where the adapter was
    removed meanwhile; ModelFileError where its card cannot be written."""
    _change(adapters, card.name, lambda now: replace(now, duels=(*now.duels, dict(duel))))


def take_out_of_force(services: Services, name: str) -> str:
    """Take the adapter `name` out of force; the name of what answers now, empty for the model as it
    is. Raises InvalidRequest where it is not in force.

    What answers then is started first. Where that fails the adapter is taken out all the same: a
    way back must not hang on a server.
    """
    adapters = services.adapters
    card = next((one for one in adapters.in_force().values() if one.name == name), None)
    if card is None:
        return adapters.rollback(name)
    old = adapters.served_with(card.base_sha256)
    try:
        _warm(services, card.task, _Without(adapters, card).served_with(card.base_sha256))
    except TandemError as error:
        _log.warning("The server without %s is not up yet; it starts when asked. %s", name, error)
    before = adapters.rollback(name)
    retire(services, card.task, old)
    return before


def retire(services: Services, task: str, held: Sequence[AdapterCard]) -> None:
    """Let the server of the task's small model that holds `held`, and is not in force, end soon."""
    name = services.settings.chain("slm", task)[0]
    if services.settings.models[name].backend == "embedded":
        services.servers.retire(name, held)


def _change(adapters: Adapters, name: str, change: Callable[[AdapterCard], AdapterCard]) -> None:
    """The card is read anew under the lock: another process may have added to it."""
    with PromotedFile(adapters.folder).locked():
        adapters.write(change(adapters.get(name)))


def _warm(services: Services, task: str, held: Sequence[AdapterCard]) -> None:
    name = services.settings.chain("slm", task)[0]
    if services.settings.models[name].backend == "embedded":
        services.servers.warm(name, held)
