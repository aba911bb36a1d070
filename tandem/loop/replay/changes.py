"""What differs between two settings, and what a replay can make of it.

Whatever is not known to be harmless, or to be replayed, makes the runs that it may concern not
identifiable: a setting that is added later is told, never overlooked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Final, NamedTuple

from tandem.errors import InvalidRequest
from tandem.models.files import own_path, recorded_sum
from tandem.models.identity import tier_identity
from tandem.models.presets import apply_preset
from tandem.records import TierName
from tandem.settings import Settings

ALL: Final = "*"
TUNED: Final = "tuned"
"""Stands for all tasks that an adapter may answer."""
_HARMLESS: Final = (
    "home", "cache.*", "ledger.*", "checkpoints.*", "shadow.*", "limits.connect_s",
    "limits.breaker_*", "limits.retries", "limits.idle_minutes", "limits.start_s",
    "limits.concurrency", "limits.max_deadline_ms", "embeddings.threads",
    "embeddings.cached_texts", "policy.budgets.refresh_s", "policy.deadlines.refresh_s",
    "currency", "models.*.price*", "models.*.url", "models.*.api_key_env", "models.*.path",
    "models.*.threads", "models.*.slots",
)  # fmt: skip
"""Prices are here because they change no answer: what they change is computed anyway. Where a file
lies and at which address a server is are harmless only where the model is the same one: see
`changed_tiers`."""
_REPLAYED: Final = (
    "models.*", "tiers.*", "tasks.*.slm", "tasks.*.llm", "tasks.*.min_margin", "tasks.*.quality",
    "tasks.*.escalation", "tasks.*.error_price", "tasks.*.first_tier", "policy.rules*",
    "policy.llm_above", "policy.budgets.*", "calibration.*", "privacy.public_may_see*",
    "privacy.stand_ins_may_be_less_private",
)  # fmt: skip
"""Models and tiers by who they are: see `changed_tiers`."""
_OF_TASKS: Final = {
    "research.": ("research",),
    "longform.": ("longform",),
    "contracts.": ("contract_review",),
    "tables.": ("agent",),
    "mcp.": ("agent",),
    "limits.agent_": ("agent",),
    "limits.tool_": ("agent",),
    "knowledge.": ("faq", "support_reply", "research", "agent"),
    "adapters.": (TUNED,),
}


class Unfollowed(NamedTuple):
    """A setting whose effect a replay does not follow, and the tasks that it may concern."""

    key: str
    tasks: tuple[str, ...]

    def concerns(self, task: str, tuned: bool) -> bool:
        """Whether it may concern `task`, which an adapter may answer (`tuned`) or none."""
        return ALL in self.tasks or task in self.tasks or (tuned and TUNED in self.tasks)


@dataclass(frozen=True)
class Changes:
    """Old settings beside new ones.

    Parameters
    ----------
    keys: all settings that differ, as `section.key`. unfollowed: those that no replay follows.
    """

    old: Settings
    new: Settings
    keys: tuple[str, ...]
    unfollowed: tuple[Unfollowed, ...]
    _changed: dict[str, tuple[TierName, ...]] = field(default_factory=dict)

    def harmless(self, task: str) -> bool:
        """Whether nothing but prices differs for `task`, and what no answer hangs on."""
        return self._harmless_keys and not self.changed_tiers(task)

    @cached_property
    def _harmless_keys(self) -> bool:
        return all(any(fnmatchcase(key, one) for one in _HARMLESS) for key in self.keys)

    def touches(self, *patterns: str) -> bool:
        """Whether a setting that differs is of one of the patterns."""
        return any(fnmatchcase(key, pattern) for key in self.keys for pattern in patterns)

    def why_unfollowed(self, task: str, tuned: bool) -> str:
        """The settings that make the runs of `task` unanswerable, in words; empty: there is none.

        A prompt, a document or a search that would be other than it was is known only by asking.
        """
        named = [one.key for one in self.unfollowed if one.concerns(task, tuned)]
        return f"{', '.join(named)} differs, and no replay follows what it does" if named else ""

    def changed_tiers(self, task: str) -> tuple[TierName, ...]:
        """The tiers whose models are others for `task`, or may be: a server at another address
        may serve anything under the same name."""
        if task not in self._changed:
            tiers: tuple[TierName, ...] = ("slm", "llm")
            self._changed[task] = tuple(tier for tier in tiers if self._is_another(tier, task))
        return self._changed[task]

    def _is_another(self, tier: TierName, task: str) -> bool:
        before, after = _sources(self.old, tier, task), _sources(self.new, tier, task)
        return before != after or (
            tier_identity(self.old, tier, task) != tier_identity(self.new, tier, task)
        )


def _sources(settings: Settings, tier: TierName, task: str) -> list[str]:
    """Where each model of a chain is had from, as far as its identity does not tell which it is:
    a server's address; a file's path, where no sum of the file is recorded."""
    return [_source(settings, name) for name in settings.chain(tier, task)]


def _source(settings: Settings, name: str) -> str:
    if settings.models[name].backend != "embedded":
        return apply_preset(settings.models[name]).url
    path = own_path(name, settings)
    return "" if path is None or recorded_sum(path) else str(path)


def changes(old: Settings, new: Settings) -> Changes:
    """What differs.

    Raises
    ------
    InvalidRequest: the currencies differ, so that no sum could be compared.
    """
    if old.currency != new.currency:
        raise InvalidRequest(
            f"The new settings count in {new.currency} and the ledger in {old.currency}: no "
            "figure could be compared. Nothing was replayed, and the ledger is as it was.",
            f'Set currency = "{old.currency}" in the new settings, with prices to match.',
        )
    before, after = _flat(old), _flat(new)
    keys = sorted(key for key in before | after if before.get(key) != after.get(key))
    unfollowed = tuple(Unfollowed(key, _tasks_of(key)) for key in keys if not _followed(key))
    return Changes(old, new, tuple(keys), unfollowed)


def _followed(key: str) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in (*_HARMLESS, *_REPLAYED))


def _tasks_of(key: str) -> tuple[str, ...]:
    if key.startswith("tasks."):
        return (key.split(".")[1],)
    return next((tasks for start, tasks in _OF_TASKS.items() if key.startswith(start)), (ALL,))


def _flat(settings: Settings) -> dict[str, Any]:
    """Every value that is set, by its whole name; a list is one value."""
    told = settings.model_dump(mode="json")
    return dict(_leaves(told, ""))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif value not in (None, "", {}, []):
        yield name, value
