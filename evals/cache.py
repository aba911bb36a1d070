"""Model answers kept between evaluations: a repeat costs seconds and reports what was measured.

For evaluation only. An answer is found again by the models of the tier (settings and files), and
the whole prompt as the model would get it. Kept are the answer's text, its tokens' probabilities,
usage and seconds; of the prompt only a hash. Errors are not kept.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tandem.errors import EgressBlocked
from tandem.models.attempts import AnsweredCall, CallLog
from tandem.models.tier import CallContext, Completion, Prompt, Tier, TierCall, Token, ToolCall
from tandem.records import Attempt, ErrorInfo, Message, TierName, Usage

FORMAT: Final = 1
"""Part of every key; raised when what is kept changes."""


class AnswerCache:
    """The file of kept answers. Safe for use by threads and processes.

    Raises
    ------
    sqlite3.Error: the file cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # answers may quote what was asked
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, timeout=30, check_same_thread=False)
        with self._file:
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer BLOB)"
            )

    def get(self, key: str) -> dict[str, Any] | None:
        """What is kept under `key`."""
        with self._lock:
            found = self._file.execute(
                "SELECT answer FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return json.loads(zlib.decompress(found[0])) if found else None

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep `answer` under `key`, unless one is kept there already."""
        packed = zlib.compress(json.dumps(answer).encode())
        with self._lock, self._file:
            self._file.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, packed))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


@dataclass
class Stopwatch:
    """Wall seconds spent in tier calls since `reset`: what is left of a run is Tandem's own."""

    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float) -> None:
        """Count `seconds`."""
        with self._lock:
            self.seconds += seconds

    def reset(self) -> None:
        """Start anew."""
        self.seconds = 0.0


@dataclass(frozen=True)
class CachedTier:
    """A Tier whose answers are kept.

    Parameters
    ----------
    inner: the tier that answers what is not kept.
    fingerprint: what tells its models from others (settings and files).
    price: what usage and seconds cost at present; kept answers are priced by it. None where a
        stand-in may have answered: then the cost is kept.
    release: asks the guard, as the tier itself would; None where all its models are private.
    first_private: the first model is private: it may answer what the guard refuses.
    keeps: whether an answer in this context may be kept; None: any.
    sent: gets each prompt that goes (or once went) to a model that is not private.
    adapter_sum: the sum of the adapter's file that answers under a name; empty where it is not
        known: then nothing is kept.
    """

    inner: Tier
    cache: AnswerCache
    fingerprint: str
    stopwatch: Stopwatch
    price_call: Callable[[Usage, float], float] | None = None
    release: Callable[[str, CallContext], str] | None = None
    sent: Callable[[str], None] | None = None
    first_private: bool = False
    keeps: Callable[[CallContext], bool] | None = None
    adapter_sum: Callable[[str], str] = lambda _name: ""

    @property
    def name(self) -> TierName:
        """The tier's name."""
        return self.inner.name

    @property
    def private(self) -> bool:
        """Whether every model that may answer for this tier is private."""
        return self.inner.private

    def bind(self, context: CallContext) -> CachedCall:
        """The tier for one attempt."""
        return CachedCall(self, context)

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        """What `usage` and `seconds` of work cost at the first model's prices."""
        return self.inner.price(usage, seconds)


class CachedCall:
    """A TierCall of a CachedTier. Deadlines hold for calls that are made, not for kept ones."""

    def __init__(self, tier: CachedTier, context: CallContext) -> None:
        self._tier: Final = tier
        self._context: Final = context
        self._log: Final = CallLog(tier.name, context.purpose)
        self._shape: Final = tier.inner.bind(context)

    @property
    def name(self) -> TierName:
        """The tier's name."""
        return self._tier.name

    @property
    def native_tools(self) -> bool:
        """Whether the first model of the chain makes native tool calls."""
        return self._shape.native_tools

    @property
    def context_tokens(self) -> int:
        """Context window, in tokens, of the first model of the chain."""
        return self._shape.context_tokens

    def complete(self, prompt: Prompt) -> Completion:
        """See `TierCall.complete`."""
        asked = {
            "messages": list(prompt.messages),
            "max_tokens": prompt.max_tokens,
            "schema": prompt.schema,
            "choices": prompt.choices,
            "temperature": prompt.temperature,
            **self._adapter(prompt),
        }

        def ask(call: TierCall) -> dict[str, Any]:
            completion = call.complete(prompt)
            return {"tokens": [[t.text, t.logprob, dict(t.top)] for t in completion.tokens]}

        kept = self._kept(asked, ask)
        completion = Completion(
            text=kept["text"],
            model=kept["model"],
            finish=kept["finish"],
            usage=kept["usage"],
            seconds=kept["seconds"],
            cost=kept["cost"],
            tokens=tuple(Token(text, logprob, top) for text, logprob, top in kept["tokens"]),
        )
        if self._context.on_token is not None and completion.text:
            self._context.on_token(completion.text)
        return completion

    def choose_calls(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], max_tokens: int
    ) -> list[ToolCall]:
        """See `TierCall.choose_calls`."""
        asked = {"messages": list(messages), "tools": list(tools), "max_tokens": max_tokens}

        def ask(call: TierCall) -> dict[str, Any]:
            chosen = call.choose_calls(messages, tools, max_tokens)
            return {"calls_chosen": [[one.name, dict(one.arguments)] for one in chosen]}

        return [ToolCall(*one) for one in self._kept(asked, ask)["calls_chosen"]]

    def attempt(
        self,
        output: Any,
        *,
        signals: Mapping[str, float] | None = None,
        error: ErrorInfo | None = None,
    ) -> Attempt:
        """See `TierCall.attempt`; the seconds are those that were measured."""
        return self._log.attempt(output, signals, error)

    def _kept(
        self, asked: Mapping[str, Any], ask: Callable[[TierCall], dict[str, Any]]
    ) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            key = self._key(asked)
            kept = self._tier.cache.get(key) if key else None
            if kept is None:
                kept = self._ask(ask)
                if key and (self._tier.keeps is None or self._tier.keeps(self._context)):
                    self._tier.cache.put(key, kept)
            elif self._tier.price_call is not None:
                kept["cost"] = self._tier.price_call(kept["usage"], kept["seconds"])
        finally:
            self._tier.stopwatch.add(time.perf_counter() - started)
        self._log.add(_answered(kept))
        self._log.spend(kept["seconds"])
        return kept

    def _adapter(self, prompt: Prompt) -> dict[str, list[str]]:
        """What is told of the adapter: its name may be another's tomorrow, its sum may not. Nothing
        where there is none: what was kept before there were adapters is found again."""
        if not prompt.adapter:
            return {}
        return {"adapter": [prompt.adapter, self._tier.adapter_sum(prompt.adapter)]}

    def _key(self, asked: Mapping[str, Any]) -> str:
        """What the answer is kept under; empty where only a private model may answer or the adapter
        is not known, so that who answered cannot be told. Raises EgressBlocked where none may."""
        if not all(asked.get("adapter", ())):
            return ""
        if self._tier.release is not None and self._context.private_only:
            return ""
        try:
            seen = self._released(asked)
        except EgressBlocked:
            if not self._tier.first_private:
                raise
            return ""
        # Two requests may be the same once they are redacted; their answers are not.
        told = seen if seen == asked else [asked, seen]
        return key_of(self._tier.fingerprint, told)

    def _ask(self, ask: Callable[[TierCall], dict[str, Any]]) -> dict[str, Any]:
        # Bound anew for each call, so that its attempt holds this call's figures alone. Tokens come
        # from here and not from there, so that kept and new answers stream alike.
        call = self._tier.inner.bind(replace(self._context, on_token=None))
        started = time.perf_counter()
        try:
            answer = ask(call)
        except Exception:
            self._log.spend(time.perf_counter() - started)
            raise
        made = call.attempt(None)
        names = ("text", "model", "finish", "usage", "seconds", "cost", "calls")
        told = {name: made[name] for name in names}  # type: ignore[literal-required]
        return {**answer, **told, "notes": made["signals"]}

    def _released(self, asked: Mapping[str, Any]) -> Any:
        """What the model would see. Raises EgressBlocked where it may not."""
        if self._tier.release is None:
            return asked
        release, context = self._tier.release, self._context
        messages = [
            {**message, "content": release(message["content"], context)}
            for message in asked["messages"]
        ]
        fixed = json.dumps([asked.get(name) for name in ("schema", "choices", "tools")])
        release(fixed, context)
        if self._tier.sent is not None:
            self._tier.sent("\n".join([*(message["content"] for message in messages), fixed]))
        return {**asked, "messages": messages}


def key_of(fingerprint: str, asked: Any) -> str:
    """The key of what `asked` is of models with this `fingerprint`."""
    whole = json.dumps([FORMAT, fingerprint, asked], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _answered(kept: Mapping[str, Any]) -> AnsweredCall:
    return AnsweredCall(
        text=kept["text"],
        model=kept["model"],
        finish=kept["finish"],
        usage=kept["usage"],
        cost=kept["cost"],
        calls=kept["calls"],
        notes=kept.get("notes", {}),
    )
