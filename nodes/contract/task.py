"""Task `contract_review`: clauses, types, verdicts on a checklist, values, and a report to check.

In the graph (graphs/contract.py) the trained head decides what it is sure of, and a model only the
rest, from the passages. On a tier alone (`attempt`) that tier is asked everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from tandem.errors import EgressBlocked, ModelError
from tandem.models.tier import TierCall
from tandem.nodes.contract.asking import (
    Judged,
    ask_type,
    ask_value,
    judge,
    judge_together,
    judge_whole,
)
from tandem.nodes.contract.checklist import Item
from tandem.nodes.contract.output import Prepared as Known
from tandem.nodes.contract.output import findings, review
from tandem.nodes.contract.reading import Reader, further_groups, question_of, value_at
from tandem.nodes.contract.report import report
from tandem.nodes.contract.values import FIELDS
from tandem.nodes.task import Prepared
from tandem.records import Attempt, GateFailure, Profile, Request, TierName, Usage, Verdict

NODE: Final = "contract"
_TOKEN_CHARS: Final = 4
_VERDICT_TOKENS: Final = 12
_HYPOTHESIS_TOKENS: Final = 40


@dataclass(frozen=True)
class ContractReview:
    """Output: see nodes/contract/output.py, with the report as `text`.

    Parameters
    ----------
    reader: reads the contract; it holds the settings.
    """

    reader: Reader
    name: str = "contract_review"
    node: str = NODE
    first_tier: TierName = "llm"

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """All that needs no model; see Reader."""
        known = self.reader(request)
        return {**known, "all_llm_usage": whole_usage(known)}

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """Everything on `tier` alone: each hypothesis by its passages; the clauses' types and the
        values only where the request has an empty checklist."""
        known = cast("Known", prepared)
        judged: dict[str, list[Judged]] = {}
        for item in known["items"]:
            judged |= self.judged(known, [item], tier)
        if not known["items"]:
            known = self._labelled(known, tier)
        output = self.output(known, judged, {tier.name: len(judged)}, alone=True)
        return tier.attempt(output)

    def groups(self, items: Sequence[Item], tier: TierName | None) -> list[list[Item]]:
        """`items` as `tier` is asked: the LLM so many in a call as the settings say, the SLM each
        by itself."""
        size = 1 if tier == "slm" else self.reader.settings.together
        return [list(items[at : at + size]) for at in range(0, len(items), size)]

    def judged(
        self, known: Known, items: Sequence[Item], tier: TierCall
    ) -> dict[str, list[Judged]]:
        """What `tier` makes of some items, by their passages, and where the settings say so by all
        other segments, until one is found. An error in these further calls ends the reading for
        its item alone (`stopped`). Raises as `TierCall.complete`, of the first call."""
        asked = [question_of(known, item) for item in items]
        first = [judge(asked[0], tier)] if len(asked) == 1 else judge_together(asked, tier)
        pairs = zip(items, first, strict=True)
        return {item["id"]: [one, *self._further(known, item, one, tier)] for item, one in pairs}

    def _further(self, known: Known, item: Item, first: Judged, tier: TierCall) -> list[Judged]:
        """The rest of the contract, group by group, for an item that the head does not know, or
        does not call absent."""
        said = [first]
        head = known["head"].get(item["id"])
        alike = head is not None and head["verdict"] == "not_mentioned"
        if not self.reader.settings.read_all or alike:
            return []
        for group in further_groups(known, first["shown"], self.reader.settings.passages):
            if said[-1]["verdict"] != "not_mentioned":
                break
            try:
                said.append(judge(question_of(known, item, group), tier))
            except (ModelError, EgressBlocked) as error:
                # What was shown counts as shown; a group more would fail alike, or cost its wait.
                said.append({**said[-1], "shown": [], "stopped": error.code})
                break
        return said[1:]

    def output(
        self,
        known: Known,
        judged: Mapping[str, Sequence[Judged]],
        asked: Mapping[str, int],
        types: Mapping[str, str] | None = None,
        alone: bool = False,
    ) -> dict[str, Any]:
        """The whole output, of what the head and the models said.

        Parameters
        ----------
        asked: how many hypotheses each tier was asked. types: those that the SLM chose, by clause.
        alone: whether one tier does everything, and is taken at its word.
        """
        settings = self.reader.settings
        must_agree = () if alone else settings.must_agree
        found = findings(known, judged, settings.least, must_agree, alone)
        whole = review(known, found, asked, settings.type_least, types)
        return {**whole, "text": report(whole)}

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates: empty; grounded (every quotation and value stands at its offsets); absence
        (nothing is absent where not every clause was read)."""
        output = attempt["output"]
        if not isinstance(output, Mapping):
            return [GateFailure(gate="empty", detail="no review")]
        text = prepared["text"]
        places = [each for one in output["verdicts"] for each in one["evidence"]]
        failed = []
        if any(text[each["start"] : each["end"]] != each["quote"] for each in places):
            failed.append(GateFailure(gate="grounded", detail="a quotation is not in the contract"))
        if any(text[each["start"] : each["end"]] != each["quote"] for each in output["values"]):
            failed.append(GateFailure(gate="grounded", detail="a value is not in the contract"))
        absent = any(one["verdict"] == "not_mentioned" for one in output["verdicts"])
        if absent and not output["coverage"]["every_clause_read"]:
            failed.append(GateFailure(gate="absence", detail="not every clause was read"))
        return failed

    def repair(
        self,
        prepared: Prepared,
        rejected: Attempt,  # noqa: ARG002
        verdict: Verdict,  # noqa: ARG002
        tier: TierCall,
    ) -> Attempt:
        """Everything again, on `tier`."""
        return self.attempt(prepared, tier)

    def one_shot(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """The whole contract and the whole checklist in one call, as a baseline: verdicts without
        evidence."""
        known = cast("Known", prepared)
        verdicts = judge_whole(known["text"], known["items"], tier) if known["items"] else {}
        every = list(range(len(known["segments"])))
        judged: dict[str, list[Judged]] = {
            name: [
                {"item": name, "verdict": said, "segment": None, "shown": every, "by": tier.name}
            ]
            for name, said in verdicts.items()
        }
        output = self.output(known, judged, {tier.name: len(judged)}, alone=True)
        return tier.attempt(output)

    def _labelled(self, known: Known, tier: TierCall) -> Known:
        """`known` with the types and values that `tier` gives."""
        head = self.reader.own_head.types
        names = head.types if head else ()
        types, values = {}, []
        for clause in known["clauses"]:
            piece = known["text"][clause["start"] : clause["end"]]
            if names and (name := ask_type(piece, names, tier)):
                types[clause["id"]] = [(name, 1.0)]
            for field in FIELDS[:3]:
                if found := ask_value(field, piece, tier):
                    at = (clause["start"] + found.start, clause["start"] + found.end, found.value)
                    values.append(value_at(known["text"], known["clauses"], field, at, tier.name))
        return {**known, "types": types, "values": values}


def whole_usage(known: Known) -> Usage:
    """The tokens of an LLM that reads the whole contract once for the whole checklist: the least
    that all-LLM would take. An estimate by characters."""
    items = len(known["items"])
    return {
        "input_tokens": len(known["text"]) // _TOKEN_CHARS + _HYPOTHESIS_TOKENS * items,
        "output_tokens": _VERDICT_TOKENS * items,
    }
