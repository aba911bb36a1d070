"""Extraction: fields of any JSON schema out of text and documents, each value as it stands there.

One constrained call gives the whole answer. Values are generated as the source writes them and
converted by code; the gates then compare them with the source. A field that the schema does not
require and that its own gates refuse is absent from the output, and `dropped:<field>` = 1.0 stands
among the attempt's signals (tandem/quality/optional.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.models.adapters import AdapterCard
from tandem.models.tier import Completion, Prompt, TierCall
from tandem.nodes.extract_choices import bound_to_source
from tandem.nodes.extract_parts import DROPPED, doubtful_fields, excerpt, merged, part_of
from tandem.nodes.extract_schema import checked, for_generation
from tandem.nodes.extract_values import typed, written
from tandem.nodes.ready_examples import READY_EXAMPLES
from tandem.nodes.ready_schemas import READY_SCHEMAS
from tandem.nodes.task import Prepared
from tandem.nodes.tuned import TUNED, AdapterOf, asked_schema, schema_prompt, with_schema
from tandem.quality.field_signals import FIELD_LOGPROB, field_signals, parse_object
from tandem.quality.grounding import branches, empty_gate, grounded_gate, schema_gate
from tandem.quality.optional import failing_optional
from tandem.quality.second_view import second_view_gate, with_seen_total
from tandem.quality.signals import token_signals
from tandem.quality.totals import totals_gate
from tandem.quality.wording import not_truncated
from tandem.records import (
    Attempt,
    Document,
    Example,
    GateFailure,
    Message,
    Profile,
    Request,
    TierName,
    Verdict,
)

INSTRUCTIONS: Final = (
    "Extract the fields below from the document. Copy each value exactly as it is written in the "
    "document, and nothing beside it. Give null for a field that the document does not contain."
)
FIELDS: Final = "Fields:"
AGAIN: Final = (
    "A first answer to this was wrong. Check these fields with special care against the document: "
)
TOTAL_SEEN: Final = "total_seen"
"""Signal: the total is the one that code saw, in place of the model's."""
_LAYOUT: Final = re.compile(r" {4,}")
"""Wide gaps of a page's layout cost tokens; three spaces still tell columns apart."""


@dataclass(frozen=True)
class Extract:
    """The extraction task. `read` gives a document's text (tandem/knowledge/documents.py),
    `adapter` the fine-tuned adapter for a schema (None: there is none).

    A document that does not fit into a tier's context window is not shortened, since what is left
    out could hold the value: the tier raises PromptTooLong, which escalates from the SLM and is
    told to the caller by the LLM.
    """

    read: Callable[[Document], str]
    max_tokens: int = 1024
    name: str = "extraction"
    node: str = "extract"
    first_tier: TierName = "slm"
    adapter: AdapterOf | None = None

    def prepare(self, request: Request, profile: Profile) -> Prepared:  # noqa: ARG002
        """Schema, source text and examples; see Task.prepare.

        Raises
        ------
        InvalidRequest: no schema, an unknown ready schema, an invalid one, or no text.
        DocumentError: a document cannot be read.
        """
        schema = checked(_schema_of(request))
        tuned = None if request.get("examples") else self._in_force(schema)
        if tuned is not None:
            # The same schema, its fields in the order in which the adapter writes them.
            schema = dict(tuned.data["schema"])
        parts = [request.get("text", ""), *(self.read(one) for one in request.get("documents", ()))]
        source = "\n\n".join(part.strip("\n") for part in parts if part.strip())
        if not source:
            raise InvalidRequest(
                "There is nothing to extract from: the request has no text and no document with "
                "text.",
                "Give text or a document.",
            )
        return {
            "schema": schema,
            "generation_schema": bound_to_source(for_generation(schema), schema, source),
            "source": source,
            "examples": _examples_of(request),
            **({"adapter": tuned.sha256} if tuned else {}),
        }

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """One constrained call; see Task.attempt. The SLM's first answer is its adapter's where one
        is in force; what the gates refuse of it is asked again as ever."""
        tuned = self._still_in_force(prepared) if tier.name == "slm" else None
        if tuned is None:
            return self._ask(prepared, tier)
        document, generation = document_text(prepared["source"]), prepared["generation_schema"]
        prompt = schema_prompt(document, generation, self.max_tokens, tuned.name)
        return self._attempted(prepared, tier, prompt, {TUNED: 1.0})

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """The gates: truncated, schema, empty, grounded, totals, second_view."""
        output = attempt["output"]
        if cut := not_truncated(attempt):
            return cut
        if output is None:
            return schema_gate(output, prepared["schema"])
        return [
            *schema_gate(output, prepared["schema"]),
            *empty_gate(output),
            *grounded_gate(output, prepared["source"], prepared["schema"]),
            *totals_gate(output),
            *second_view_gate(output, prepared["source"], strict=attempt["tier"] == "slm"),
        ]

    def repair(
        self, prepared: Prepared, rejected: Attempt, verdict: Verdict, tier: TierCall
    ) -> Attempt:
        """The refused fields again, on `tier`, of the text that can hold them; what the gates
        passed is kept. The whole answer where the failure names no fields."""
        hint = _hint(verdict)
        fields = doubtful_fields(rejected, verdict["failed"], prepared["schema"])
        if fields is None:
            return self._ask(prepared, tier, hint)
        return self._ask_again(prepared, fields, rejected, tier, hint)

    def _ask(self, prepared: Prepared, tier: TierCall, hint: str = "") -> Attempt:
        return self._attempted(prepared, tier, self._prompt(prepared, hint), {})

    def _attempted(
        self, prepared: Prepared, tier: TierCall, prompt: Prompt, signals: Mapping[str, float]
    ) -> Attempt:
        completion = tier.complete(prompt)
        output, dropped = _output(completion.text, prepared)
        signals = {**_signals(completion, dropped), **signals}
        if tier.name == "slm" and (seen := with_seen_total(output, prepared["source"])) != output:
            output, signals = seen, {**signals, TOTAL_SEEN: 1.0}
        return tier.attempt(output, signals=signals)

    def _ask_again(
        self,
        prepared: Prepared,
        fields: Sequence[str],
        rejected: Attempt,
        tier: TierCall,
        hint: str,
    ) -> Attempt:
        part = {
            "schema": part_of(prepared["schema"], fields),
            "generation_schema": part_of(prepared["generation_schema"], fields),
            "source": excerpt(prepared["source"], fields, prepared["schema"]),
            "examples": prepared["examples"],
        }
        completion = tier.complete(self._prompt(part, hint))
        copied = parse_object(completion.text)
        new = None
        if copied is not None:
            new = typed(copied, part["schema"], prepared["source"])
        whole, dropped = _kept(merged(rejected["output"], new, fields), prepared)
        signals = {**_field_signals_of(rejected, fields), **_signals(completion, dropped)}
        return tier.attempt(whole, signals={**signals, "fields_asked_again": float(len(fields))})

    def _prompt(self, prepared: Prepared, hint: str) -> Prompt:
        document = document_text(prepared["source"]) + hint
        schema = prepared["schema"]
        return Prompt(
            messages=[
                Message(role="system", content=_instructions(schema)),
                *_turns(prepared["examples"], for_generation(schema)),
                Message(role="user", content=document),
            ],
            max_tokens=self.max_tokens,
            schema=prepared["generation_schema"],
        )

    def _in_force(self, schema: Mapping[str, Any]) -> AdapterCard | None:
        return with_schema(self.adapter(self.name, asked_schema(schema))) if self.adapter else None

    def _still_in_force(self, prepared: Prepared) -> AdapterCard | None:
        """The adapter that the input was prepared for; None: it has none, or waited too long."""
        found = self._in_force(prepared["schema"]) if "adapter" in prepared else None
        return found if found and found.sha256 == prepared["adapter"] else None


def document_text(source: str) -> str:
    """A source text as the model reads it."""
    return _LAYOUT.sub("   ", source)


def answer_text(output: Any, generation: Mapping[str, Any], source: str) -> str:
    """A right output as the model has to write it under `generation`; see `written`."""
    answer = written(output, generation, source)
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _signals(completion: Completion, dropped: Sequence[str]) -> dict[str, float]:
    return {
        **token_signals(completion.tokens),
        **field_signals(completion.text, completion.tokens),
        **{f"{DROPPED}{name}": 1.0 for name in dropped},
    }


def _field_signals_of(rejected: Attempt, replaced: Sequence[str]) -> dict[str, float]:
    """The signals of the fields that are kept."""
    return {
        name: value
        for name, value in rejected["signals"].items()
        if name.startswith(FIELD_LOGPROB) and name.removeprefix(FIELD_LOGPROB) not in replaced
    }


def _output(text: str, prepared: Prepared) -> tuple[Any, list[str]]:
    """What the model's text says, as the schema asks for it, and the fields that were left out."""
    copied = parse_object(text)
    if copied is None:
        return None, []
    return _kept(typed(copied, prepared["schema"], prepared["source"]), prepared)


def _kept(output: Any, prepared: Prepared) -> tuple[Any, list[str]]:
    """`output` without the optional fields that their own gates refuse, and those."""
    dropped = failing_optional(output, prepared["source"], prepared["schema"])
    if dropped:
        output = {name: value for name, value in output.items() if name not in dropped}
    return output, dropped


def _schema_of(request: Request) -> Any:
    wanted = request.get("output_schema")
    names = ", ".join(sorted(READY_SCHEMAS))
    if not wanted:
        raise InvalidRequest(
            "Extraction needs an output_schema.", f"Give a JSON schema, or a ready one: {names}."
        )
    if not isinstance(wanted, str):
        return wanted
    if wanted not in READY_SCHEMAS:
        raise InvalidRequest(
            "There is no ready schema of the given name.", f"Ready schemas: {names}."
        )
    return READY_SCHEMAS[wanted]


def _examples_of(request: Request) -> list[Example]:
    """The caller's examples, or the ready schema's own ones."""
    wanted = request.get("output_schema")
    ready = READY_EXAMPLES.get(wanted, ()) if isinstance(wanted, str) else ()
    return request.get("examples") or list(ready)


def _instructions(schema: Mapping[str, Any]) -> str:
    return "\n".join([INSTRUCTIONS, "", FIELDS, *_field_lines(schema, "")])


def _field_lines(schema: Mapping[str, Any], indent: str) -> list[str]:
    """One line a field, with its description; inner fields indented below."""
    lines: list[str] = []
    for branch in branches(schema):
        for name, field in branch.get("properties", {}).items():
            if not isinstance(field, Mapping):
                continue
            description = field.get("description") or field.get("title") or ""
            lines.append(f"{indent}- {name}: {description}".rstrip(": "))
            lines.extend(_field_lines(field, indent + "  "))
        if isinstance(items := branch.get("items"), Mapping):
            lines.extend(_field_lines(items, indent))
    return lines


def _turns(examples: Sequence[Example], generation: Mapping[str, Any]) -> list[Message]:
    """Labelled examples as past chat turns, the answers in the form that the grammar allows."""
    turns: list[Message] = []
    for example in examples:
        text = answer_text(example["output"], generation, example["text"])
        turns.append(Message(role="user", content=example["text"]))
        turns.append(Message(role="assistant", content=text))
    return turns


def _hint(verdict: Verdict) -> str:
    """The fields that the gates refused, for the last turn of a second try."""
    fields = dict.fromkeys(failure["detail"] for failure in verdict["failed"])
    return f"\n\n{AGAIN}{'; '.join(fields)}" if fields else ""
