"""Task `reasoning`: free work first, then a typed answer; numbers are computed by code.

A question that asks for a number is worked out in assignments whose expressions the tool
`calculate` computes (nodes/calculated.py); any other one in free text, whose written sums are
computed again. An answer whose numbers do not check is tried once more, the other way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

from tandem.errors import InvalidRequest
from tandem.models.tier import Prompt, TierCall
from tandem.nodes.calculated import answer_of, plain, steps_of, told, unknown_results, wrong_steps
from tandem.nodes.extract_schema import valid
from tandem.nodes.labels import text_only
from tandem.nodes.numeric_question import asks_for_number, with_number
from tandem.nodes.task import Prepared
from tandem.nodes.texts import Read, earlier_turns, full_text
from tandem.nodes.written_numbers import readings_of, rounds_to, written
from tandem.quality.arithmetic import equations, right_arithmetic
from tandem.quality.grounding import schema_gate
from tandem.quality.signals import token_signals
from tandem.quality.wording import is_refusal, not_empty, not_refusal, not_truncated
from tandem.records import Attempt, GateFailure, Message, Profile, Request, TierName, Verdict

INSTRUCTIONS: Final = (
    "Solve the user's problem step by step. Write every calculation as an equation with plain "
    "numbers, for example 3 * 60 = 180. End with one line: Answer: and the answer alone."
)
CALCULATE: Final = (
    "Solve the user's problem in Python with plain assignments only: no functions, no print, no "
    "loops. Before each assignment say in a comment, in a whole sentence, what the problem says "
    "and what follows from it. The last line assigns `answer`."
)
EXAMPLES: Final[tuple[Message, ...]] = (
    {
        "role": "user",
        "content": "A bakery sells muffins at $3 each. On Monday it sold 4 boxes of 6 muffins, and "
        "on Tuesday half as many muffins. How much money did it take in on both days?",
    },
    {
        "role": "assistant",
        "content": "# On Monday the bakery sold 4 boxes with 6 muffins in each box.\n"
        "monday = 4 * 6\n"
        "# On Tuesday it sold half as many muffins as on Monday.\n"
        "tuesday = monday / 2\n"
        "# Both days together.\n"
        "sold = monday + tuesday\n"
        "# Each muffin costs 3 dollars, so the money is the muffins times the price.\n"
        "answer = sold * 3",
    },
    {
        "role": "user",
        "content": "Ana had 120 stickers. She gave 25% of them to Ben and then bought 3 packs of "
        "12. Ben has twice as many stickers as Ana gave him. How many more stickers than Ben does "
        "Ana have?",
    },
    {
        "role": "assistant",
        "content": "# Ana gave Ben 25% of her 120 stickers.\n"
        "given = 120 * 25 / 100\n"
        "# Then she bought 3 packs of 12 stickers.\n"
        "bought = 3 * 12\n"
        "# In the end Ana has what she had, less what she gave, plus what she bought.\n"
        "ana = 120 - given + bought\n"
        "# Ben has twice as many stickers as Ana gave him.\n"
        "ben = given * 2\n"
        "# Asked is how many more stickers Ana has than Ben.\n"
        "answer = ana - ben",
    },
)
WRONG_SUMS: Final = (
    "These sums of your work are wrong: {sums}. Work the problem out again from the start."
)
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
NUMBER_GATES: Final = frozenset({"calculated", "given", "used", "plausible", "arithmetic"})
"""Gates after which the work is done once more."""
CALCULATE_TOKENS: Final = 500
_ANSWER: Final = re.compile(
    r"^[ \t*#>-]*(?:final )?answer\s{0,9}\*{0,9}:[\s*]{0,40}([^\n]+)$", re.I | re.M
)


@dataclass(frozen=True)
class Reason:
    """Output: `{"work": str, "answer": Any, "steps": [...]}`.

    `steps` are the assignments of a calculated answer (`{"name", "why", "expression", "value"}`),
    and empty where the work is free text; `work` then holds what the model wrote. The answer is the
    computed one as text ("540"), or what the last line "Answer: ..." of free work says; where the
    request has an `output_schema`, JSON of that schema.
    """

    read: Read = text_only
    max_tokens: int = 1024
    name: str = "reasoning"
    node: str = "reason"
    first_tier: TierName = "llm"
    drafts_for_review: bool = True

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """The text with the documents, and whether it is to be `calculated`. Raises InvalidRequest
        on a schema that is only a name, or not valid."""
        schema = request.get("output_schema")
        if schema is not None and not isinstance(schema, dict):
            raise InvalidRequest(
                f"{self.name} takes no ready schema.", "Give `output_schema` as a JSON schema."
            )
        text = full_text(request, self.read)
        return {
            "text": text,
            "turns": earlier_turns(request),
            "schema": valid(schema) if schema else None,
            "calculated": asks_for_number(text),
        }

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """The work, then the answer; twice where the first one's numbers do not check."""
        first = (self._calculated if prepared["calculated"] else self._free)(prepared, tier)
        failed = self.check(prepared, first)
        if not {one["gate"] for one in failed} & NUMBER_GATES:
            return first
        objection = [] if prepared["calculated"] else _objected(first["output"]["work"])
        second = self._free(prepared, tier, objection)
        better = second if len(self.check(prepared, second)) < len(failed) else first
        signals = {**better["signals"], "second_work": 1.0}
        return tier.attempt(better["output"], signals=signals)

    def _calculated(self, prepared: Prepared, tier: TierCall) -> Attempt:
        messages = _messages(CALCULATE, prepared, EXAMPLES)
        done = tier.complete(Prompt(messages, min(self.max_tokens, CALCULATE_TOKENS)))
        steps = steps_of(done.text)
        value, work = answer_of(steps), told(steps)
        answer: Any = None if value is None else plain(value)
        if value is not None and (schema := prepared["schema"]) is not None:
            answer = with_number(schema, value)
            if answer is None:
                answer = _parsed(tier.complete(self._typed(messages, work, schema)).text)
        output = {"work": work, "answer": answer, "steps": steps}
        return tier.attempt(output, signals=token_signals(done.tokens))

    def _free(self, prepared: Prepared, tier: TierCall, further: Sequence[Message] = ()) -> Attempt:
        messages = [*_messages(INSTRUCTIONS, prepared), *further]
        done = tier.complete(Prompt(messages, self.max_tokens))
        work, schema = done.text.strip(), prepared["schema"]
        answer = None if schema else final_answer(work)
        if answer is None and done.finish != "length" and work and not is_refusal(work):
            answer = _parsed(tier.complete(self._typed(messages, work, schema or PLAIN)).text)
            if schema is None:
                answer = _plain(answer)
        output: dict[str, Any] = {"work": work, "answer": answer, "steps": []}
        return tier.attempt(output, signals=token_signals(done.tokens))

    def _typed(self, messages: Sequence[Message], work: str, schema: Mapping[str, Any]) -> Prompt:
        """Free work first, the typed answer after it: a schema from the start leaves no room."""
        further: list[Message] = [
            {"role": "assistant", "content": work},
            {"role": "user", "content": TYPED},
        ]
        return Prompt([*messages, *further], max_tokens=self.max_tokens, schema=schema)

    def one_shot(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """Free text and its last line: one prompt, no calculator, no second try."""
        return self._free({**prepared, "calculated": False}, tier)

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates not_empty, not_truncated, not_refusal, schema; of free work arithmetic and, where a
        number is asked for, concludes; of calculated work those of nodes/calculated.py."""
        output = attempt["output"]
        if failed := not_empty(output) + not_truncated(attempt):
            return failed
        work, answer, schema = output["work"], output["answer"], prepared["schema"]
        if output["steps"]:
            failed = wrong_steps(output["steps"], prepared["text"])
            failed += unknown_results(answer, output["steps"], prepared["text"])
        elif prepared["calculated"] and not work:
            failed = wrong_steps([], prepared["text"])
        else:
            failed = not_refusal(work) + right_arithmetic(work)
            if prepared["calculated"] and isinstance(answer, str):
                failed += _from_nowhere(answer, work, prepared["text"])
        # Not every server keeps to the schema that it was given.
        return failed + not_empty(answer) + (schema_gate(answer, schema) if schema else [])

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
    return (found[-1].strip(" \t\r*") or None) if found else None


def _from_nowhere(answer: str, work: str, question: str) -> list[GateFailure]:
    """Gate `concludes` of free work with sums: every number of the answer stands in the work above
    it or in the question, as a share or per cent too, or is a sum's result, rounded."""
    results = [Decimal(str(one.value)) for one in equations(work) if one.right]
    if not results:
        return []
    known = readings_of(_ANSWER.sub("", work)) | readings_of(question)
    known |= {100 * one for one in known}
    results += [100 * one for one in results]
    strange = [
        one for one in written(answer) if not one.readings & known and not rounds_to(one, results)
    ]
    detail = f"{len(strange)} numbers of the answer stand nowhere in the work"
    return [GateFailure(gate="concludes", detail=detail)] if strange else []


def _messages(
    instructions: str, prepared: Prepared, examples: Sequence[Message] = ()
) -> list[Message]:
    """The fixed part first, so that the server's prompt cache works."""
    return [
        {"role": "system", "content": instructions},
        *examples,
        *prepared["turns"],
        {"role": "user", "content": prepared["text"]},
    ]


def _objected(work: str) -> list[Message]:
    """What is said to work whose sums are wrong: which, and what they come to."""
    wrong = [one for one in equations(work) if not one.right]
    sums = "; ".join(f"{one.expression} is {plain(one.value)}" for one in wrong)
    return [
        {"role": "assistant", "content": work},
        {"role": "user", "content": WRONG_SUMS.format(sums=sums)},
    ]


def _plain(typed: Any) -> str | None:
    """The answer of a PLAIN object as text; None where it is none."""
    answer = cast("Any", typed).get("answer") if isinstance(typed, dict) else None
    return None if answer is None else str(answer).strip()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
