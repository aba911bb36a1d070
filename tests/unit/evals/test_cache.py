"""Kept answers: the same figures at no cost, and never past the guard."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import EgressBlocked, ModelUnavailable
from tandem.evals.cache import AnswerCache, CachedCall, CachedTier, Stopwatch
from tandem.evals.services import EvalServices, fingerprint
from tandem.models.tier import CallContext, Completion, Prompt, ToolCall
from tandem.settings import Model, Price, Settings
from tests.unit.evals.fakes import RuleTier
from tests.unit.fakes import completion
from tests.unit.models.test_adapters import finished

ANSWER = completion("yes it is", seconds=2.5, cost=0.25, model="small")
PROMPT = Prompt([{"role": "user", "content": "Is it?"}], 10, choices=["yes it is", "no"])
NOTES = {"redacted:EMAIL": 1.0}
TOOL = {"name": "look", "description": "", "parameters": {"type": "object", "properties": {}}}


def tier(folder: Path, inner: RuleTier, **fields: Any) -> CachedTier:
    given: dict[str, Any] = {"fingerprint": "f", "stopwatch": Stopwatch(), **fields}
    return CachedTier(inner=inner, cache=AnswerCache(folder / "a.sqlite"), **given)


def bound(made: CachedTier, **fields: Any) -> CachedCall:
    context: Any = {"profile": {"sensitivity": "none"}, "deadline": time.time() + 60, **fields}
    return made.bind(CallContext(**context))


def test_a_kept_answer_has_the_figures_of_the_real_one(tmp_path: Path) -> None:
    inner = RuleTier("slm", lambda _: ANSWER)
    first, second = bound(tier(tmp_path, inner)), bound(tier(tmp_path, inner))
    assert first.complete(PROMPT) == second.complete(PROMPT) == ANSWER
    assert inner.asked == 1
    made, kept = first.attempt("x"), second.attempt("x")
    assert {**made, "id": ""} == {**kept, "id": ""}
    assert (kept["seconds"], kept["cost"], kept["calls"], kept["model"]) == (2.5, 0.25, 1, "small")


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": 11},
        {"choices": ["yes it is", "never"]},
        {"choices": None},
        {"choices": None, "schema": {"type": "object"}},
        {"temperature": 0.5},
        {"messages": [{"role": "system", "content": "Is it?"}]},
    ],
)
def test_another_prompt_is_asked_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    inner = RuleTier("slm", lambda _: ANSWER)
    call = bound(tier(tmp_path, inner))
    call.complete(PROMPT)
    call.complete(dataclasses.replace(PROMPT, **change))
    assert inner.asked == 2
    assert call.attempt(None)["calls"] == 2


def test_other_models_are_asked_anew(tmp_path: Path) -> None:
    inner = RuleTier("slm", lambda _: ANSWER)
    bound(tier(tmp_path, inner)).complete(PROMPT)
    bound(tier(tmp_path, inner, fingerprint="g")).complete(PROMPT)
    assert inner.asked == 2


def test_the_fingerprint_sees_files_and_settings_but_not_prices(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF1")

    def sum_of(**fields: Any) -> str:
        model = Model(path=str(file), **fields)
        return fingerprint(Settings(models={"slm-embedded": model}), ("slm-embedded",))

    plain = sum_of()
    assert sum_of(price=Price(per_second=1)) == plain
    assert sum_of(context=4096) != plain
    file.write_bytes(b"GGUF12")
    assert sum_of() != plain


def test_another_adapter_of_the_same_name_is_asked_anew(tmp_path: Path) -> None:
    inner = RuleTier("slm", lambda _: ANSWER)
    prompt = dataclasses.replace(PROMPT, adapter="mine")
    for adapter_sum, asked in (("a" * 64, 1), ("a" * 64, 1), ("b" * 64, 2), ("b" * 64, 2)):
        made = tier(tmp_path, inner, adapter_sum={"mine": adapter_sum}.__getitem__)
        bound(made).complete(prompt)
        assert inner.asked == asked
    bound(made).complete(PROMPT)
    assert inner.asked == 3


def test_what_an_unknown_adapter_answered_is_not_kept(tmp_path: Path) -> None:
    inner = RuleTier("slm", lambda _: ANSWER)
    for _ in range(2):
        bound(tier(tmp_path, inner)).complete(dataclasses.replace(PROMPT, adapter="unknown"))
    assert inner.asked == 2


def test_the_sum_is_that_of_the_adapter_in_force(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, models={"slm-embedded": Model(path="own.gguf")})
    services = EvalServices(settings, AnswerCache(tmp_path / "a.sqlite"), tmp_path / "l.sqlite")
    made: Any = services.tier("slm")
    card = finished(services.adapters, "mine")
    assert made.adapter_sum("mine") == ""
    services.adapters.promote("mine")
    assert made.adapter_sum("mine") == card.sha256
    services.close()


def test_answers_that_were_kept_before_are_found_again(tmp_path: Path) -> None:
    """Days of measured answers are kept under such keys: this one never changes."""
    made = tier(tmp_path, RuleTier("slm", lambda _: ANSWER))
    bound(made).complete(PROMPT)
    made.cache.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "a.sqlite")) as file:
        keys = [key for (key,) in file.execute("SELECT key FROM answers")]
    assert keys == ["3d4ce5a9c0d92f6f12e469abae67071692080e9770d0738154e45c54725b118a"]


def test_kept_answers_cost_what_they_cost_now(tmp_path: Path) -> None:
    inner = RuleTier("slm", lambda _: ANSWER)
    bound(tier(tmp_path, inner)).complete(PROMPT)
    again = bound(tier(tmp_path, inner, price_call=lambda usage, seconds: seconds * 2))
    assert again.complete(PROMPT).cost == 5.0


def test_errors_are_not_kept(tmp_path: Path) -> None:
    answers: list[Completion | Exception] = [ModelUnavailable("Down."), ANSWER]
    inner = RuleTier("slm", lambda _: answers.pop(0))
    call = bound(tier(tmp_path, inner))
    with pytest.raises(ModelUnavailable):
        call.complete(PROMPT)
    assert call.attempt(None)["calls"] == 0
    assert call.complete(PROMPT) == ANSWER


def test_tool_choices_are_kept(tmp_path: Path) -> None:
    inner = RuleTier("llm", lambda _: ANSWER, calls=[[ToolCall("look", {"at": 1})]])
    for _ in range(2):
        call = bound(tier(tmp_path, inner))
        assert call.choose_calls(PROMPT.messages, [TOOL], 50) == [ToolCall("look", {"at": 1})]
        assert call.attempt(None)["calls"] == 1
    assert sum(len(one.tool_messages) for one in inner.bound) == 1


def test_a_kept_answer_is_not_given_where_the_guard_refuses(tmp_path: Path) -> None:
    inner = RuleTier("llm", lambda _: ANSWER)
    sent: list[str] = []
    allowed = tier(tmp_path, inner, release=lambda text, _: text, sent=sent.append)
    bound(allowed).complete(PROMPT)
    assert "Is it?" in sent[0]

    def refuse(text: str, context: CallContext) -> str:
        raise EgressBlocked("It may not leave.")

    call = bound(tier(tmp_path, inner, release=refuse, sent=sent.append))
    with pytest.raises(EgressBlocked):
        call.complete(PROMPT)
    assert (len(sent), inner.asked) == (1, 1)


def test_what_was_redacted_is_told_of_a_kept_answer_too(tmp_path: Path) -> None:
    class Noting(RuleTier):
        def bind(self, context: CallContext) -> Any:
            call = super().bind(context)
            made = call.attempt
            call.attempt = lambda output: {**made(output), "signals": NOTES}  # type: ignore
            return call

    inner = Noting("llm", lambda _: ANSWER)
    for _ in range(2):
        call = bound(tier(tmp_path, inner))
        call.complete(PROMPT)
        assert call.attempt(None)["signals"] == NOTES
    assert inner.asked == 1


def test_what_may_not_be_kept_is_asked_anew(tmp_path: Path) -> None:
    inner = RuleTier("llm", lambda _: ANSWER)
    for _ in range(2):
        bound(tier(tmp_path, inner, keeps=lambda context: bool(context.task))).complete(PROMPT)
    assert inner.asked == 2
    for _ in range(2):
        made = tier(tmp_path, inner, keeps=lambda context: bool(context.task))
        bound(made, task="faq").complete(PROMPT)
    assert inner.asked == 3


def test_a_chain_that_ends_in_public_gives_no_kept_answer_where_the_guard_refuses(
    tmp_path: Path,
) -> None:
    def release(text: str, context: CallContext) -> str:
        if context.task:
            raise EgressBlocked("It may not leave.")
        return text

    inner = RuleTier("slm", lambda _: ANSWER)
    made = tier(tmp_path, inner, release=release, first_private=True)
    bound(made).complete(PROMPT)
    for context in ({"task": "faq"}, {"task": "faq"}, {"private_only": True}):
        assert bound(made, **context).complete(PROMPT) == ANSWER
    assert inner.asked == 4
    bound(made).complete(PROMPT)
    assert inner.asked == 4


@pytest.mark.parametrize(
    ("sensitivity", "published", "kept"),
    [("none", False, True), ("personal", False, False), ("personal", True, True)],
)
def test_only_what_may_be_seen_or_is_published_is_kept(
    tmp_path: Path, sensitivity: Any, published: bool, kept: bool
) -> None:
    chain = {"a": Model(path="a.gguf", private=True), "b": Model(path="b.gguf", private=False)}
    settings = Settings.model_validate(
        {
            "home": tmp_path,
            "models": {name: model.model_dump() for name, model in chain.items()},
            "tiers": {"slm": {"model": "a", "stand_ins": ["b"]}, "llm": {"model": "b"}},
            "privacy": {"stand_ins_may_be_less_private": True},
        }
    )
    services = EvalServices(settings, AnswerCache(tmp_path / "a.sqlite"), tmp_path / "l.sqlite")
    services.published = published
    made: Any = services.tier("slm")
    assert (made.release is not None, made.first_private) == (True, True)
    context: Any = {"profile": {"sensitivity": sensitivity}, "deadline": 0.0}
    assert made.keeps(CallContext(**context)) is kept
    services.close()


def test_kept_answers_stream_too(tmp_path: Path) -> None:
    inner = RuleTier("slm", lambda _: ANSWER)
    heard: list[str] = []
    for _ in range(2):
        bound(tier(tmp_path, inner), on_token=heard.append).complete(PROMPT)
    assert heard == ["yes it is", "yes it is"]


def test_prompts_are_not_in_the_file(tmp_path: Path) -> None:
    made = tier(tmp_path, RuleTier("slm", lambda _: ANSWER))
    bound(made).complete(PROMPT)
    made.cache.close()
    assert b"Is it?" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert (tmp_path / "a.sqlite").stat().st_mode & 0o077 == 0
