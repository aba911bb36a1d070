"""Optional fields that are wrong go; the rest of an answer need not fall with them.

A small model that reads the seller, the date and the total of an invoice right often gives a tax
that is a rate, or an address that is half a name. Whoever declares which fields are required can
do without the others, so an optional field that its own gates refuse is left out and named,
instead of costing a call of the large model. Never left out: a required field, a grand total, and
anything of a schema that declares no field required (there all may matter).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tandem.quality.grounding import branches, grounded_gate, property_schema, schema_gate
from tandem.quality.second_view import second_view_gate, total_candidates
from tandem.quality.totals import NET, TAX, TOTAL, amount_of, totals_gate
from tandem.quality.values import find_numbers

MAX_DROPPED: Final = 3
"""An answer that is wrong in more places is not to be trusted in the others."""


def failing_optional(output: Any, source: str, schema: Mapping[str, Any]) -> list[str]:
    """Names of `output`'s top-level optional fields to leave out; [] where too many fail.

    A field goes that its own gates refuse. Net and tax are also judged together: where they do not
    add up to the total, or one of them goes, the other stays only if the difference to the total
    stands in the source too. They go only where the second view confirms the total, so that no
    wrong total slips through for want of a sum.
    """
    required = {name for one in branches(schema) for name in one.get("required", ())}
    if not isinstance(output, Mapping) or not required:
        return []
    optional = [name for name in output if name not in required and name not in TOTAL]
    failing = [name for name in optional if _refused(name, output[name], source, schema)]
    amounts = [name for name in optional if name in NET or name in TAX]
    if amounts:
        failing = _with_amounts(failing, amounts, output, source)
    return failing if len(failing) <= MAX_DROPPED else []


def _refused(name: str, value: Any, source: str, schema: Mapping[str, Any]) -> bool:
    alone = {name: value}
    return bool(
        schema_gate(value, property_schema(schema, name))
        or grounded_gate(alone, source, schema)
        or second_view_gate(alone, source)
    )


def _with_amounts(
    failing: list[str], amounts: list[str], output: Mapping[str, Any], source: str
) -> list[str]:
    total, seen = amount_of(output, TOTAL), total_candidates(source)
    if not total or not seen or total[1] != seen[0]:
        return [name for name in failing if name not in amounts]
    kept = {name: value for name, value in output.items() if name not in failing}
    whole = amount_of(kept, NET) and amount_of(kept, TAX) and not totals_gate(kept)
    if whole:
        return failing
    lone = [name for name in amounts if name not in failing]
    numbers = {reading for found in find_numbers(source) for reading in found.readings}
    return failing + [name for name in lone if not _confirmed(name, output, total[1], numbers)]


def _confirmed(name: str, output: Mapping[str, Any], total: Decimal, numbers: set[Decimal]) -> bool:
    amount = amount_of(output, (name,))
    return bool(amount and total > amount[1] and total - amount[1] in numbers)
