"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tandem.loop.improve.report import AdapterReport, HeadReport, Report, SlotReport

_COUNTED: Final = {
    "runs": "judged or failed runs in the ledger",
    "without_text": "left out: the ledger did not keep their text",
    "of_tenants_apart": "left out: of tenants that share nothing",
    "unreadable": "left out: empty, or not readable any more",
    "outside_labels": "left out: their label is not among the request's labels",
    "sensitive_left_out": "left out: sensitive",
    "masked": "sensitive, learnt from as `--sensitive` says",
}


def markdown(report: Report) -> str:
    """The whole report; a decision maker reads its first table."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# Improvement, {report['made']}"
    yield ""
    if not report["applied"]:
        yield "Nothing was changed: this run only looked. `--apply` puts the better in force."
        yield ""
    yield "| task | labels | outcome | why |"
    yield "| --- | --- | --- | --- |"
    for slot in report["slots"]:
        yield f"| {slot['task']} | {_labels(slot['labels'])} | {slot['state']} | {slot['why']} |"
    yield ""
    yield from _collected(report)
    yield from _failures(report)
    for slot in report["slots"]:
        yield from _slot(slot)


def _collected(report: Report) -> Iterator[str]:
    yield "## Rows"
    yield ""
    for name, words in _COUNTED.items():
        if count := report["collected"].get(name, 0):
            yield f"- {count} {words}"
    yield f"- {report['new']} usable ones are new"
    for task, count in report["not_learnt_from"].items():
        yield (
            f"- {count} judged or failed runs of {task} are only counted: what does not end in a "
            f"label is neither clustered nor learnt from here; give documents with their answers "
            f"to `tandem calibrate {task}` or `tandem tune {task}`"
        )
    told = report["labelling"]
    if told["asked"] or told["kept"] or told["refused"] or told["left"]:
        yield (
            f"- labels by the LLM: {told['asked']} asked for {told['cost']:.6f} "
            f"{report['currency']} (budget {told['budget']:g}), {told['kept']} kept from earlier "
            f"runs, {told['refused']} rows it may not see, {told['left']} left without"
        )
    for note in told["notes"]:
        yield f"- {note}"
    yield ""


def _failures(report: Report) -> Iterator[str]:
    if not report["failures"]:
        return
    yield "## Where the small model failed (new rows)"
    yield ""
    yield "| task | about | rows | gates | right labels |"
    yield "| --- | --- | --- | --- | --- |"
    for one in report["failures"]:
        yield (
            f"| {one['task']} | {', '.join(one['words']) or 'no common word'} | {one['rows']} "
            f"| {_counts(one['gates'])} | {_counts(one['labels'])} |"
        )
    yield ""


def _slot(slot: SlotReport) -> Iterator[str]:
    yield f"## {slot['task']} ({_labels(slot['labels'])})"
    yield ""
    learn = slot["learn"]
    yield (
        f"Rows: {slot['people']} labelled by people, {slot['llm']} by the LLM, "
        f"{slot['unlabelled']} without a label, {slot['new']} of them new; left out "
        f"{slot['repeats']} repeats and {slot['contradictory']} with contradicting labels."
    )
    yield (
        f"Judged by {slot['judged_by']}: {learn.get('people', 0)} rows of people and "
        f"{learn.get('llm', 0)} of the LLM and {learn.get('bought', 0)} bought from it teach, "
        f"{slot['certify']} certify, {slot['judge']} judge."
    )
    if slot["leaked"]:
        yield f"{slot['leaked']} rows teach nothing: their texts certify or judge."
    if slot["llm_agreement"]:
        yield f"Agreement of a head with the LLM's labels: {_share(slot['llm_agreement'])}."
    if slot["tries"]:
        yield (
            f"Comparison {slot['tries']} on judging rows of which most have judged before, or the "
            f"first: a candidate is put in force by chance in at most {slot['level']:.2%} of such, "
            "and in 5 % of series of any length."
        )
    yield ""
    adapter = slot["adapter"]
    if slot["head"]:
        yield from _head(slot["head"], adapter)
    if adapter:
        yield f"Adapter{' ' + adapter['name'] if adapter['name'] else ''}: {adapter['why']}"
        yield ""
    yield f"**{slot['state']}**: {slot['why']}."
    for line in (slot["promise"], *slot["notes"]):
        if line:
            yield f"- {line}"
    yield ""


def _head(head: HeadReport, adapter: AdapterReport | None) -> Iterator[str]:
    yield "| without the LLM | right | leaves | right of what leaves |"
    yield "| --- | --- | --- | --- |"
    sides = [head["champion"], head["challenger"]]
    if adapter and adapter["whole"]:
        sides.append({**adapter["whole"]["challenger"], "name": f"with {adapter['name']}"})
    for side in sides:
        shares = " | ".join(_share(side[name]) for name in ("right", "accepted", "precision"))
        yield f"| {side['name']} | {shares} |"
    yield f"| the head alone | {_share(head['head_alone'])} | | |"
    yield ""


def _share(interval: Sequence[float]) -> str:
    mean, low, high, n = interval
    return f"{mean:.3f} ({low:.3f} to {high:.3f}) of {n:.0f}" if n else "none"


def _labels(labels: Sequence[str]) -> str:
    return ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in list(counts.items())[:4]) or "none"
