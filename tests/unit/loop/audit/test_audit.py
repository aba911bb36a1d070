from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import TandemError
from tandem.graphs.tasks import Tasks
from tandem.loop.audit import pictures
from tandem.loop.audit.acceptance import UNKNOWN
from tandem.loop.audit.audit import Auditor
from tandem.loop.audit.figures import Figures
from tandem.loop.audit.markdown import markdown
from tandem.loop.audit.pricing import Priced
from tandem.loop.audit.report import Acceptance, Audit, Workload
from tandem.loop.audit.row import LogRow
from tandem.loop.audit.saving import Movable, rows_to_label, saving
from tandem.loop.audit.workloads import need_of
from tandem.loop.audit.writing import prepare, write
from tandem.settings import Model, Price
from tests.unit.loop.audit.logs import OPTIONS, SECRET, after, row
from tests.unit.loop.audit.services import AuditServices, NoEmbeddings

PRICED = {
    "slm-embedded": Model(
        model="qwen2.5-coder-0.5b-instruct",
        private=True,
        price=Price(per_million_input=0.1, per_million_output=0.1),
    ),
    "llm-embedded": Model(model="qwen2.5-coder-1.5b-instruct", private=False),
}


def audited(services: AuditServices, rows: Sequence[LogRow], **options: Any) -> Audit:
    auditor = Auditor(services, Tasks(services), replace(OPTIONS, **options))
    return auditor.judge(auditor.look(rows), [])


def rows_of(mark: str, n: int, **more: Any) -> list[LogRow]:
    return [row(text=f"{SECRET} number {at} of a {mark} there", **more) for at in range(n)]


def line(audit: Audit, start: str) -> Workload:
    (found,) = [each for each in audit["workloads"] if each["name"].startswith(start)]
    return found


def test_workloads_are_told_by_prompt_then_by_what_is_alike(tmp_path: Path) -> None:
    rows = [
        *rows_of("review", 60, prompt="aaaa", system="Judge the review."),
        *rows_of("sum", 50),
        *rows_of("refund", 40),
        *rows_of("review", 5, prompt="bbbb", system="Rare."),
    ]
    random.Random(1).shuffle(rows)
    audit = audited(AuditServices(tmp_path, models=PRICED), rows)
    found = {each["name"].partition(":")[0]: each["rows"]["value"] for each in audit["workloads"]}
    assert found == {"sentiment": 60, "reasoning": 50, "support_reply": 40, "other": 5}
    judged = line(audit, "sentiment")
    assert (judged["told_by"], judged["prompt"]) == ("system prompt", "aaaa")
    assert (judged["destination"], judged["complexity"]) == ("SLM with check", 0.25)
    assert judged["spend"] == pytest.approx({"value": 0.21, "low": 0.21, "high": 0.21, "n": 60})
    assert line(audit, "reasoning")["destination"] == "LLM"
    assert line(audit, "reasoning")["saving"] is None
    assert audit["workloads"][-1]["saving"] is None


def test_a_prompt_of_several_tasks_is_split(tmp_path: Path) -> None:
    rows = [*rows_of("review", 40, prompt="aaaa"), *rows_of("sum", 40, prompt="aaaa")]
    audit = audited(AuditServices(tmp_path), rows, profiled=80)
    assert sorted(each["task"] for each in audit["workloads"]) == ["reasoning", "sentiment"]
    assert {each["told_by"] for each in audit["workloads"]} == {
        "texts that are alike, of one system prompt"
    }


def test_volumes_of_a_sample_carry_an_interval_that_holds_the_truth(tmp_path: Path) -> None:
    rows = [*rows_of("review", 3000), *rows_of("sum", 1000)]
    random.Random(2).shuffle(rows)
    audit = audited(AuditServices(tmp_path), rows, rest_sample=200)
    volume = line(audit, "sentiment")["rows"]
    assert volume["low"] < 3000 < volume["high"]
    assert volume["n"] == 200
    spend = line(audit, "sentiment")["spend"]
    assert spend is not None
    assert spend["low"] < 3000 * 0.0035 < spend["high"]
    assert sum(each["rows"]["value"] for each in audit["workloads"]) == pytest.approx(4000)


def test_no_saving_is_told_across_currencies(tmp_path: Path) -> None:
    rows = rows_of("review", 60, cost=0.01, currency="EUR", prompt="aaaa")
    audit = audited(AuditServices(tmp_path, models=PRICED), rows, currency="EUR")
    why = "SLM prices are in USD, sums in EUR: not comparable, no saving told"
    told = line(audit, "sentiment")
    assert (told["saving"], told["rows_to_label"], audit["no_saving"]) == (None, None, why)
    assert f"what it saves: {why}" in told["unknown"]
    assert f"none can be told** ({why})" in markdown(audit)
    own = audited(AuditServices(tmp_path, models=PRICED, currency="eur"), rows, currency="EUR")
    assert line(own, "sentiment")["saving"] is not None
    assert own["no_saving"] == ""
    model = PRICED["slm-embedded"].model_copy(update={"price": Price()})
    free = {**PRICED, "slm-embedded": model}
    told = line(audited(AuditServices(tmp_path, models=free), rows, currency="EUR"), "sentiment")
    assert told["saving"] is not None


def test_nothing_is_claimed_of_rows_without_a_text(tmp_path: Path) -> None:
    rows = [*(row(text="") for _ in range(30)), *rows_of("review", 30, prompt="aaaa")]
    audit = audited(AuditServices(tmp_path, models=PRICED), rows)
    told = line(audit, "no text")
    assert (told["name"], told["task"], told["destination"]) == (
        "no text",
        "not known",
        "not known",
    )
    assert (told["complexity"], told["saving"], told["acceptance"]) == (None, None, None)
    assert told["goes"] == {}
    assert told["rows"]["value"] == 30
    page = markdown(audit)
    section = page[page.index("## no text") :].partition("\n## ")[0]
    for claim in ("Complexity", "By the policy", "Sensitive:", "reasoning", "0 rows looked at"):
        assert claim not in section
    assert "how sensitive its rows are: the log has no text of them; which task it is" in section
    drawn = pictures.pictures(audit) if pictures.available() else {"spend.png": b""}
    assert "spend.png" in drawn


def test_sensitive_rows_stay_private_and_are_in_no_saving(tmp_path: Path) -> None:
    private = [row(text=f"review by jo{at}@example.com", prompt="aaaa") for at in range(30)]
    audit = audited(AuditServices(tmp_path, models=PRICED), private)
    told = line(audit, "sentiment")
    assert (told["destination"], told["saving"]) == ("private only", None)
    assert told["sensitive"]["value"] == 1.0
    assert told["sensitive"]["low"] > 0.85
    own = {**PRICED, "llm-embedded": PRICED["llm-embedded"].model_copy(update={"private": True})}
    again = audited(AuditServices(tmp_path, models=own), private)
    assert line(again, "sentiment")["destination"] == "SLM with check"


def test_no_word_of_few_rows_and_none_that_is_sensitive_stands_in_a_name(tmp_path: Path) -> None:
    texts = [
        f"the delivery of mango review {at} went to Quentin from rosalind@example.com, "
        f"{'pear' if at < 5 else 'banana'}"
        for at in range(30)
    ]
    audit = audited(AuditServices(tmp_path), [row(text=text) for text in texts])
    told = json.dumps(audit) + markdown(audit)
    assert "banana" in audit["workloads"][0]["name"]
    for word in ("rosalind", "example", "Quentin", "quentin", "pear"):
        assert word not in told


@pytest.mark.parametrize("name", ["rosalind@example.com", "DE89370400440532013000", "+4930901820"])
def test_no_address_in_the_place_of_a_name_is_told(tmp_path: Path, name: str) -> None:
    rows = [
        *rows_of("review", 30, model=name, prompt="aaaa"),
        *rows_of("sum", 30, task=name),
        *rows_of("refund", 30, model="ours", prompt="bbbb"),
        *rows_of("refund", 3, model="rare-one", prompt="bbbb"),
    ]
    audit = audited(AuditServices(tmp_path, models=PRICED), rows)
    told = json.dumps(audit, ensure_ascii=False) + markdown(audit)
    assert name not in told
    assert "rare-one" not in told
    assert audit["unknown_models"] == {"no model named": 30, "ours": 30, "others": 3}
    assert line(audit, "support_reply")["models"] == {"ours": 30, "others": 3}
    assert audit["assumptions"][0].startswith("60 rows name a model or a task")


def test_without_embeddings_prompts_are_still_told_and_why_is_said(tmp_path: Path) -> None:
    rows = [*rows_of("review", 30, prompt="aaaa"), *rows_of("sum", 30)]
    audit = audited(AuditServices(tmp_path, NoEmbeddings()), rows)
    assert len(audit["workloads"]) == 2
    assert all(each["unknown"][0].startswith("which task") for each in audit["workloads"])
    assert "is not here" in audit["assumptions"][-1]


def test_local_rows_and_failed_ones_save_nothing(tmp_path: Path) -> None:
    rows = [row(task="sentiment", text="", local=at < 10, error=at < 20) for at in range(30)]
    audit = audited(AuditServices(tmp_path, models=PRICED), rows)
    found = line(audit, "sentiment")["saving"]
    assert found is not None
    assert found["high"] <= 30 * 0.0035


def test_what_has_no_text_is_not_called_harmless(tmp_path: Path) -> None:
    told = line(audited(AuditServices(tmp_path), [row(text="", prompt="aaaa")] * 30), "reasoning")
    assert (told["sensitive"]["low"], told["sensitive"]["high"], told["levels"]) == (0, 1, {})
    assert told["unknown"][0].startswith("how sensitive")


def arrivals(gaps: Sequence[float], seconds: float | None) -> Figures:
    figures, moment = Figures(), 0.0
    for gap in gaps:
        moment += gap
        figures.add(row(when=after(moment), seconds=seconds), Priced(None, "unknown model"))
    return figures


def test_who_waits_is_told_by_how_requests_follow_each_other() -> None:
    draw = random.Random(3)
    apart = [draw.expovariate(1.0) for _ in range(500)]
    assert need_of(arrivals(apart, 0.9), whole=True)["latency"] == "realtime"
    assert need_of(arrivals([gap / 50 for gap in apart], 0.9), whole=True)["latency"] == "realtime"
    assert need_of(arrivals([gap * 90 for gap in apart], 0.9), whole=True)["latency"] == "realtime"
    chained = need_of(arrivals([0.9 + 0.1 * gap for gap in apart], 0.9), whole=True)
    assert (chained["latency"], chained["why"][-31:]) == (
        "async",
        "begin right after the one before ended"[-31:],
    )
    assert need_of(arrivals([0.0] * 50, 0.9), whole=True)["latency"] == "async"
    assert "too few" in need_of(arrivals([1.0] * 5, 0.9), whole=True)["why"]
    assert need_of(arrivals(apart, None), whole=True)["latency"] == "realtime"


KNOWN: Acceptance = {"value": 0.8, "low": 0.7, "high": 0.88, "known": True, "source": ""}


@given(
    st.floats(0, 1e6),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    st.floats(0, 1),
    st.floats(1e-6, 10),
    st.floats(0, 10),
)
def test_a_saving_lies_between_its_bounds(
    rows: float, shares: list[float], at: float, cost: float, slm_cost: float
) -> None:
    low, high = shares
    acceptance: Acceptance = {**KNOWN, "low": low, "high": high, "value": low + at * (high - low)}
    made = saving(Movable(rows, 0.9 * rows, 1.1 * rows), cost, slm_cost, acceptance)
    slack = 1e-6 * (1 + abs(made["value"]))
    assert made["low"] - slack <= made["value"] <= made["high"] + slack
    assert (made["break_even"] > 1) == (slm_cost > cost)


def test_labelled_rows_settle_what_is_near_the_break_even_last() -> None:
    def rows(slm_cost: float, acceptance: Acceptance) -> int | None:
        made = saving(Movable(1, 1, 1), 1.0, slm_cost, acceptance)
        return rows_to_label(made, acceptance, 0.9, 0.9)

    # Twice the 22 right answers that certify 0.9 with 0.9, of which half are expected.
    assert rows(0.01, UNKNOWN) == 88
    near = rows(0.45, UNKNOWN)
    assert near is not None
    assert near > 300
    assert rows(0.5, UNKNOWN) is None


def test_the_report_stands_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*rows_of("review", 30, prompt="aaaa"), *rows_of("sum", 30, model="ours")]
    audit = audited(AuditServices(tmp_path, models=PRICED), rows)
    prepare(tmp_path / "out")
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    names = {path.name for path in write(audit, tmp_path / "out")}
    assert names == {"report.md", "report.json"}
    page = (tmp_path / "out/report.md").read_text()
    assert page.index("Spent: 0.1050 USD") < page.index("biggest") < page.index("What to do next")
    assert "Models without a list price: ours (30)" in page
    assert "No pictures: matplotlib is not installed" in page
    assert json.loads((tmp_path / "out/report.json").read_text())["totals"]["rows"] == 60
    assert SECRET.lower() not in page.lower()


def test_pictures_are_drawn_where_they_can_be(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    audit = audited(AuditServices(tmp_path, models=PRICED), rows_of("review", 30, prompt="aaaa"))
    drawn = pictures.pictures(audit)
    assert set(drawn) == {"spend.png", "saving.png"}
    assert all(data.startswith(b"\x89PNG") for data in drawn.values())


def test_a_full_disk_is_told_and_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.md").write_text("old")
    audit = audited(AuditServices(tmp_path), rows_of("review", 30))
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TandemError, match=r"report\.json could not be written: No space left"):
        write(audit, tmp_path)
    with pytest.raises(TandemError, match="Nothing was read yet"):
        prepare(tmp_path)
    assert (tmp_path / "report.md").read_text() == "old"
    assert not list(tmp_path.glob(".*"))
