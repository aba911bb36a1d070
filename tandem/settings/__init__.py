"""Every setting, its default and its allowed values; read from tandem.toml.

`load()` reads, in this order, the path given, the environment's TANDEM_SETTINGS, ./tandem.toml, or
nothing (the defaults below). Secrets never stand in the file: a setting names the environment
variable that holds one.
"""

from __future__ import annotations

from tandem.settings.adapters import AdapterSettings
from tandem.settings.calibration import NEEDS_PROMISE, CalibrationSettings, Escalation
from tandem.settings.checkpoints import CheckpointSettings
from tandem.settings.contracts import ContractSettings
from tandem.settings.loading import FILE_NAME, load
from tandem.settings.longform import LongformSettings
from tandem.settings.mcp import McpServer, McpSettings
from tandem.settings.models import (
    DEFAULT_MODELS,
    Backend,
    Dialect,
    Model,
    Price,
    Tiers,
    TierSettings,
)
from tandem.settings.policy import (
    Budgets,
    Conditions,
    Deadlines,
    Names,
    Policy,
    Range,
    Rule,
)
from tandem.settings.privacy import Leave, OwnPattern, Privacy, Terms
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
from tandem.settings.whole import Settings

__all__ = [
    "DEFAULT_MODELS",
    "FILE_NAME",
    "NEEDS_PROMISE",
    "AdapterSettings",
    "Backend",
    "Budgets",
    "Cache",
    "CalibrationSettings",
    "CheckpointSettings",
    "Conditions",
    "ContractSettings",
    "Deadlines",
    "Dialect",
    "EmbeddingSettings",
    "Escalation",
    "KnowledgeSettings",
    "Leave",
    "LedgerSettings",
    "Limits",
    "LongformSettings",
    "McpServer",
    "McpSettings",
    "Model",
    "Names",
    "OwnPattern",
    "Policy",
    "Price",
    "Privacy",
    "Range",
    "ResearchSettings",
    "Routing",
    "Rule",
    "Settings",
    "ShadowSettings",
    "TableSettings",
    "TaskSettings",
    "Tenant",
    "Terms",
    "TierSettings",
    "Tiers",
    "load",
]
