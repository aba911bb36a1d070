"""What an adapter for extraction learns from: documents with the values of their fields.

The answers are written as serving has them written (nodes/extract.py): JSON in the schema's order,
values as they stand in the document. What the gates of extraction would refuse is not learnt: it
would teach the model to make values up. Rows to judge by are not chosen so, since that would
flatter.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from tandem.errors import InvalidRequest
from tandem.loop.calibrate_fields import FIT_SHARE
from tandem.loop.calibrate_signals import KnownRow, read_known
from tandem.loop.tune.learning import (
    Privacy,
    agreed,
    dealt,
    kept_back,
    refuse_few,
    refuse_leak,
    sum_of,
)
from tandem.loop.tune.recipe import TuningRow
from tandem.nodes.extract import answer_text, document_text
from tandem.nodes.extract_choices import bound_to_source
from tandem.nodes.extract_schema import checked, for_generation
from tandem.nodes.extract_values import typed
from tandem.nodes.ready_schemas import READY_SCHEMAS
from tandem.nodes.tuned import asked_schema, schema_turns
from tandem.quality.calibration.examples import same_key
from tandem.quality.grounding import branches, grounded_gate, property_schema, schema_gate
from tandem.quality.same_value import is_absent

Schema = Mapping[str, Any]
TASK: Final = "extraction"


@dataclass(frozen=True)
class FieldRow:
    """A document and its values by field; null: it has none."""

    text: str
    given: Mapping[str, Any]
    """As the file has them."""
    expected: Mapping[str, Any]
    """As the schema asks for them."""


@dataclass(frozen=True)
class FieldSet:
    """Rows to train on, and rows that no training sees."""

    schema: Schema
    train: tuple[FieldRow, ...]
    held_out: tuple[FieldRow, ...]
    card: dict[str, Any]
    """Counts, the schema, and the sums by which the rows are known again."""
    labels: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """What the adapter is for, beside its task: this schema."""
        return asked_schema(self.schema)

    def rows(self, seed: int = 0) -> list[TuningRow]:
        """What the trainer reads."""
        rows = [
            TuningRow(
                tuple(schema_turns(document_text(row.text))),
                answer_of(row, self.schema),
            )
            for row in self.train
        ]
        random.Random(seed).shuffle(rows)  # noqa: S311 (an order, no secret)
        return rows


def schema_from(value: Mapping[str, Any] | str) -> dict[str, Any]:
    """A schema, the name of a ready one, or names of fields (texts) with commas between them.

    Raises InvalidRequest where it is none of these, or has no fields at its top.
    """
    if isinstance(value, str):
        names = [name.strip() for name in value.split(",") if name.strip()]
        if value not in READY_SCHEMAS and len(names) < 2:
            raise InvalidRequest(
                f"{value!r} is neither a ready schema nor a file nor names of fields.",
                f"Ready schemas: {', '.join(sorted(READY_SCHEMAS))}; fields: company,date,total.",
            )
        fields = {name: {"type": "string"} for name in names}
        value = READY_SCHEMAS.get(value) or {"type": "object", "properties": fields}
    schema = checked(value)
    if not schema.get("properties"):
        raise InvalidRequest(
            "The schema has no fields at its top.", 'Give an object with "properties".'
        )
    return schema


def field_set(
    source: Path,
    schema: Schema,
    privacy: Privacy,
    test: Path | None = None,
    seed: int = 0,
    within: float = FIT_SHARE,
) -> FieldSet:
    """The rows of `source`, cleaned and dealt out as those of labels are; see `learning_set`.

    Parameters
    ----------
    schema: as `schema_from` gives it. within: the share that teaches.

    Raises
    ------
    InvalidRequest: a file cannot be read, a row does not tell of just the schema's fields, too few
        rows are left, or a row of `test` stands in `source` as well.
    """
    clean, told = _clean(source, schema, privacy)
    if test is None:
        given, held_out, told_deal = dealt(clean, seed, within)
        told |= told_deal
    else:
        given = clean
        held_out, told_test = _clean(test, schema, privacy)
        told |= {f"test_{name}": count for name, count in told_test.items()}
    refuse_leak(given, held_out)
    faults = Counter(_fault(row, schema) for row in given)
    train = [row for row in given if not _fault(row, schema)]
    told |= {name: faults[name] for name in ("unfit", "not_in_text", "unwritable")}
    refuse_few(train, held_out, _came(told))
    told |= {"sensitive_rows": privacy.choice, "file": source.name, "seed": seed}
    return FieldSet(schema, tuple(train), tuple(held_out), _card(schema, train, held_out, told))


def answer_of(row: FieldRow, schema: Schema) -> str:
    """What the model is to write: each value as it stands in the document, where it does."""
    generation = for_generation(schema)
    served = bound_to_source(generation, schema, row.text)
    values = {name: _copied(name, row, schema, served) for name in row.expected}
    return answer_text(values, generation, row.text)


def _copied(name: str, row: FieldRow, schema: Schema, served: Schema) -> Any:
    given, wanted = row.given[name], row.expected[name]
    alike = [
        choice
        for branch in branches(property_schema(served, name))
        for choice in branch.get("enum", ())
        if typed({name: choice}, schema, row.text).get(name) == wanted
    ]
    if alike:
        return given if given in alike else alike[0]
    return given if isinstance(given, str) and given in row.text else wanted


def _card(
    schema: Schema,
    train: Sequence[FieldRow],
    held_out: Sequence[FieldRow],
    told: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        **told,
        "train": len(train),
        "held_out": len(held_out),
        "train_sum": sum_of(train, _answer),
        "held_out_sum": sum_of(held_out, _answer),
        "by_field": {
            name: sum(not is_absent(row.expected[name]) for row in train)
            for name in schema["properties"]
        },
        "schema": dict(schema),
    }


def _clean(path: Path, schema: Schema, privacy: Privacy) -> tuple[list[FieldRow], dict[str, Any]]:
    known = read_known(path, TASK)
    rows = [_row(path, at, one, schema) for at, one in enumerate(known, start=1)]
    # Masked first: texts that differ in nothing but what is masked are one text then.
    sensitive = {row.text for row in rows if privacy.level(row.text) not in privacy.open_to}
    treated = [_treated(row, schema, privacy) if row.text in sensitive else row for row in rows]
    clean, told = agreed([row for row in treated if row is not None], _answer)
    count = len({same_key(text) for text in sensitive})
    return clean, {**told, "rows": len(rows), "sensitive": count}


def _row(path: Path, number: int, known: KnownRow, schema: Schema) -> FieldRow:
    wanted, text = known.expected, known.request["text"].strip("\n")
    names = schema["properties"].keys()
    if not isinstance(wanted, Mapping) or wanted.keys() != names or not text.strip():
        raise InvalidRequest(
            f"{path}, row {number}: `expected` does not tell of just the schema's fields "
            f"({', '.join(names)}), or there is no text.",
            "Give each field, null where the document has none; nothing was run.",
        )
    values = typed(dict(wanted), schema, text)
    return FieldRow(text, dict(wanted), {name: values.get(name) for name in names})


def _treated(row: FieldRow, schema: Schema, privacy: Privacy) -> FieldRow | None:
    """A sensitive row as it is learnt from; None: not at all, since what is to be copied is masked
    as well."""
    text = privacy.treated(row.text)
    if text is None:
        return None
    if text == row.text:
        return row
    masked, answer = replace(row, text=text), _answer(row)
    hidden = privacy.mask(answer) != answer or _fault(masked, schema)
    return None if hidden else masked


def _fault(row: FieldRow, schema: Schema) -> str:
    """Why serving would not let the row's answer out; empty: it would."""
    values = {name: value for name, value in row.expected.items() if not is_absent(value)}
    if schema_gate(values, schema):
        return "unfit"
    if grounded_gate(values, row.text, schema):
        return "not_in_text"
    served = bound_to_source(for_generation(schema), schema, row.text)
    answer = json.loads(answer_of(row, schema))
    return "" if Draft202012Validator(served).is_valid(answer) else "unwritable"


def _came(told: Mapping[str, Any]) -> str:
    return (
        f"{told['rows']} rows came; left out {told['duplicates']} repeats, {told['contradictory']} "
        f"that contradict, {told['sensitive']} sensitive ({told['unfit']} do not fit the schema, "
        f"{told['not_in_text']} have values that their text lacks, {told['unwritable']} such as "
        f"cannot be copied){kept_back(told)}"
    )


def _answer(row: FieldRow) -> str:
    return json.dumps(row.expected, sort_keys=True, ensure_ascii=False)
