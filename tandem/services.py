"""What a process holds: tiers, embeddings, knowledge index, guard and ledger, each built on first
use and kept. Nothing is built at import; a request in a warm process loads nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.errors import InvalidRequest, KnowledgeError
from tandem.ledger.speeds import Speeds
from tandem.ledger.spend import Spend
from tandem.ledger.store import Ledger
from tandem.models.tier import Tier
from tandem.privacy.assess import Assessment, assess
from tandem.privacy.detectors import Detector
from tandem.privacy.egress import Guard
from tandem.privacy.redaction import Vault, Vaults
from tandem.records import Document, Request, Sensitivity, TierName
from tandem.settings import Settings, load

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from tandem.knowledge.index import Hit, KnowledgeIndex
    from tandem.knowledge.tables import Tables
    from tandem.mcp.sessions import McpSessions
    from tandem.models.adapters import AdapterCard, Adapters
    from tandem.models.background import Background
    from tandem.models.embedded import EmbeddedServers
    from tandem.models.pool import TierPool
    from tandem.routing.head_reader import HeadReader


@dataclass(frozen=True)
class TenantKnowledge:
    """The knowledge of one tenant, for what searches on behalf of a request."""

    services: Services
    tenant: str

    def search(self, text: str, k: int) -> list[Hit]:
        """As `Services.search`."""
        return self.services.search(text, k, tenant=self.tenant)


class Services:
    """The parts that nodes and tasks use; thread-safe.

    Parameters
    ----------
    settings: the settings, or a function that gives them on first use.
    """

    def __init__(self, settings: Settings | Callable[[], Settings] = load) -> None:
        self._given = settings
        self._lock = threading.RLock()
        self._own_indexes: dict[str, KnowledgeIndex] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings; read once."""
        return self._given if isinstance(self._given, Settings) else self._given()

    @cached_property
    def servers(self) -> EmbeddedServers:
        """The embedded model servers of this user."""
        from tandem.models.embedded import EmbeddedServers

        return EmbeddedServers(self.settings, adapters=self.adapters)

    @cached_property
    def adapters(self) -> Adapters:
        """The fine-tuned adapters of the settings."""
        from tandem.models.adapters import adapters_of

        return adapters_of(self.settings)

    def adapter(self, task: str, asked: str) -> AdapterCard | None:
        """The adapter in force for `task` and what is asked of it (see `slot_of`), where the
        small model that answers first holds it."""
        from tandem.models.adapters import slot_of
        from tandem.models.files import sum_of

        card = self.adapters.in_force().get(slot_of(task, asked))
        if card is None:
            return None
        name = self.settings.chain("slm", task)[0]
        model = self.settings.models[name]
        if model.backend != "embedded":
            return card if card.name in model.adapters else None
        return card if sum_of(name, self.settings) == card.base_sha256 else None

    @cached_property
    def pool(self) -> TierPool:
        """The endpoints of all models, shared by the tiers and tasks that name them."""
        from tandem.models.pool import TierPool

        with self._lock:
            # Kept before the lock goes: since Python 3.12 cached_property has none of its own.
            if "pool" not in self.__dict__:
                self.__dict__["pool"] = TierPool(self.settings, self.servers, self.guard)
            pool: TierPool = self.__dict__["pool"]
            return pool

    @cached_property
    def guard(self) -> Guard:
        """Decides what may leave for a tier that is not private."""
        return Guard.from_settings(self.settings.privacy, self.detector, self.detector.types)

    @cached_property
    def detector(self) -> Detector:
        """Finds what is sensitive: the shipped detectors, and the settings' terms and patterns."""
        return Detector.from_settings(self.settings.privacy)

    @cached_property
    def vaults(self) -> Vaults:
        """What was redacted in each run that is under way."""
        return Vaults()

    def assess(
        self,
        request: Request,
        public_may_see: Collection[Sensitivity] | None = None,
        vault: Vault | None = None,
    ) -> Assessment:
        """How sensitive a request is, by the guard's own detector and limits.

        Parameters
        ----------
        public_may_see: what may leave, where that is less than the settings say.
        vault: gets to know what must be redacted.
        """
        guard = self.guard.narrowed(public_may_see)
        return assess(
            request,
            scan=guard.scan,
            max_chars=guard.max_chars,
            seconds=guard.seconds,
            lifts=guard.lifts,
            note=guard.noting(vault or Vault()),
        )

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger; opened on first use."""
        with self._lock:
            if "ledger" not in self.__dict__:
                self.__dict__["ledger"] = Ledger.from_settings(self.settings)
            ledger: Ledger = self.__dict__["ledger"]
            return ledger

    @cached_property
    def speeds(self) -> Speeds:
        """How fast the tiers answer, by the ledger."""
        own = self.settings.policy.deadlines
        return Speeds(
            self.ledger, own.least_samples, own.samples, own.refresh_s, own.max_age_h * 3600
        )

    @cached_property
    def spend(self) -> Spend:
        """What was spent today, by the ledger."""
        return Spend(self.ledger, self.settings.policy.budgets.refresh_s)

    @cached_property
    def background(self) -> Background:
        """What is done when the request is answered."""
        from tandem.models.background import Background

        own = self.settings.shadow
        with self._lock:
            if "background" not in self.__dict__:
                self.__dict__["background"] = Background(own.queue, own.close_s)
            background: Background = self.__dict__["background"]
            return background

    @cached_property
    def embeddings(self) -> Embeddings:
        """The embedding model."""
        from tandem.models.embeddings import build_embeddings
        from tandem.models.fetch import ensure

        settings = self.settings
        if not all(tenant.shared for tenant in settings.tenants.values()):
            # A kept vector would be common to tenants that share nothing.
            alone = settings.embeddings.model_copy(update={"cached_texts": 0})
            settings = settings.model_copy(update={"embeddings": alone})
        return build_embeddings(settings, lambda name: ensure(name, settings))

    @cached_property
    def head_reader(self) -> HeadReader:
        """The routing head of the settings."""
        from tandem.routing.head import head_path
        from tandem.routing.head_reader import HeadReader

        with self._lock:
            if "head_reader" not in self.__dict__:
                self.__dict__["head_reader"] = HeadReader(
                    head_path(self.settings), lambda: self.embeddings
                )
            reader: HeadReader = self.__dict__["head_reader"]
            return reader

    @cached_property
    def knowledge(self) -> KnowledgeIndex:
        """The knowledge index, opened once. Raises KnowledgeError where there is none."""
        from tandem.knowledge.index import KnowledgeIndex

        with self._lock:
            if "knowledge" not in self.__dict__:
                folder = self.settings.path(self.settings.knowledge.index_dir)
                self.__dict__["knowledge"] = KnowledgeIndex.open(folder, self.embeddings)
            knowledge: KnowledgeIndex = self.__dict__["knowledge"]
            return knowledge

    def search(self, text: str, k: int, tenant: str = "") -> list[Hit]:
        """The k best chunks of the tenant's knowledge for `text`, best first.

        Raises
        ------
        KnowledgeError: there is no index that this tenant may search.
        """
        if self.shares(tenant):
            return self.knowledge.search(text, k)
        return self._own_knowledge(tenant).search(text, k)

    def shares(self, tenant: str) -> bool:
        """Whether the common index, tables and caches are this tenant's. They are nobody's but the
        operator's (no tenant) where tenants are declared and do not say `shared`.

        Raises
        ------
        InvalidRequest: tenants are declared, and this is none of them.
        """
        declared = self.settings.tenants
        if not declared or not tenant:
            return True
        if tenant not in declared:
            raise InvalidRequest(
                "The request's tenant is not declared; nothing was run.",
                "Add a section [tenants.NAME] to the settings, or correct the name.",
            )
        return declared[tenant].shared

    def has_knowledge(self, tenant: str) -> bool:
        """Whether there is an index that this tenant may search."""
        from tandem.knowledge.store import is_index

        own = self.settings.knowledge.index_dir
        index_dir = own if self.shares(tenant) else self.settings.tenants[tenant].index_dir
        return bool(index_dir) and is_index(self.settings.path(index_dir))

    def _own_knowledge(self, tenant: str) -> KnowledgeIndex:
        from tandem.knowledge.index import KnowledgeIndex

        index_dir = self.settings.tenants[tenant].index_dir
        if not index_dir:
            raise KnowledgeError(
                "The request's tenant has no knowledge index of its own, and shares none.",
                "Set index_dir, or shared = true, in its section of the settings.",
            )
        with self._lock:
            if tenant not in self._own_indexes:
                folder = self.settings.path(index_dir)
                self._own_indexes[tenant] = KnowledgeIndex.open(folder, self.embeddings)
            return self._own_indexes[tenant]

    @cached_property
    def tables(self) -> Tables:
        """The tables of the settings, read once. Raises KnowledgeError where one cannot be."""
        from tandem.knowledge.tables import Tables

        with self._lock:
            if "tables" not in self.__dict__:
                own = self.settings.tables
                self.__dict__["tables"] = Tables(
                    {name: self.settings.path(file) for name, file in own.files.items()},
                    max_bytes=own.max_bytes,
                    seconds=own.seconds,
                    max_rows=own.max_rows,
                )
            tables: Tables = self.__dict__["tables"]
            return tables

    @cached_property
    def mcp(self) -> McpSessions:
        """The sessions with the settings' MCP servers; none is opened before its first call."""
        from tandem.mcp.sessions import McpSessions

        with self._lock:
            if "mcp" not in self.__dict__:
                self.__dict__["mcp"] = McpSessions(self.settings)
            sessions: McpSessions = self.__dict__["mcp"]
            return sessions

    def tier(self, name: TierName, task: str = "") -> Tier:
        """The tier `name`, with the models of `task`."""
        return self.pool.tier(name, task)

    def document_text(self, document: Document) -> str:
        """The text of a document given by value. Raises DocumentError."""
        from tandem.knowledge.documents import read_document

        return read_document(document, self.settings.limits)

    def load_file(self, path: str | Path) -> Document:
        """A file as a document by value. Raises DocumentError."""
        from tandem.knowledge.documents import load_file

        return load_file(Path(path), self.settings.limits)

    def close(self) -> None:
        """End what is in the background, and close the ledger; embedded servers belong to the
        user and go on until idle."""
        if "background" in self.__dict__:
            self.background.close()
        if "mcp" in self.__dict__:
            self.mcp.close()
        if "pool" in self.__dict__:
            self.pool.close()
        if "ledger" in self.__dict__:
            self.ledger.close()
