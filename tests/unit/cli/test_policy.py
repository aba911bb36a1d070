from __future__ import annotations

import json
from pathlib import Path

import pytest

from tandem.ledger.store import Ledger
from tests.unit.cli.shell import INVALID, Run, check
from tests.unit.ledger.rows import answer, attempt

REFUSING = """
[[policy.rules]]
name = "short"
when = { text_chars = { above = 20 } }
refuse = "Be brief."
"""
DEAD = """
[[policy.rules]]
name = "here"
when = [{ task = "faq" }, { task = "draft", documents = 1 }]
private_only = true
[[policy.rules]]
name = "never"
when = { task = "faq", latency = "realtime" }
private_only = true
[[policy.rules]]
name = "nowhere"
when = { sensitivity = "secret" }
first_tier = "llm"
[[policy.rules]]
name = "own"
when = { task = ["headline", "sentiment"] }
private_only = true
"""


def settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "tandem.toml").write_text(text, encoding="utf-8")


def test_a_policy_without_rules_is_in_order(run: Run) -> None:
    told = run("policy", "check")
    assert (told.code, told.out) == (0, "0 rules: each can match, and every task is known.\n")


def test_a_check_tells_what_is_wrong_with_which_rule(tmp_path: Path, run: Run) -> None:
    settings(tmp_path, DEAD)
    told = run("policy", "check")
    never, nowhere, own = told.out.splitlines()
    assert told.code == 1
    assert never == (
        "error: rule 'never': can never match: earlier rules take all of its requests ('here')"
    )
    assert "rule 'nowhere': starts on the LLM, which is public" in nowhere
    assert "rule 'own': no task is called 'headline'; tasks: agent, " in own


def test_a_check_as_json_knows_the_applications_tasks(tmp_path: Path, run: Run) -> None:
    settings(tmp_path, DEAD)
    told = json.loads(run("policy", "check", "--json", "--task", "headline").out)
    assert told["rules"] == 4
    assert [(each["rule"], each["kind"]) for each in told["remarks"]] == [
        ("never", "shadowed"),
        ("nowhere", "barred"),
    ]


def test_a_rule_for_a_task_that_nobody_knows_is_refused_at_work(tmp_path: Path, run: Run) -> None:
    settings(tmp_path, DEAD)
    check(run("explain", "hello", "--task", "faq"), 1, "'own' names no task 'headline'")


def test_explain_tells_the_decision_in_words(run: Run, tmp_path: Path) -> None:
    told = run("explain", "A fine film.", "--task", "sentiment", "--sensitivity", "secret")
    assert told.code == 0
    assert "goes to      sentiment on the SLM; the LLM repairs nothing" in told.out
    assert "  - the LLM is public and the request is secret" in told.out
    assert not list((tmp_path / "cache").glob("**/*.gguf"))


def test_explain_as_json_holds_the_same_reasons(run: Run) -> None:
    words = ("explain", "A fine film.", "--task", "sentiment", "--quality", "0.9")
    told = json.loads(run(*words, "--latency", "async", "--json").out)
    assert (told["decision"]["tier"], told["refused"]) == ("slm", None)
    assert (told["profile"]["quality"], told["attempts"]) == (0.9, [])
    assert told["deadline_s"] == pytest.approx(900, abs=1)
    shown = run(*words).out
    assert all(f"  - {reason}" in shown for reason in told["reasons"])


def test_explain_writes_nothing_into_the_ledger(run: Run, tmp_path: Path) -> None:
    run("explain", "A fine film.", "--task", "sentiment")
    ledger = Ledger(f"sqlite:///{tmp_path / '.tandem' / 'ledger.sqlite'}")
    assert "0 runs" in ledger.check()


def test_explain_tells_a_refusal_without_being_refused(tmp_path: Path, run: Run) -> None:
    settings(tmp_path, REFUSING)
    told = run("explain", "Is this film any good at all?", "--task", "sentiment")
    assert told.code == 0
    assert "goes to      nobody (policy_refused)" in told.out
    assert "Be brief." in told.out


def test_explain_shows_a_past_run_without_its_texts(tmp_path: Path, run: Run) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / '.tandem' / 'ledger.sqlite'}", texts="all")
    ledger.start("r1", {"text": "planted text", "task": "faq"})
    ledger.add_attempt("r1", attempt())
    ledger.finish("r1", answer("r1"))
    told = run("explain", "--run", "r1")
    assert told.out.startswith("faq: accepted by slm, 0.001000 USD")
    assert "  - slm answer accepted" in told.out
    as_json = run("explain", "--run", "r1", "--json").out
    assert json.loads(as_json)["status"] == "accepted"
    assert "planted" not in told.out + as_json


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Nothing to explain"),
        (("QUINCE", "--run", "r1"), "A text and a run"),
        (("--run", "r1"), "holds no run of that id"),
        (("QUINCE", "--task", "dance"), "The task that was declared is not known"),
        (("QUINCE", "--latency", "soon"), "latency"),
    ],
)
def test_what_cannot_be_explained_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    check(run("explain", *words), INVALID, said)


def test_ask_takes_what_lateness_means(run: Run) -> None:
    check(run("ask", "QUINCE", "--on-late", "never"), INVALID, "on_late")


def test_a_check_tells_conditions_that_cannot_hold_and_tenants_that_nobody_declares(
    tmp_path: Path, run: Run
) -> None:
    settings(
        tmp_path,
        """
[tenants.bank]
shared = true
[policy.budgets.tenants]
bnak = 1.0
[[policy.rules]]
name = "far"
when = { complexity = { above = 1.5 }, tenant = ["bank", "shop"] }
private_only = true
""",
    )
    told = run("policy", "check")
    assert told.code == 1
    assert told.out.splitlines() == [
        "error: rule 'far': can never match: no request meets its condition on `complexity`",
        "error: rule 'far': no tenant is called 'shop'; tenants: bank",
        "error: policy.budgets.tenants: no tenant is called 'bnak'; tenants: bank",
    ]
