"""Task `research`: an answer over several places of documents or of the knowledge base, with
citations that code has checked, or honestly none.

In the graph (graphs/research.py) the LLM asks typed questions, SLM readers answer them from the
passages, and the LLM concludes from what they found. Without that, on one tier alone, the task is
one prompt over the passages nearest to the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandem.errors import InvalidRequest
from tandem.models.tier import TierCall
from tandem.nodes.research.answering import doubts, unanswered
from tandem.nodes.research.citing import uncited_numbers, unknown_marks
from tandem.nodes.research.collection import collection_of, refuse_unreadable
from tandem.nodes.research.concluding import conclude, not_found
from tandem.nodes.research.findings import coverage, whole_passages
from tandem.nodes.research.records import UNREAD, Coverage, Documents, Finding
from tandem.nodes.rule import rule_attempt
from tandem.nodes.stages import Judgement
from tandem.nodes.task import Prepared
from tandem.nodes.texts import earlier_turns
from tandem.quality.arithmetic import right_arithmetic
from tandem.quality.wording import not_empty, not_truncated
from tandem.records import Attempt, GateFailure, Profile, Request, TierName, Verdict
from tandem.services import Services


@dataclass(frozen=True)
class Research:
    """Output: `{"text", "found", "answered", "citations", "coverage"}`.

    `text` cites findings as [1], [2]...; each of `citations` is `{"id", "source", "heading",
    "passage", "span", "quote"}`, where `quote` stands at `span` (characters) of the passage.
    `found` is False where nothing that was read answers the request: an answer, and accepted.
    `answered` is what the model says of its answer: `all` of the request, `part` of it, or
    `nothing`.

    Parameters
    ----------
    services: settings, knowledge base and embeddings.
    """

    services: Services
    name: str = "research"
    node: str = "research"
    first_tier: TierName = "llm"
    reads_what_it_can: bool = True

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """The passages nearest to the request; no questions and no findings yet.

        Raises
        ------
        InvalidRequest: there is no text; DocumentError: no document can be read.
        KnowledgeError, ModelFileError: from the search.
        """
        prepared = started(request)
        collection = collection_of(self.services, request)
        most = self.services.settings.research
        passages = collection.passages(prepared["question"], 2 * most.passages)
        return {**prepared, "passages": passages, "documents": collection.documents}

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """The conclusion from the findings. Where there are none because no reader answered, or
        none was asked, `tier` reads the passages itself; where there is nothing to read, or readers
        found nothing, a rule says so."""
        return self._concluded(prepared, tier)

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates not_empty, not_truncated, schema, cited, numbers, arithmetic, and those of
        nodes/research/answering.py. A number of the answer must stand in a cited sentence or in
        the request, or be the result of a right equation in the answer."""
        output = attempt["output"]
        if failed := not_empty(output) + not_truncated(attempt):
            return failed
        if not (isinstance(output, Mapping) and isinstance(output.get("text"), str)):
            return [GateFailure(gate="schema", detail="the answer has no text")]
        if not output["found"]:
            return []
        text, findings = output["text"], findings_of(prepared)
        return (
            not_empty(text)
            + _uncited(output, findings)
            + _groundless(text, findings, prepared["question"])
            + right_arithmetic(text)
            + unanswered(text, prepared["question"], output.get("answered", "all"))
        )

    def judge(self, prepared: Prepared, attempt: Attempt) -> Judgement:
        """No score: nothing is promised of an answer. The notes say what it may lack."""
        output = attempt["output"]
        if not (isinstance(output, Mapping) and output.get("found") and output.get("text")):
            return Judgement()
        told = doubts(output["text"], prepared["question"], output.get("answered", "all"))
        return Judgement(notes=told)

    def repair(
        self, prepared: Prepared, rejected: Attempt, verdict: Verdict, tier: TierCall
    ) -> Attempt:
        """The conclusion again, told what was wrong with the last one."""
        del rejected
        reasons = ", ".join(f"{each['gate']}: {each['detail']}" for each in verdict["failed"])
        return self._concluded(prepared, tier, reasons)

    def _concluded(self, prepared: Prepared, tier: TierCall, rejected_for: str = "") -> Attempt:
        findings = findings_of(prepared)
        if not findings:
            return rule_attempt(with_coverage(not_found(), prepared))
        concluded = conclude(prepared, findings, tier, rejected_for=rejected_for)
        return tier.attempt(with_coverage(concluded.output, prepared))


def started(request: Request) -> dict[str, Any]:
    """What is prepared before anything was searched.

    Raises
    ------
    InvalidRequest: the request has no text; DocumentError: none of its documents can be read.
    """
    question = request["text"].strip()
    if not question:
        raise InvalidRequest("The request has no text.", "Say what is to be found out.")
    refuse_unreadable(request.get("documents", []))
    return {
        "question": question,
        "turns": earlier_turns(request),
        "questions": [],
        "readings": [],
        "findings": [],
        "passages": [],
        "rounds": 0,
        "left_out": 0,
        "documents": None,
    }


def findings_of(prepared: Prepared) -> Sequence[Finding]:
    """What the answer may cite: the readers' findings; where there are none, the passages that a
    question was not answered on, be it by "there is none"."""
    if findings := prepared["findings"]:
        found: Sequence[Finding] = findings
        return found
    asked = {one["passage"] for one in prepared["readings"]}
    unread = {one["passage"] for one in prepared["readings"] if one["outcome"] in UNREAD}
    read = asked - unread
    return whole_passages(each for each in prepared["passages"] if each["id"] not in read)


def coverage_of(prepared: Prepared) -> Coverage:
    """How much was looked at."""
    documents: Documents | None = prepared["documents"]
    return coverage(
        prepared["questions"],
        prepared["readings"],
        prepared["rounds"],
        prepared["left_out"],
        documents,
    )


def with_coverage(output: dict[str, Any] | None, prepared: Prepared) -> dict[str, Any] | None:
    """`output` with the coverage; None stays None."""
    return None if output is None else {**output, "coverage": coverage_of(prepared)}


def _uncited(output: Mapping[str, Any], findings: Sequence[Finding]) -> list[GateFailure]:
    if unknown := unknown_marks(output["text"], findings):
        detail = f"{len(unknown)} citations are no findings"
        return [GateFailure(gate="cited", detail=detail)]
    if output["citations"]:
        return []
    return [GateFailure(gate="cited", detail="the answer cites nothing")]


def _groundless(text: str, findings: Sequence[Finding], question: str) -> list[GateFailure]:
    wrong = len(uncited_numbers(text, findings, question))
    detail = f"{wrong} numbers stand in no cited finding, and no sum gives them"
    return [GateFailure(gate="numbers", detail=detail)] if wrong else []
