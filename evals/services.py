"""Services for an evaluation: answers kept, a ledger of its own, and a look at what leaves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from tandem.errors import ModelFileError
from tandem.evals.cache import AnswerCache, CachedTier, Stopwatch
from tandem.ledger.store import Ledger
from tandem.models.files import locate, recorded_sum
from tandem.models.prices import tariff
from tandem.models.tier import CallContext, Tier
from tandem.records import SENSITIVITIES, TierName
from tandem.services import Services
from tandem.settings import Privacy, Settings, ShadowSettings

CACHE_NAME = "evaluations.sqlite"


class EvalServices(Services):
    """The real services behind kept answers.

    Parameters
    ----------
    settings: the settings.
    cache: the kept answers.
    ledger_file: where this evaluation's runs are recorded; the user's own ledger stays as it is.
    """

    def __init__(self, settings: Settings, cache: AnswerCache, ledger_file: Path) -> None:
        # A shadow would ask, and pay, for what is measured anyway.
        super().__init__(settings.model_copy(update={"shadow": ShadowSettings()}))
        self.cache = cache
        self.stopwatch = Stopwatch()
        self.sent: list[str] = []
        """Prompts for models that are not private, since somebody last cleared the list."""
        self.published = False
        """Whether the case under way is of a published suite."""
        self._ledger_file = ledger_file

    @cached_property
    def ledger(self) -> Ledger:
        """A ledger beside the results."""
        return Ledger(
            f"sqlite:///{self._ledger_file.absolute()}",
            currency=self.settings.currency,
            scan=self.detector,
        )

    def tier(self, name: TierName, task: str = "") -> Tier:
        """The tier `name`, its answers kept."""
        first, *stand_ins = self.settings.chain(name, task)
        model = self.settings.models[first]
        all_private = all(self.settings.models[each].private for each in (first, *stand_ins))
        return CachedTier(
            inner=super().tier(name, task),
            cache=self.cache,
            fingerprint=fingerprint(self.settings, (first, *stand_ins)),
            stopwatch=self.stopwatch,
            price_call=None if stand_ins else tariff(model.price).cost,
            release=None if all_private else self._releaser(name),
            sent=self.sent.append,
            first_private=model.private,
            keeps=self._may_be_kept,
            adapter_sum=self._adapter_sum,
        )

    def _adapter_sum(self, name: str) -> str:
        sums = {card.name: card.sha256 for card in self.adapters.in_force().values()}
        return sums.get(name, "")

    def _may_be_kept(self, context: CallContext) -> bool:
        """Kept answers hold the originals of what was redacted."""
        open_to = self.settings.privacy.public_may_see
        return self.published or context.profile["sensitivity"] in open_to

    def _releaser(self, name: TierName) -> Callable[[str, CallContext], str]:
        def release(text: str, context: CallContext) -> str:
            outlet = f"the {name} tier"
            return self.guard.release_all([text], context.profile, outlet, context.vault)[0]

        return release


def unguarded(settings: Settings) -> Settings:
    """`settings` under which every text may leave: for published rows under the baseline only."""
    privacy = Privacy(
        public_may_see=SENSITIVITIES,
        stand_ins_may_be_less_private=settings.privacy.stand_ins_may_be_less_private,
    )
    return settings.model_copy(update={"privacy": privacy})


def fingerprint(settings: Settings, names: tuple[str, ...]) -> str:
    """What tells the models `names` from others: their settings (but prices) and their files."""
    models: list[Any] = []
    for name in names:
        model = settings.models[name]
        told = model.model_dump(mode="json", exclude={"price", "api_key_env", "adapters"})
        if model.adapters:
            told["adapters"] = list(model.adapters)
        models.append([told, _file_of(name, settings) if model.backend == "embedded" else ""])
    return hashlib.sha256(json.dumps(models, sort_keys=True).encode()).hexdigest()


def _file_of(name: str, settings: Settings) -> str:
    """The sum of the model's file where one was taken, else its size and time."""
    try:
        path = locate(name, settings)
    except ModelFileError:
        return "missing"  # whoever asks the model gets the error
    status = path.stat()
    return recorded_sum(path) or f"{status.st_size} {status.st_mtime_ns}"
