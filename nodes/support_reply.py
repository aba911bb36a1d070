"""Task `support_reply`: a friendly, short reply to a customer, grounded in the knowledge base."""

from __future__ import annotations

import re
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
from tandem.quality.support import (
    enough_support,
    known_figures,
    known_names,
    says_something,
    sentences,
)
from tandem.quality.wording import is_refusal, no_placeholder, not_empty, not_truncated
from tandem.records import Attempt, GateFailure, Message, Profile, Request, TierName, Verdict

INSTRUCTIONS: Final = (
    "You reply to customers of a company. Be friendly and short: at most four sentences. State "
    "only what the passages say, in their words. Do not promise anything else, and sign with no "
    "name."
)
EXAMPLE: Final[tuple[Message, ...]] = (
    {
        "role": "user",
        "content": "Passage (Opening hours):\nThe library is open from 9 to 17 on working days.\n\n"
        "Passage (Parcels > Pick-up):\nA parcel can be picked up with the code from the "
        "notification mail. It is kept for 7 days.\n\n"
        "Customer's message: Hi, Ken here. How do I get my parcel? I am away until Friday.\n\n"
        "Your reply:",
    },
    {
        "role": "assistant",
        "content": "Hi Ken, thank you for your message! You can pick up your parcel with the code "
        "from the notification mail. It is kept for 7 days. Let us know if you need more help.",
    },
)
"""The form of a reply: without it the 0.5B spoke of the customer as "she", or said the message
again."""
HANDOVER: Final = (
    "Thank you for your message. I could not find an answer to it in our documentation, so I am "
    "passing it on to a colleague, who will get back to you. I am sorry for the wait."
)
_COURTESY: Final = re.compile(
    r"(?:(?:hi|hello|dear|hey|good (?:morning|afternoon|evening))\b.{0,40}$|thanks?\b|thank you\b|"
    r"(?:i(?:'m| am)|we(?:'re| are)) (?:very |so |really |truly )?(?:sorry|happy|glad|here)\b|"
    r"i (?:completely |fully )?understand\b|i hope\b|i apologi[sz]e\b|we apologi[sz]e\b|"
    r"(?:please )?(?:let (?:me|us) know|feel free|do not hesitate|don't hesitate)\b|"
    r"if you (?:have|need) (?:any |more |further )|have a (?:great|nice|good|lovely)\b|"
    r"(?:best|kind|warm)\b.{0,10}\bregards\b|regards\b|sincerely\b|best\b,?$|cheers\b|"
    r"great question\b|sure\b.{0,20}$|of course\b.{0,20}$)",
    re.IGNORECASE,
)
_SALUTATION: Final = re.compile(r"\A(?:hi|hello|dear|hey)\b[^,.!?\n]{0,40}[,!]\s*", re.IGNORECASE)
_COURTESY_WORDS: Final = 16
"""A "sentence" of courtesy that is longer says something else as well."""


@dataclass(frozen=True)
class SupportReply:
    """Output: `{"reply": str, "citations": [{"id", "source", "heading"}], "found": bool}`.

    Where the knowledge base has nothing near enough, or the LLM finds no answer in the passages,
    the reply is a template that hands over to a colleague, and `found` is False.

    Parameters
    ----------
    min_support: least share of the content words of the reply's claims (greeting, thanks, empathy
        and closing left out) that the cited passages or the message hold, 0 to 1.
    handover: the reply where nothing was found.
    """

    searcher: Searcher
    top_k: int = 4
    min_score: float = 0.45
    min_support: float = 0.6
    max_tokens: int = 200
    handover: str = HANDOVER
    name: str = "support_reply"
    node: str = "support_reply"
    first_tier: TierName = "slm"

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """The passages that are nearest to the customer's message."""
        return retrieve(
            request, self.searcher, self.top_k, self.min_score, names_must_be_known=False
        )

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """One call over the passages; the template where there are none."""
        signals = {"cosine": prepared["cosine"]}
        if not prepared["found"]:
            return rule_attempt(self._handed_over(), text=self.handover, signals=signals)
        ask = f"Customer's message: {prepared['question']}\n\nYour reply:"
        messages = prompt_messages(INSTRUCTIONS, prepared, ask, EXAMPLE)
        completion = tier.complete(Prompt(messages=messages, max_tokens=self.max_tokens))
        output = self._output(plain_answer(completion.text, prepared["passages"]), prepared)
        return tier.attempt(output, signals=signals | token_signals(completion.tokens))

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates not_empty, not_truncated, not_refusal, no_placeholder, citation, says_nothing,
        numbers, addresses, names, support."""
        output = attempt["output"]
        if failed := not_empty(output):
            return failed
        if not output["found"]:
            believed = attempt["tier"] in ("rule", "llm")
            failure = GateFailure(gate="not_refusal", detail="the model declined to answer")
            return [] if believed else [failure]
        reply, message = output["reply"], prepared["question"]
        failed = not_empty(reply) + not_truncated(attempt) + no_placeholder(reply, message)
        texts, unknown = cited_texts(output["citations"], prepared["passages"])
        return failed + unknown + self._unsupported(reply, texts, message)

    def repair(
        self,
        prepared: Prepared,
        rejected: Attempt,  # noqa: ARG002
        verdict: Verdict,  # noqa: ARG002
        tier: TierCall,
    ) -> Attempt:
        """Again, on `tier`, from the passages alone."""
        return self.attempt(prepared, tier)

    def _unsupported(self, reply: str, texts: list[str], message: str) -> list[GateFailure]:
        echo = says_something(reply, message)
        if not texts:
            return [*echo, GateFailure(gate="citation", detail="no passage supports the reply")]
        said, sources = " ".join(claims(reply)), [*texts, message]
        # Figures count wherever they stand: "We apologise and refund 50 EUR" is courtesy, too.
        # A name from the message proves nothing: "you can work from Spain" is the reply's claim.
        figures = known_figures(reply, sources)
        return (
            echo
            + figures
            + known_names(said, texts)
            + enough_support(said, texts, given=message, least=self.min_support)
        )

    def _output(self, reply: str, prepared: Prepared) -> dict[str, Any]:
        if is_refusal(reply):
            return self._handed_over()
        cited = citations("\n".join(claims(reply)), prepared["passages"])
        return {"reply": reply, "citations": cited, "found": True}

    def _handed_over(self) -> dict[str, Any]:
        return {"reply": self.handover, "citations": [], "found": False}


def claims(reply: str) -> list[str]:
    """The sentences of a reply that state something: all but greeting, thanks, empathy, closing."""
    said = (_SALUTATION.sub("", sentence.strip(), count=1) for sentence in sentences(reply))
    return [
        sentence
        for sentence in said
        if sentence and not (_COURTESY.match(sentence) and len(sentence.split()) <= _COURTESY_WORDS)
    ]
