"""All settings together, and the rules between sections."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import Any, get_args

import platformdirs
from pydantic import Field, model_validator

from tandem.records import TierName
from tandem.settings.adapters import AdapterSettings
from tandem.settings.base import Section
from tandem.settings.calibration import CalibrationSettings
from tandem.settings.checkpoints import OFF, CheckpointSettings
from tandem.settings.contracts import ContractSettings
from tandem.settings.longform import LongformSettings
from tandem.settings.mcp import McpSettings
from tandem.settings.models import DEFAULT_MODELS, Model, Tiers
from tandem.settings.policy import Policy
from tandem.settings.privacy import Privacy
from tandem.settings.research import ResearchSettings
from tandem.settings.routing import Routing
from tandem.settings.sections import (
    Cache,
    EmbeddingSettings,
    KnowledgeSettings,
    LedgerSettings,
    Limits,
    TaskSettings,
)
from tandem.settings.shadow import ShadowSettings
from tandem.settings.tables import TableSettings
from tandem.settings.tenants import Tenant


class Settings(Section):
    """All settings. `home` is the folder that relative paths start from."""

    home: Path = Path()
    cache: Cache = Cache()
    models: dict[str, Model] = Field(default_factory=lambda: dict(DEFAULT_MODELS))
    tiers: Tiers = Tiers()
    tasks: dict[str, TaskSettings] = Field(default_factory=dict)
    embeddings: EmbeddingSettings = EmbeddingSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    ledger: LedgerSettings = LedgerSettings()
    limits: Limits = Limits()
    privacy: Privacy = Privacy()
    research: ResearchSettings = ResearchSettings()
    routing: Routing = Routing()
    tables: TableSettings = TableSettings()
    longform: LongformSettings = LongformSettings()
    contracts: ContractSettings = ContractSettings()
    tenants: dict[str, Tenant] = Field(default_factory=dict)
    calibration: CalibrationSettings = CalibrationSettings()
    adapters: AdapterSettings = AdapterSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    mcp: McpSettings = McpSettings()
    shadow: ShadowSettings = ShadowSettings()
    policy: Policy = Policy()
    currency: str = "USD"

    @model_validator(mode="before")
    @classmethod
    def _keep_default_models(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("models"), dict):
            return {**data, "models": {**DEFAULT_MODELS, **data["models"]}}
        return data

    @model_validator(mode="after")
    def _names_exist(self) -> Settings:
        for where, names in self._named_models().items():
            for name in names:
                if name not in self.models:
                    known = ", ".join(sorted(self.models))
                    raise ValueError(f"{where}: no model {name!r}; known models: {known}")
        self._refuse_less_private_stand_ins()
        self._refuse_common_indexes()
        self._refuse_looser_rules()
        self._refuse_endless_deadlines()
        return self

    def _named_models(self) -> dict[str, tuple[str, ...]]:
        named: dict[str, tuple[str, ...]] = {}
        for tier, chosen in (("slm", self.tiers.slm), ("llm", self.tiers.llm)):
            named[f"tiers.{tier}.model"] = (chosen.model,)
            named[f"tiers.{tier}.stand_ins"] = chosen.stand_ins
            for task, own in self.tasks.items():
                name = own.slm if tier == "slm" else own.llm
                named[f"tasks.{task}.{tier}"] = (name,) if name else ()
        return named

    def _refuse_less_private_stand_ins(self) -> None:
        if self.privacy.stand_ins_may_be_less_private:
            return
        for tier, task in product(get_args(TierName), ("", *self.tasks)):
            first, *rest = self.chain(tier, task)
            public = [name for name in rest if not self.models[name].private]
            if self.models[first].private and public:
                where = f"tasks.{task}.{tier}" if task else f"tiers.{tier}.stand_ins"
                raise ValueError(
                    f"{where}: {public[0]!r} is not private, but {first!r}, for which it stands "
                    "in, is; set privacy.stand_ins_may_be_less_private = true to allow it"
                )

    def _refuse_looser_rules(self) -> None:
        for position, rule in enumerate(self.policy.rules):
            looser = set(rule.public_may_see or ()) - set(self.privacy.public_may_see)
            if looser:
                raise ValueError(
                    f"policy.rules.{position}.public_may_see: a rule may let less leave, never "
                    f"more, and privacy.public_may_see does not have {', '.join(sorted(looser))}"
                )

    def _refuse_endless_deadlines(self) -> None:
        # What an agent delegates declares what is left of such a deadline.
        most = self.limits.max_deadline_ms
        for where, seconds in (
            ("limits.deadline_s", self.limits.deadline_s),
            ("policy.deadlines.async_s", self.policy.deadlines.async_s),
        ):
            if seconds * 1000 > most:
                raise ValueError(
                    f"{where}: {seconds:g} s is more than limits.max_deadline_ms allows ({most:,})"
                )

    def _refuse_common_indexes(self) -> None:
        owners = {self.path(self.knowledge.index_dir): "knowledge"}
        for name, tenant in self.tenants.items():
            if not tenant.index_dir:
                continue
            owner = owners.setdefault(self.path(tenant.index_dir), f"tenants.{name}")
            if owner != f"tenants.{name}":
                raise ValueError(
                    f"tenants.{name}.index_dir: {owner} has the same; give each its own, or say "
                    "shared = true in place of index_dir"
                )

    def chain(self, tier: TierName, task: str = "") -> tuple[str, ...]:
        """Model names to try for `tier` (and `task`), in order."""
        chosen = self.tiers.slm if tier == "slm" else self.tiers.llm
        own = self.tasks.get(task)
        first = (own.slm if tier == "slm" else own.llm) if own else ""
        rest = (chosen.model, *chosen.stand_ins) if first else chosen.stand_ins
        return (first or chosen.model, *(name for name in rest if name != first))

    @property
    def cache_dir(self) -> Path:
        """Where models and the records of running servers lie."""
        chosen = os.environ.get("TANDEM_CACHE") or self.cache.dir
        return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("tandem"))

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.ledger.url or f"sqlite:///{self.path('.tandem/ledger.sqlite')}"

    @property
    def checkpoints_url(self) -> str:
        """Where runs are kept step by step; empty where they are not."""
        own = self.checkpoints.url
        if own == OFF:
            return ""
        return own or f"sqlite:///{self.path('.tandem/checkpoints.sqlite')}"

    def path(self, name: str) -> Path:
        """A path of the settings file, made absolute from the file's own folder."""
        return (self.home / Path(name).expanduser()).absolute()
