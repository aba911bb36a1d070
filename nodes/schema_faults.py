"""What is wrong with a JSON schema, in the words of the standard and not the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError


def fault(error: SchemaError) -> str:
    """Which keyword is wrong, and what it must be ("`type` must be one of array, boolean...")."""
    keyword = next((step for step in reversed(error.absolute_path) if isinstance(step, str)), "")
    named = f"`{keyword}`" if keyword in Draft202012Validator.VALIDATORS else "it"
    return f"{named} must be {' or '.join(dict.fromkeys(_wanted(error)))}"


def _wanted(error: SchemaError | ValidationError) -> Iterator[str]:
    """What would do; the alternatives of `anyOf` one by one."""
    asked: Any = error.validator_value
    if error.context:
        for each in error.context:
            yield from _wanted(each)
    elif error.validator == "enum":
        yield f"one of {', '.join(map(str, asked))}"
    elif error.validator == "type":
        kinds = [asked] if isinstance(asked, str) else asked
        yield " or ".join(f"of type {kind}" for kind in kinds)
    else:
        yield f"such that `{error.validator}` ({asked}) holds"
