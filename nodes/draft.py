"""Task `draft`: a template filled from a text, or, without a template, a short text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tandem.models.tier import Completion, Prompt, TierCall
from tandem.nodes.labels import text_only
from tandem.nodes.rule import rule_attempt
from tandem.nodes.task import Prepared
from tandem.nodes.template import parse
from tandem.nodes.texts import Read, full_text
from tandem.quality.signals import token_signals
from tandem.quality.support import known_figures
from tandem.quality.wording import no_placeholder, not_empty, not_refusal, not_truncated
from tandem.records import Attempt, GateFailure, Message, Profile, Request, TierName, Verdict

FILL: Final = (
    "You fill the slots of a template from a text, and answer with JSON. A slot that says "
    "`copy` is copied from the text, letter by letter, as short as it can be. The others are "
    "written as they say, in one or two short sentences, with nothing that the text does not say."
)
EXAMPLE: Final[tuple[Message, ...]] = (
    {
        "role": "user",
        "content": "Template:\nDear {guest}, room {room} is yours. {wish: a wish for the "
        "journey}\n\nSlots:\n- guest: copy\n- room: copy\n- wish: a wish for the journey\n\n"
        "Text:\nPlease confirm room 12 to Mr Okafor, who comes by train.",
    },
    {
        "role": "assistant",
        "content": '{"guest":"Mr Okafor","room":"12","wish":"Have a pleasant train journey."}',
    },
)
"""Without an example in this form both embedded models began strings with ", " or "}": they would
write a space before a value, and the grammar allows none."""
WRITE: Final = (
    "You write short texts as the user asks: the text alone, ready to send, without comments and "
    "without places left to fill in."
)
COPIED_CHARS: Final = 120
WRITTEN_CHARS: Final = 400


@dataclass(frozen=True)
class Draft:
    """Output: `{"text": str, "slots": {name: value}}`; no slots where there is no template.

    `{name}` is copied from the request's text and must stand in it; `{name: instruction}` is
    written by the model, and its numbers must stand in the text or the template. Slots that the
    caller gives win, and are taken as they are. Where nothing is missing no model is asked.

    Parameters
    ----------
    max_chars: longest rendered text.
    """

    read: Read = text_only
    max_tokens: int = 400
    max_chars: int = 8000
    name: str = "draft"
    node: str = "draft"
    first_tier: TierName = "slm"

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """The text, the template and the caller's slots. Raises InvalidRequest on a malformed
        template."""
        template = request.get("template", "")
        slots = parse(template).slots
        given = {name: value for name, value in request.get("slots", {}).items() if name in slots}
        missing = {name: slot.instruction for name, slot in slots.items() if name not in given}
        all_given = bool(template) and not missing
        return {
            "text": request["text"] if all_given else full_text(request, self.read),
            "template": template,
            "given": given,
            "missing": missing,
        }

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """One call for all missing slots, or for the whole text."""
        if not prepared["template"]:
            return self._write(prepared, tier)
        if not prepared["missing"]:
            rendered = _rendered(prepared, {})
            return rule_attempt(rendered, text=rendered["text"])
        completion = tier.complete(self._fill_prompt(prepared))
        values = _read_slots(completion, prepared["missing"])
        output = None if values is None else _rendered(prepared, values)
        return tier.attempt(output, signals=token_signals(completion.tokens))

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates not_empty, not_truncated, length, then: filled, copied, numbers, addresses,
        no_placeholder of the slots; not_refusal, no_placeholder of a text without template."""
        output = attempt["output"]
        if failed := not_empty(output):
            return failed
        failed = not_empty(output["text"]) + not_truncated(attempt)
        if len(output["text"]) > self.max_chars:
            failed.append(GateFailure(gate="length", detail=f"over {self.max_chars} characters"))
        if not prepared["template"]:
            refused = not_refusal(output["text"])
            return failed + refused + no_placeholder(output["text"], prepared["text"])
        for name, instruction in prepared["missing"].items():
            failed += _slot_failures(name, instruction, output["slots"].get(name, ""), prepared)
        return failed

    def repair(
        self,
        prepared: Prepared,
        rejected: Attempt,  # noqa: ARG002
        verdict: Verdict,  # noqa: ARG002
        tier: TierCall,
    ) -> Attempt:
        """Again, on `tier`."""
        return self.attempt(prepared, tier)

    def _write(self, prepared: Prepared, tier: TierCall) -> Attempt:
        completion = tier.complete(
            Prompt(
                messages=[
                    {"role": "system", "content": WRITE},
                    {"role": "user", "content": prepared["text"]},
                ],
                max_tokens=self.max_tokens,
            )
        )
        output = {"text": completion.text.strip(), "slots": {}}
        return tier.attempt(output, signals=token_signals(completion.tokens))

    def _fill_prompt(self, prepared: Prepared) -> Prompt:
        slots = "\n".join(
            f"- {name}: {instruction or 'copy'}"
            for name, instruction in prepared["missing"].items()
        )
        template, text = prepared["template"], prepared["text"]
        ask = f"Template:\n{template}\n\nSlots:\n{slots}\n\nText:\n{text}"
        return Prompt(
            messages=[
                {"role": "system", "content": FILL},
                *EXAMPLE,
                {"role": "user", "content": ask},
            ],
            max_tokens=self.max_tokens,
            schema=slot_schema(prepared["missing"]),
        )


def slot_schema(missing: Mapping[str, str]) -> dict[str, Any]:
    """The JSON schema of the missing slots, each a string of limited length."""
    lengths = {
        name: WRITTEN_CHARS if instruction else COPIED_CHARS
        for name, instruction in missing.items()
    }
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "minLength": 1, "maxLength": most}
            for name, most in lengths.items()
        },
        "required": list(missing),
        "additionalProperties": False,
    }


def stands_in(value: str, text: str) -> bool:
    """Whether `value` stands in `text`, whatever the case and the white space."""
    wanted, held = (" ".join(one.casefold().split()) for one in (value, text))
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", held) is not None


def _read_slots(completion: Completion, missing: Mapping[str, str]) -> dict[str, str] | None:
    """The values that the model gave, or None where it gave no JSON with all of them."""
    try:
        values = json.loads(completion.text)
    except ValueError:
        return None
    if not isinstance(values, dict) or not all(isinstance(values.get(n), str) for n in missing):
        return None
    return {name: values[name].strip() for name in missing}


def _rendered(prepared: Prepared, values: Mapping[str, str]) -> dict[str, Any]:
    slots = {**values, **prepared["given"]}
    return {"text": parse(prepared["template"]).render(slots), "slots": slots}


def _slot_failures(
    name: str, instruction: str, value: str, prepared: Prepared
) -> list[GateFailure]:
    if not value:
        return [GateFailure(gate="filled", detail=f"slot {name!r} is empty")]
    if not instruction:
        if len(value) >= COPIED_CHARS:
            return [GateFailure(gate="length", detail=f"slot {name!r} was cut at its limit")]
        if stands_in(value, prepared["text"]):
            return []
        return [GateFailure(gate="copied", detail=f"slot {name!r} does not stand in the text")]
    failed = known_figures(value, [prepared["text"], prepared["template"]])
    failed += no_placeholder(value, prepared["text"])
    if len(value) >= WRITTEN_CHARS:
        failed.append(GateFailure(gate="length", detail="the text was cut at its limit"))
    return [GateFailure(gate=f["gate"], detail=f"slot {name!r}: {f['detail']}") for f in failed]
