"""LangSmith traces: none of a sensitive run, and of the others only masked.

LangGraph hands the graph's input to the tracer before the first node runs, so what may be traced
must be known before the graph is called: wrap the call in `traced`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tandem.privacy.checked import Scan
from tandem.privacy.masking import mask_values
from tandem.records import Sensitivity

if TYPE_CHECKING:
    from langchain_core.tracers.langchain import LangChainTracer
    from langsmith import Client

TRACEABLE: Final[tuple[Sensitivity, ...]] = ("none", "internal")
"""The setting privacy.public_may_see, by default: LangSmith is not private."""


def anonymizer(scan: Scan) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """For `langsmith.Client(anonymizer=...)`: inputs, outputs, metadata and errors masked."""

    def masked(data: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = mask_values(data, scan)
        return made

    return masked


@contextmanager
def traced(
    sensitivity: Sensitivity, scan: Scan, public_may_see: Collection[Sensitivity] = TRACEABLE
) -> Iterator[None]:
    """Inside, a run of `sensitivity` is traced only where it may be, and then masked by `scan`.

    Nothing happens where tracing is off. A sensitive run turns it off, also for a tracer that the
    caller opened around it; a tracer that an application hands over in `config["callbacks"]` is
    silenced by LangSmith's own context. Holds for the current context (thread or task) and the
    threads that LangGraph starts from it.
    """
    from langsmith.run_helpers import tracing_context
    from langsmith.utils import tracing_is_enabled

    if sensitivity not in public_may_see:
        with _tracer(None), tracing_context(enabled=False, parent=False):
            yield
    elif tracing_is_enabled():
        with _tracer(_masking_tracer(scan)):
            yield
    else:
        yield


@contextmanager
def _tracer(tracer: LangChainTracer | None) -> Iterator[None]:
    """`tracer` is the one that langchain-core uses inside."""
    from langchain_core.tracers.context import tracing_v2_callback_var

    before = tracing_v2_callback_var.get()
    tracing_v2_callback_var.set(tracer)
    try:
        yield
    finally:
        # No reset(token): a generator may be closed in another context than it was started in.
        tracing_v2_callback_var.set(before)


def _masking_tracer(scan: Scan) -> LangChainTracer:
    from langchain_core.tracers.langchain import LangChainTracer

    return LangChainTracer(client=_masking_client(scan))


@functools.cache
def _masking_client(scan: Scan) -> Client:
    from langsmith import Client

    return Client(anonymizer=anonymizer(scan))
