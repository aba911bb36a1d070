"""Tasks that start on the LLM: `reasoning`, `longform`, `contract_review`, `research`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.models.tier import Prompt, TierCall
from tandem.nodes.extract_schema import valid
from tandem.nodes.labels import text_only
from tandem.nodes.task import Prepared
from tandem.nodes.texts import Read, earlier_turns, full_text
from tandem.quality.arithmetic import right_arithmetic
from tandem.quality.grounding import schema_gate
from tandem.quality.signals import token_signals
from tandem.quality.wording import is_refusal, not_empty, not_refusal, not_truncated
from tandem.records import Attempt, GateFailure, Message, Profile, Request, TierName, Verdict

INSTRUCTIONS: Final[Mapping[str, str]] = {
    "reasoning": (
        "Solve the user's problem step by step. Write every calculation as an equation with plain "
        "numbers, for example 3 * 60 = 180. End with one line: Answer: and the answer alone."
    ),
    "longform": (
        "Write the text that the user asks for, complete and well ordered, with a heading a "
        "section. Use the documents where there are any, and invent no facts or figures."
    ),
    "contract_review": (
        "You review contracts for a lawyer. Answer the user's question, or else list the parties, "
        "term, notice periods, obligations, liability, governing law and what is unusual. Quote "
        "the contract's words for each finding, and say so where it has no such clause."
    ),
    "research": (
        "Answer the user's question from the documents. Name the document behind each finding, "
        "point out where documents disagree, and say what they leave open."
    ),
}
TYPED: Final = "Give the answer to this problem as JSON."
PLAIN: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "answer": {
            "anyOf": [{"type": "number"}, {"type": "string", "minLength": 1, "maxLength": 200}]
        }
    },
    "required": ["answer"],
    "additionalProperties": False,
}
"""A number must be allowed: held to a string, the 1.5B wrote "}540"."""
_ANSWER: Final = re.compile(r"^[\s*#>-]*(?:final )?answer\s*[*]*:[\s*]*(.+?)[\s*]*$", re.I | re.M)


@dataclass(frozen=True)
class Reason:
    """Free work on the LLM. `name` is the task: one of INSTRUCTIONS.

    Output of `reasoning`: `{"work": str, "answer": Any}`; the answer is what the last line
    "Answer: ..." says, or else a short text asked for after the work; where the request has an
    `output_schema`, JSON of that schema. Output of the others: `{"text": str}`.
    """

    name: str = "reasoning"
    read: Read = text_only
    max_tokens: int = 1024
    node: str = "reason"
    first_tier: TierName = "llm"

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """The text with the documents. Raises InvalidRequest on a schema that is only a name, or
        not valid."""
        schema = request.get("output_schema")
        if schema is not None and not isinstance(schema, dict):
            raise InvalidRequest(
                f"{self.name} takes no ready schema.", "Give `output_schema` as a JSON schema."
            )
        return {
            "text": full_text(request, self.read),
            "turns": earlier_turns(request),
            "schema": valid(schema) if schema and self.name == "reasoning" else None,
        }

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """The work, then the typed answer where a schema is given."""
        messages: list[Message] = [
            {"role": "system", "content": INSTRUCTIONS[self.name]},
            *prepared["turns"],
            {"role": "user", "content": prepared["text"]},
        ]
        done = tier.complete(Prompt(messages=messages, max_tokens=self.max_tokens))
        work, signals = done.text.strip(), token_signals(done.tokens)
        if self.name != "reasoning":
            return tier.attempt({"text": work}, signals=signals)
        schema, answer = prepared["schema"], None if prepared["schema"] else final_answer(work)
        if answer is None and done.finish != "length" and work and not is_refusal(work):
            typed = tier.complete(self._typed(messages, work, schema or PLAIN))
            answer = _parsed(typed.text)
            if schema is None:
                answer = _plain(answer)
        return tier.attempt({"work": work, "answer": answer}, signals=signals)

    def _typed(self, messages: Sequence[Message], work: str, schema: Mapping[str, Any]) -> Prompt:
        """Free work first, the typed answer after it: a schema from the start leaves no room."""
        further: list[Message] = [
            {"role": "assistant", "content": work},
            {"role": "user", "content": TYPED},
        ]
        return Prompt([*messages, *further], max_tokens=self.max_tokens, schema=schema)

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates not_empty, not_truncated, not_refusal; for reasoning also arithmetic and schema."""
        output = attempt["output"]
        if failed := not_empty(output) + not_truncated(attempt):
            return failed
        if self.name != "reasoning":
            return not_empty(output["text"]) + not_refusal(output["text"])
        work, answer, schema = output["work"], output["answer"], prepared["schema"]
        # Not every server keeps to the schema that it was given.
        failed = not_empty(answer) or (schema_gate(answer, schema) if schema else [])
        return failed + not_refusal(work) + right_arithmetic(work)

    def repair(
        self,
        prepared: Prepared,
        rejected: Attempt,  # noqa: ARG002
        verdict: Verdict,  # noqa: ARG002
        tier: TierCall,
    ) -> Attempt:
        """Again, on `tier`."""
        return self.attempt(prepared, tier)


def final_answer(work: str) -> str | None:
    """What the last line "Answer: ..." says, without marks of emphasis; None without one."""
    found = _ANSWER.findall(work)
    return found[-1].strip() if found else None


def _plain(typed: Any) -> str | None:
    """The answer of a PLAIN object as text; None where it is none."""
    answer = typed.get("answer") if isinstance(typed, dict) else None
    return None if answer is None else str(answer).strip()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
