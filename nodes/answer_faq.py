"""Task `faq`: a question answered from the knowledge base, with citations, or honestly not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tandem.models.tier import Prompt, TierCall
from tandem.nodes.citing import (
    Searcher,
    citations,
    cited_texts,
    plain_answer,
    prompt_messages,
    retrieve,
)
from tandem.nodes.rule import rule_attempt
from tandem.nodes.task import Prepared
from tandem.quality.signals import token_signals
from tandem.quality.support import coverage, known_names, says_something, supported
from tandem.quality.wording import is_refusal, not_empty, not_truncated
from tandem.records import Attempt, GateFailure, Profile, Request, TierName, Verdict

INSTRUCTIONS: Final = (
    "You answer questions from passages. Answer in one to three sentences, taken word for word "
    "from the passage that answers the question. Add nothing of your own, and leave out titles."
)
NOT_FOUND: Final[dict[str, Any]] = {"answer": None, "citations": [], "found": False}


@dataclass(frozen=True)
class AnswerFaq:
    """Output: `{"answer": str | None, "citations": [{"id", "source", "heading"}], "found": bool}`.

    `found` is False, and `answer` None, where no passage is near enough to the question (no model
    is asked then) or where the LLM, having read the passages, says that they hold no answer. An SLM
    that says so is not believed: it escalates.

    Parameters
    ----------
    searcher: the knowledge base.
    top_k: passages that are put before the model.
    min_score: least cosine of the best passage.
    min_support: least share of the answer's content words that the cited passages hold, 0 to 1.
    """

    searcher: Searcher
    top_k: int = 4
    min_score: float = 0.45
    min_support: float = 0.7
    max_tokens: int = 200
    name: str = "faq"
    node: str = "answer_faq"
    first_tier: TierName = "slm"

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """The passages that are nearest to the question."""
        return retrieve(request, self.searcher, self.top_k, self.min_score)

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """One call over the passages; none where there are no passages."""
        signals = {"cosine": prepared["cosine"], "abstained": float(not prepared["found"])}
        if not prepared["found"]:
            return rule_attempt(dict(NOT_FOUND), signals=signals)
        ask = f"Question: {prepared['question']}"
        messages = prompt_messages(INSTRUCTIONS, prepared, ask)
        completion = tier.complete(Prompt(messages=messages, max_tokens=self.max_tokens))
        answer = plain_answer(completion.text, prepared["passages"])
        output = self._output(answer, prepared)
        signals |= token_signals(completion.tokens)
        signals |= _passage_signals(output, prepared)
        return tier.attempt(output, signals=signals)

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates not_empty, not_truncated, not_refusal, says_nothing, citation, support, numbers,
        addresses, names."""
        output = attempt["output"]
        if failed := not_empty(output):
            return failed
        if not output["found"]:
            believed = attempt["tier"] in ("rule", "llm")
            failure = GateFailure(gate="not_refusal", detail="the model declined to answer")
            return [] if believed else [failure]
        return (
            not_empty(output["answer"])
            + not_truncated(attempt)
            + self._groundless(output, prepared)
        )

    def repair(
        self,
        prepared: Prepared,
        rejected: Attempt,  # noqa: ARG002
        verdict: Verdict,  # noqa: ARG002
        tier: TierCall,
    ) -> Attempt:
        """Again, on `tier`, from the passages alone: a wrong answer in the prompt misleads."""
        return self.attempt(prepared, tier)

    def _groundless(self, output: dict[str, Any], prepared: Prepared) -> list[GateFailure]:
        """Words of the question count as well: "in Germany" is a claim, whoever said it first."""
        texts, failed = cited_texts(output["citations"], prepared["passages"])
        answer = output["answer"]
        failed += says_something(answer, prepared["question"])
        failed += supported(answer, texts, least=self.min_support)
        return failed + (known_names(answer, texts) if texts else [])

    def _output(self, answer: str, prepared: Prepared) -> dict[str, Any]:
        if is_refusal(answer):
            return dict(NOT_FOUND)
        cited = citations(answer, prepared["passages"])
        return {"answer": answer, "citations": cited, "found": True}


def _passage_signals(output: dict[str, Any], prepared: Prepared) -> dict[str, float]:
    """How the answer and the question sit in the passages that the answer cites.

    `support` and `question_covered`: share of the answer's and of the question's content words in
    them, 0 where nothing is cited; `cited_rank`: the place of the first of them in the ranking.
    """
    texts, _ = cited_texts(output["citations"], prepared["passages"])
    cited = {citation["id"] for citation in output["citations"]}
    ranks = [at for at, one in enumerate(prepared["passages"]) if one["id"] in cited]
    return {
        "support": coverage(output["answer"], texts) if texts else 0.0,
        "question_covered": coverage(prepared["question"], texts) if texts else 0.0,
        "cited_rank": float(min(ranks, default=len(prepared["passages"]))),
    }
