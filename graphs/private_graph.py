"""The compiled graph, for whoever runs it: what is sensitive is neither traced nor kept in clear.

LangGraph hands the input to the tracer and to the checkpointer before the first node runs, so that
must be decided where the graph is called. It is decided here, for `Tandem`, for the bare graph and
for `langgraph dev` alike.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self, cast
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from tandem.checkpoints.durable import DurableRuns
from tandem.checkpoints.sealing import encrypts
from tandem.nodes.state import Context, Input, Output, State
from tandem.privacy.checked import Scan
from tandem.privacy.detectors import scan
from tandem.privacy.tracing import traced
from tandem.records import Sensitivity
from tandem.services import Services

log = logging.getLogger(__name__)

NOT_KEPT: Final = (
    "no checkpoint was written: the request is {level} and the checkpointer does not encrypt "
    "(set a key, LANGGRAPH_AES_KEY; or give your own EncryptedSerializer.from_pycryptodome_aes())"
)


class PrivateGraph(CompiledStateGraph[State, Context, Input, Output]):
    """A compiled graph that looks at each request before LangGraph does.

    A sensitive run (one whose sensitivity is not in `privacy.public_may_see`) is not traced, and
    other runs only masked; it is checkpointed only where the graph's checkpointer encrypts. A
    checkpointer that a host hands over in the configuration (`langgraph dev`) is the host's own.
    """

    services: Services

    def __init__(self, *, services: Services, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.services = services

    @classmethod
    def of(cls, compiled: CompiledStateGraph[Any, Any, Any, Any], services: Services) -> Self:
        """`compiled` as a graph that keeps things private."""
        held = {name: value for name, value in vars(compiled).items() if name != "__orig_class__"}
        return cls(services=services, **held)

    def stream(
        self,
        input: Any,  # noqa: A002 (the name that LangGraph gives it)
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """As LangGraph's."""
        level = self._level(input, config)
        graph, kwargs = self._kept(input, level, config, kwargs)
        events = super(PrivateGraph, graph).stream(input, config, **kwargs)
        step = partial(next, events, _END)
        try:
            # Only while the graph works: between events the context is the consumer's own.
            while (event := _within(self._traced(level), step)) is not _END:
                yield event
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()

    async def astream(
        self,
        input: Any,  # noqa: A002 (the name that LangGraph gives it)
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """As LangGraph's."""
        level = self._level(input, config)
        graph, kwargs = self._kept(input, level, config, kwargs)
        events = super(PrivateGraph, graph).astream(input, config, **kwargs)
        try:
            while True:
                with self._traced(level):
                    event = await anext(events, _END)
                if event is _END:
                    return
                yield event
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()

    def _level(self, given: Any, config: RunnableConfig | None) -> Sensitivity:
        try:
            request = self.get_state(config or {}).values if is_resume(given) else given
            return self.services.assess(request["request"]).sensitivity
        # Whatever is wrong with the request, classify tells; unread it counts as secret.
        except Exception:
            return "secret"

    def _traced(self, level: Sensitivity) -> AbstractContextManager[None]:
        return traced(level, self._scan(), self._may_be_seen())

    def _kept(
        self, given: Any, level: Sensitivity, config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> tuple[PrivateGraph, Any]:
        """The graph that runs a request of `level`, and its arguments: without a checkpointer where
        nothing would be written, or, with the reason, where it would be kept in clear."""
        own = self.checkpointer
        if is_resume(given):
            # What is kept was allowed to be when it began.
            context = replace(_as_context(kwargs.get("context")), resumed=time.time())
            return self, {**kwargs, "context": context}
        if isinstance(own, DurableRuns) and not self._may_be_kept(own, given, config):
            return self._unkept(kwargs)
        clear = isinstance(own, BaseCheckpointSaver) and not encrypts(own.serde)
        if not clear or level in self._may_be_seen():
            return self, kwargs
        why = NOT_KEPT.format(level=level)
        context = _as_context(kwargs.get("context"))
        if isinstance(own, DurableRuns):
            noted = replace(context, not_kept=why)
        else:
            log.warning("%s", why)
            noted = replace(context, notes=(*context.notes, why))
        return self._unkept({**kwargs, "context": noted})

    def _may_be_kept(self, own: DurableRuns, given: Any, config: RunnableConfig | None) -> bool:
        """Whether it may turn out that this request is kept step by step. LangGraph's own work at
        checkpoints, even unwritten ones, takes a third of the time of a short request."""
        thread = (config or {}).get("configurable", {}).get("thread_id")
        if thread is None or own.writes(str(thread)):
            return True
        request = given.get("request") if isinstance(given, Mapping) else None
        task = request.get("task") if isinstance(request, Mapping) else None
        return not task or task in self.services.settings.checkpoints.tasks

    def _unkept(self, kwargs: dict[str, Any]) -> tuple[PrivateGraph, Any]:
        if (bare := _BARE.get(self)) is None:
            bare = _BARE[self] = self.copy({"checkpointer": None})
        return bare, {key: value for key, value in kwargs.items() if key != "durability"}

    def _scan(self) -> Scan:
        try:
            return self.services.detector
        except Exception:
            return scan  # as below

    def _may_be_seen(self) -> tuple[Sensitivity, ...]:
        try:
            return self.services.settings.privacy.public_may_see
        except Exception:
            return ()  # the settings cannot be read: the first node tells


class Builder(StateGraph[State, Context, Input, Output]):
    """Compiles to a PrivateGraph."""

    def __init__(self, services: Services) -> None:
        super().__init__(State, Context, input_schema=Input, output_schema=Output)
        self.services = services

    def compile(self, *args: Any, **kwargs: Any) -> PrivateGraph:
        """As StateGraph's."""
        return PrivateGraph.of(super().compile(*args, **kwargs), self.services)


_END: Final = object()
_BARE: Final[WeakKeyDictionary[PrivateGraph, PrivateGraph]] = WeakKeyDictionary()
"""Graphs without their checkpointers; a copy takes 0.1 ms."""


def is_resume(given: Any) -> bool:
    """Whether the graph is to go on with a run, and is given no new request."""
    return given is None or isinstance(given, Command)


def _within(context: AbstractContextManager[None], step: Any) -> Any:
    with context:
        return step()


def _as_context(given: Any) -> Context:
    if isinstance(given, Context):
        return given
    known = {name: value for name, value in (given or {}).items() if name in _FIELDS}
    return Context(**cast("dict[str, Any]", known))


_FIELDS: Final = frozenset(Context.__dataclass_fields__)
