"""Two fake models behind the real client: one label a request, with the probability that the small
one gives it, and the tokens and seconds of a call. All of it hangs on seed and text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Final, NamedTuple
from unittest import mock

import httpx

from tandem.models import llm, slm
from tandem.models.wire import DeadlineTransport

PUBLIC: Final = "http://public.test"
PRIVATE: Final = "http://private.test"
LABELS: Final = ("up", "down")
_NUMBER: Final = re.compile(r"note (\d+):")
_LLM_RIGHT: Final = 0.92
_MEDIAN_S: Final = {"slm": 0.3, "llm": 1.8}


class Row(NamedTuple):
    """A request, what the models say of it, and how sure the small one is.

    Parameters
    ----------
    lead: margin of the small model's label, 0 to 1.
    """

    text: str
    right: str
    slm: str
    llm: str
    lead: float


def row(seed: int, number: int) -> Row:
    """Request `number`: long ones are harder, and the small model is calibrated but for noise."""
    random = Random(f"{seed}:{number}")
    hard = random.betavariate(1.2, 2.0)
    words = max(5, round(random.lognormvariate(3.2 + 1.2 * hard, 0.5)))
    right = random.choice(LABELS)
    wrong = LABELS[1 - LABELS.index(right)]
    lead = min(0.999, max(0.0, 1 - hard + random.gauss(0, 0.1)))
    by_slm = right if random.random() < 0.5 + lead / 2 else wrong
    by_llm = right if random.random() < _LLM_RIGHT else wrong
    text = f"note {number}: " + " ".join(random.choices(("plain", "words", "of", "news"), k=words))
    return Row(text, right, by_slm, by_llm, lead)


def seconds(seed: int, number: int, tier: str) -> float:
    """What a call of a tier takes for request `number`; nothing where no model is asked."""
    if tier not in _MEDIAN_S:
        return 0.0
    return _MEDIAN_S[tier] * Random(f"{seed}:{number}:{tier}").lognormvariate(0, 0.4)


class Models:
    """Answers at the client's transport."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as a server of the chat-completions protocol."""
        body = json.loads(request.read())
        private = request.url.host == httpx.URL(PRIVATE).host
        text = body["messages"][-1]["content"]
        number = int(_NUMBER.findall(text)[-1])
        found = row(self.seed, number)
        noise = Random(f"{self.seed}:{number}:{private}")
        tokens = 40 + round(len(text) / 4.2 * (1.0 if private else noise.uniform(1.0, 1.2)))
        label, chance = (found.slm, 0.5 + found.lead / 2) if private else (found.llm, 0.97)
        return httpx.Response(
            200,
            headers={"content-type": "text/event-stream"},
            stream=_Answer(_events(label, chance, tokens)),
        )


class _Answer(httpx.SyncByteStream):
    def __init__(self, text: str) -> None:
        self._text = text

    def __iter__(self) -> Iterator[bytes]:
        yield self._text.encode()


def _events(label: str, chance: float, tokens: int) -> str:
    other = LABELS[1 - LABELS.index(label)]
    top = [
        {"token": label, "logprob": math.log(chance)},
        {"token": other, "logprob": math.log(max(1 - chance, 1e-9))},
    ]
    told = {"content": [{"token": label, "logprob": top[0]["logprob"], "top_logprobs": top}]}
    usage = {"prompt_tokens": tokens, "completion_tokens": 3, "total_tokens": tokens + 3}
    chunks: list[dict[str, Any]] = [
        _chunk([{"index": 0, "delta": {"content": label}, "logprobs": told}]),
        _chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        {**_chunk([]), "usage": usage},
    ]
    lines = [json.dumps(chunk) for chunk in chunks]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    return {**base, "choices": choices}


@contextmanager
def installed(models: Models) -> Iterator[None]:
    """Every client that is made inside sends to `models`."""

    def client(*_where: Any) -> httpx.Client:
        return httpx.Client(transport=DeadlineTransport(httpx.MockTransport(models)))

    with (
        mock.patch.object(slm, "http_client", client),
        mock.patch.object(llm, "http_client", client),
    ):
        yield
