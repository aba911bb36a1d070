"""Placeholders on the way out, the original on the way back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.app import Tandem
from tandem.errors import EgressBlocked, SettingsError
from tandem.nodes.state import Context
from tandem.privacy.checked import Unchecked, checked
from tandem.privacy.detectors import TYPES, Finding, scan
from tandem.privacy.egress import Guard
from tandem.privacy.redaction import StreamRestorer, Vault, Vaults
from tandem.settings import Leave, Privacy, Settings
from tests.loopback import answer, serve, status
from tests.unit.ledger.rows import profile

MAIL, OTHER, CARD = "alice@example.com", "bob@example.org", "4111 1111 1111 1111"
QUOTED = 'a"b\\c'
REDACT: Mapping[str, Leave] = {"EMAIL": "redact", "PAYMENT_CARD": "redact"}
PUBLIC: Any = ("none", "internal")


def guard(leave: Mapping[str, Leave] = REDACT) -> Guard:
    return Guard(PUBLIC, scan, leave=leave)


def released(*texts: str, leave: Mapping[str, Leave] = REDACT, **fields: Any) -> list[str]:
    return guard(leave).release_all(texts, profile(**fields), "model llm", Vault())


def test_the_same_entity_has_the_same_placeholder_everywhere() -> None:
    assert released(
        f"{MAIL}, {OTHER}", f"again {MAIL.upper()}", f"{CARD} {CARD.replace(' ', '-')}"
    ) == [
        "<EMAIL_1>, <EMAIL_2>",
        "again <EMAIL_1>",
        "<PAYMENT_CARD_1> <PAYMENT_CARD_1>",
    ]


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from([MAIL, CARD]))
def test_what_was_redacted_comes_back(before: str, after: str, value: str) -> None:
    vault, text = Vault(), f"{before} {value} {after}"
    try:
        (out,) = guard().release_all([text], profile(), "model llm", vault)
    except EgressBlocked:
        return  # what hypothesis put beside it may not leave
    assert value not in out
    assert vault.restore(out) == text


@given(st.text(alphabet='ab"\\\n\u00e9<>', max_size=12))
def test_values_come_back_inside_json(value: str) -> None:
    vault = Vault()
    said = json.dumps({"to": f"Dear {vault.placeholder('NAME', value)}!"})
    assert json.loads(vault.restore(said, in_json=True)) == {"to": f"Dear {value}!"}
    escaped = said.replace("<", "\\u003c").replace(">", "\\u003E")
    assert json.loads(vault.restore(escaped, in_json=True)) == {"to": f"Dear {value}!"}


def test_what_looks_like_a_placeholder_comes_back_as_it_was() -> None:
    vault, text = Vault(), f"keep <EMAIL_1> and {MAIL}"
    (out,) = guard().release_all([text], profile(), "model llm", vault)
    assert MAIL not in out
    assert vault.restore(out) == text
    assert vault.redacted() == {"EMAIL": 1}


@given(st.data())
def test_a_stream_shows_no_half_placeholder(data: st.DataObject) -> None:
    vault, told = Vault(), list[str]()
    whole = f"a < b, {vault.placeholder('EMAIL', MAIL)} and <b> {vault.placeholder('PHONE', '07')}<"
    restorer = StreamRestorer(vault, told.append)
    rest = whole
    while rest:
        size = data.draw(st.integers(1, 6))
        restorer.feed(rest[:size])
        rest = rest[size:]
        assert not any("EMAIL" in piece or "PHONE" in piece for piece in told)
    restorer.end()
    assert "".join(told) == vault.restore(whole)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_a_stream_of_fenced_json_stays_json_however_it_is_cut(size: int) -> None:
    vault, told = Vault(), list[str]()
    whole = f'```json\n{{"p": "{vault.placeholder("PASSWORD", QUOTED)}"}}'
    restorer = StreamRestorer(vault, told.append)
    for start in range(0, len(whole), size):
        restorer.feed(whole[start : start + size])
    restorer.end()
    assert json.loads("".join(told).removeprefix("```json")) == {"p": QUOTED}


def test_a_short_answer_that_looks_like_a_fence_is_told_in_the_end() -> None:
    told = list[str]()
    restorer = StreamRestorer(Vault(), told.append)
    restorer.feed("``")
    restorer.end()
    assert told == ["``"]


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("<EMAIL_1>", {}),
        ("Email 1 of 3 was sent.", {}),
        ("[EMAIL_1]", {"EMAIL": 1}),
        ("<email 1>", {"EMAIL": 1}),
        ("EMAIL_1", {"EMAIL": 1}),
        ("<EMAIL_9>", {"EMAIL": 1}),
        ("cut off <EMAIL_", {"EMAIL": 1}),
    ],
)
def test_what_cannot_be_restored_is_told(said: str, lost: dict[str, int]) -> None:
    vault = Vault()
    vault.placeholder("EMAIL", MAIL)
    assert vault.lost(said) == lost


def test_a_type_is_blocked_unless_it_is_named() -> None:
    with pytest.raises(EgressBlocked, match=r"personal \(PHONE\)"):
        released(f"{MAIL} or +31 6 1234 5678")
    assert released(MAIL, leave={"EMAIL": "allow"}) == [MAIL]
    assert released("+31 6 1234 5678", leave={"default": "redact"}) == ["<PHONE_1>"]


@pytest.mark.parametrize("text", ["the password is hunter22", "she was diagnosed with diabetes"])
def test_the_default_redacts_no_secret_and_no_statement(text: str) -> None:
    with pytest.raises(EgressBlocked):
        released(text, leave={"default": "redact"})


def test_what_the_caller_declared_cannot_be_redacted_away() -> None:
    with pytest.raises(EgressBlocked, match="the request is secret"):
        released(MAIL, sensitivity="secret", sensitivity_floor="secret")
    assert released(MAIL, sensitivity="personal", sensitivity_floor="none") == ["<EMAIL_1>"]
    with pytest.raises(EgressBlocked, match="the request is personal"):
        released(MAIL, sensitivity="personal")


@pytest.mark.parametrize("cut", range(4, len(CARD) - 3))
def test_a_value_over_two_messages_does_not_leave(cut: int) -> None:
    with pytest.raises(EgressBlocked):
        released(f"pay with {CARD[:cut]}", f"{CARD[cut:]} please")


def test_a_door_that_cannot_restore_gets_nothing_redacted() -> None:
    with pytest.raises(EgressBlocked, match="EMAIL"):
        guard().release(MAIL, profile(), "a judge")


@pytest.mark.parametrize(
    "text", ["alice%40example%2Ecom", "&#97;lice&#64;example&#46;com", "YWxpY2VAZXhhbXBsZS5jb20="]
)
def test_what_only_a_decoded_text_says_is_blocked(text: str) -> None:
    with pytest.raises(EgressBlocked, match="EMAIL"):
        released(f"see {text} please")


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        ({"MAIL": "redact"}, "no detector finds"),
        ({"HEALTH": "redact"}, "cannot be redacted"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(leave: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Guard.from_settings(Privacy(leave=leave), scan, TYPES)
    with pytest.raises(SettingsError, match=said):
        Tandem(Settings(privacy=Privacy(leave=leave)))


@pytest.mark.parametrize("leave", [{"default": "allow"}, {"EMAIL": "hide"}, {"e-mail": "redact"}])
def test_a_policy_of_the_wrong_form_is_refused(leave: Any) -> None:
    with pytest.raises(ValueError, match="leave"):
        Privacy(leave=leave)


def test_a_detector_that_hangs_does_not_hold_up_the_caller() -> None:
    started = time.perf_counter()
    with pytest.raises(Unchecked, match=r"within 0\.02 seconds"):
        checked("planted", lambda _text: time.sleep(1) or [], seconds=0.02)
    assert time.perf_counter() - started < 0.9


WRONG: list[Any] = [
    *(None, "", "text", {}, 0, iter(()), [None], ["EMAIL"], [("EMAIL", 0, 1, 1.0, "none")]),
    *([Finding("EMAIL", 0, 99, 1.0, "none")], [Finding("EMAIL", 3, 3, 1.0, "none")]),
]


@pytest.mark.parametrize("found", WRONG, ids=lambda found: re.sub(r" at 0x\w+", "", repr(found)))
def test_findings_that_are_none_of_this_text_leave_it_unchecked(found: Any) -> None:
    with pytest.raises(Unchecked):
        checked("planted", lambda _text: found)


def test_a_run_is_forgotten_when_it_is_over_or_late() -> None:
    vaults, soon = Vaults(), time.time() + 60
    first = vaults.of("r1", soon)
    assert vaults.of("r1", soon) is first
    vaults.forget("r1")
    assert vaults.of("r1", soon) is not first
    late = vaults.of("r2", time.time() - 1)
    assert vaults.of("r2", soon) is not late
    assert vaults.of("", soon) is not vaults.of("", soon)
    first.placeholder("EMAIL", MAIL)
    assert MAIL not in repr(first)


def tandem(folder: Path, url: str) -> Tandem:
    public = {"backend": "openai", "dialect": "openai", "url": url, "model": "public"}
    settings = Settings.model_validate(
        {
            "home": folder,
            "models": {"public": public},
            "tiers": {"slm": {"model": "public"}, "llm": {"model": "public"}},
            "privacy": {"leave": REDACT},
        }
    )
    return Tandem(settings)


def test_an_answer_holds_the_original_and_the_model_saw_none_of_it(tmp_path: Path) -> None:
    with (
        serve(status(500), answer("Answer: to <EMA", "IL_1", "> or [EMAIL_2].")) as public,
        tandem(tmp_path, public.url) as made,
    ):
        context = Context(stream_unverified=True)
        events = list(
            made.stream(
                f"Why would {MAIL} write to {OTHER}?",
                task="reasoning",
                messages=[{"role": "user", "content": f"{OTHER} is a colleague."}],
                context=context,
            )
        )
    final = events[-1]["answer"]
    assert final["status"] == "accepted", final["verdicts"]
    assert OTHER in json.dumps(final["output"])
    told = "".join(event.get("text", "") for event in events if event["event"] == "token")
    assert OTHER in told
    assert "EMAIL_1" not in told
    assert len(public.seen) == 2
    for seen in public.seen:
        assert MAIL not in json.dumps(seen.body)
        assert OTHER not in json.dumps(seen.body)
    reasons = "; ".join(final["reasons"])
    assert "redacted for a model that is not private: 2 EMAIL" in reasons
    assert "came back altered, and could not be restored: 1 EMAIL" in reasons
    assert MAIL not in reasons
