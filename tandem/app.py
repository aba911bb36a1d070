"""`Tandem`: the class that an application imports."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Literal, NotRequired, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel
from typing_extensions import TypedDict

from tandem.errors import InvalidRequest, TandemError, from_info
from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks
from tandem.knowledge.folder import load_folder
from tandem.ledger.feedback import Feedback, give
from tandem.models.cancel import Cancellation, cancelling
from tandem.nodes.explain import Explain, Explanation
from tandem.nodes.state import Context, Input
from tandem.nodes.task import Task
from tandem.records import Answer, Request
from tandem.runs.keeping import durable_runs
from tandem.runs.working import Runs
from tandem.services import Services
from tandem.settings import Settings, load
from tandem.tools.base import Tool

T = TypeVar("T")
_TEXT_KEYS: Final = ("answer", "reply", "text")
"""What tasks call the text in their output."""


class Event(TypedDict):
    """What `stream` yields: a finished node, how far the work is, a piece of text, or the answer
    (the last one)."""

    event: str
    """`node`, `progress`, `token` or `answer`."""
    node: NotRequired[str]
    text: NotRequired[str]
    verified: NotRequired[bool]
    """False for text that the quality check may still reject."""
    progress: NotRequired[dict[str, Any]]
    """What a task of several steps tells of its work: counts and names under one key (`section` of
    a long text...). With `stream_unverified` a `section` also holds its text."""
    answer: NotRequired[Answer]


class Tandem:
    """A small and a large model in tandem: `Tandem().run("...")`.

    Parameters
    ----------
    settings: Settings, the path of a tandem.toml, or None for ./tandem.toml or the defaults.
    tasks, tools: an application's own, beside the shipped ones.
    checkpointer: a LangGraph checkpointer in place of the one of the settings (section
        checkpoints), which also keeps every run with a `thread_id`. A sensitive run is kept only
        where its `serde` is an EncryptedSerializer; else the answer's reasons say so.
    """

    def __init__(
        self,
        settings: Settings | str | Path | None = None,
        *,
        tasks: Sequence[Task] = (),
        tools: Sequence[Tool] = (),
        checkpointer: Any = None,
    ) -> None:
        chosen = settings if isinstance(settings, Settings) else load(settings)
        self.services = Services(chosen)
        self.services.guard  # noqa: B018 (a policy that names unknown types is refused here)
        self._tasks: Final = tuple(tasks)
        self._tools: Final = tuple(tools)
        saver = durable_runs(self.services, checkpointer)
        self.graph = build(self.services, tasks, tools).compile(checkpointer=saver)
        self._keeps_threads: Final = checkpointer is not None

    def run(self, request: str | Request, **fields: Any) -> Answer:
        """Answer one request.

        `fields` are fields of Request; `files` (paths) are read into documents, so is a `folder`
        (a request for `research`, unless a task is declared), and `output_schema` may be a pydantic
        model. `context` may hold a Context, `thread_id` a LangGraph thread.

        Raises
        ------
        TandemError: the run ended by an error; `error.answer` holds what was reached, with the
            rejected drafts. An answer that the quality check rejected is returned, not raised:
            look at `answer["status"]`. So is that of a run that waits for a person (`waiting`,
            with `approvals`): see `approve`.
        """
        made, context, config = self._made(request, fields)
        with self.runs.begin(context, config) as options:
            result = self.graph.invoke(Input(request=made), config, context=context, **options)
            return _raised(self.runs.ended(config, result))

    def resume(self, run_id: str) -> Answer:
        """Go on with a run that was interrupted, or that waited, where it was; finished steps are
        not done again. Returns and raises as `run`; see also `tandem.runs.working.Runs.resume`."""
        return _raised(self.runs.resume(run_id))

    def approve(
        self, run_id: str, step: str = "", *, again: bool = False, happened: bool = False
    ) -> Answer:
        """Let a step with side effects be done, and go on.

        Parameters
        ----------
        step: its id; may be left out where the run has asked about one step and no other.
        again: do it although it may have happened; happened: do not, and count it as done. One of
            the two is needed for a step that was under way when its process died.

        Raises
        ------
        RunStateError: the run has ended or was cancelled, the step was decided before or waits for
            nobody; RunBusy: another worker is at the run. Nothing was done then. Else as `run`.
        """
        if again and happened:
            raise InvalidRequest(
                "A step cannot be done again and be counted as done; nothing was done.",
                "Say one of the two.",
            )
        decision = "repeat" if again else "happened" if happened else "approve"
        return _raised(self.runs.decide(run_id, step, decision))

    def reject(self, run_id: str, step: str = "") -> Answer:
        """Let a step with side effects not be done, and go on without it. Of one that may have
        happened, this leaves open whether it did. Raises as `approve`."""
        return _raised(self.runs.decide(run_id, step, "reject"))

    def cancel(self, run_id: str) -> None:
        """End a run that waits or was interrupted; nothing more is done in it. Raises as
        `resume`."""
        self.runs.cancel(run_id)

    def fork(self, run_id: str, step: str) -> Answer:
        """Begin a new run that has all that `run_id` did before `step`, and go on from there: its
        effects until then are not done again, and later ones are asked for anew.

        Raises
        ------
        RunStateError: there is no such run or step, or its checkpoints are deleted by now. Else as
            `run`.
        """
        return _raised(self.runs.fork(run_id, step))

    def stream(self, request: str | Request, **fields: Any) -> Iterator[Event]:
        """Answer one request, telling how it goes: see Event. Raises as `run`. Leaving it half-way
        stops the model's work.

        Tokens of an answer that may still be rejected come only with
        `context=Context(stream_unverified=True)`; the text of the answer comes as one token at the
        end, with or without them.
        """
        # In a context of its own: what is set for the run must not show to the caller in between.
        events = self._stream(request, fields)
        with cancelling() as own:
            while (event := own.run(next, events, None)) is not None:
                yield event

    def _stream(self, request: str | Request, fields: dict[str, Any]) -> Iterator[Event]:
        made, context, config = self._made(request, fields)
        # A list: LangGraph takes a tuple for one mode, and yields no pairs.
        modes: list[Literal["updates", "custom"]] = ["updates", "custom"]
        last: Answer | None = None
        with self.runs.begin(context, config) as options:
            for path, mode, chunk in self.graph.stream(
                Input(request=made),
                config,
                context=context,
                stream_mode=modes,
                subgraphs=True,
                **options,
            ):
                if not path:  # a delegated request has an answer of its own
                    last = _answer_in(mode, chunk) or last
                yield from _events(mode, chunk, inner=bool(path))
            result = {"__interrupt__": ()} if last is None else {"answer": last}
            last = self.runs.ended(config, result)
        yield from _end(last)

    async def arun(self, request: str | Request, **fields: Any) -> Answer:
        """`run` without blocking the event loop; cancelling it stops the model's work."""
        cancellation = Cancellation()
        return await self._in_thread(partial(self.run, request, **fields), cancellation)

    async def astream(self, request: str | Request, **fields: Any) -> AsyncIterator[Event]:
        """`stream` without blocking the event loop; closing it stops the model's work."""
        cancellation, events = Cancellation(), self.stream(request, **fields)
        context = cancellation.context()
        try:
            while (event := await self._step(context, events)) is not None:
                yield event
        finally:
            cancellation.cancel()

    @property
    def runs(self) -> Runs:
        """The runs that are kept step by step."""
        return Runs(self.services, self.graph, self._keeps_threads, self._tools)

    def feedback(self, run_id: str, correct: bool | None = None, value: Any = None) -> Feedback:
        """Say whether an answer (or a draft) was right, or what would have been right.

        See `tandem.ledger.feedback.give` for what is kept, and for the errors.
        """
        return give(self.services.ledger, run_id, correct, value)

    def explain(self, request: str | Request, *, read: bool = False, **fields: Any) -> Explanation:
        """What `run` would do with a request, and why, without doing it.

        No model is asked, unless `read` allows the SLM to read the task where nothing else tells
        it, and nothing is written. `fields` are those of `run`.

        Raises
        ------
        InvalidRequest: the request would not be carried out at all.
        """
        made, context, _ = self._made(request, fields)
        return Explain(self.services, Tasks(self.services, self._tasks), read)(made, context)

    def close(self) -> None:
        """Close what this process holds. Embedded servers go on until they are idle."""
        self._executor.shutdown(cancel_futures=True)
        self.runs.close()
        self.services.close()

    def __enter__(self) -> Tandem:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.services.settings.limits.concurrency, "tandem")

    async def _in_thread(self, work: Callable[[], T], cancellation: Cancellation) -> T:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, cancellation.context().run, work)
        try:
            return await future
        finally:
            cancellation.cancel()

    async def _step(self, context: contextvars.Context, events: Iterator[Event]) -> Event | None:
        loop = asyncio.get_running_loop()
        step = partial(context.run, next, events, None)
        return await loop.run_in_executor(self._executor, step)

    def _made(
        self, request: str | Request, fields: dict[str, Any]
    ) -> tuple[Request, Context, RunnableConfig]:
        context, config = self.runs.identified(
            fields.pop("context", None) or Context(), fields.pop("thread_id", None) or ""
        )
        if not isinstance(request, (str, Mapping)):
            raise InvalidRequest(
                f"A request is a text or a dict, not {type(request).__name__}.", "Nothing was run."
            )
        given: dict[str, Any] = {"text": request} if isinstance(request, str) else dict(request)
        given |= fields
        if files := given.pop("files", ()):
            loaded = [self.services.load_file(path) for path in files]
            given["documents"] = [*given.get("documents", []), *loaded]
        if folder := given.pop("folder", ""):
            found = load_folder(Path(folder), self.services.settings.limits)
            given["documents"] = [*given.get("documents", []), *found]
            given.setdefault("task", "research")
        schema = given.get("output_schema")
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            given["output_schema"] = schema.model_json_schema()
        return cast("Request", given), context, config


def _events(mode: str, chunk: Any, inner: bool) -> Iterator[Event]:
    if mode == "updates":
        for node in chunk:
            if node != "__interrupt__" and not inner:
                yield {"event": "node", "node": node}
    elif "token" in chunk:
        yield {"event": "token", "text": chunk["token"], "verified": False}
    elif "answer" not in chunk:
        yield {"event": "progress", "progress": chunk}


def _answer_in(mode: str, chunk: Any) -> Answer | None:
    return chunk.get("answer") if mode == "custom" else None


def _end(answer: Answer) -> Iterator[Event]:
    _raised(answer)
    if text := text_of(answer["output"]):
        yield {"event": "token", "text": text, "verified": answer["status"] == "accepted"}
    yield {"event": "answer", "answer": answer}


def text_of(output: Any) -> str:
    """The text in a task's output that a reader wants; empty where it is none (fields, a label)."""
    if isinstance(output, dict):
        output = next((output[key] for key in _TEXT_KEYS if isinstance(output.get(key), str)), "")
    return output if isinstance(output, str) else ""


def _raised(answer: Answer) -> Answer:
    info = answer["error"]
    if info is None or info["code"] == "rejected":
        return answer
    error: TandemError = from_info(info)
    error.answer = answer
    raise error
