"""How a fine-tuned small model is asked: without the list of labels, or what the fields mean, which
it has learnt.

The same turns are learnt from and asked with; the answer stays constrained to the caller's labels
or schema.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from tandem.models.adapters import AdapterCard
from tandem.models.tier import Prompt
from tandem.records import Message

AdapterOf = Callable[[str, str], AdapterCard | None]
"""The adapter in force for a task and what is asked of it."""

TUNED_LABELS: Final = (
    "You sort texts into categories. Answer with the one category that fits the user's text best, "
    "and nothing else."
)
TUNED_FIELDS: Final = "Copy the document's fields as JSON, null where it has none."
TUNED: Final = "tuned"
"""Signal of an extraction that the model with an adapter wrote."""

_log = logging.getLogger(__name__)


def asked_labels(labels: Sequence[str]) -> str:
    """What is asked with these labels, in any order: part of an adapter's slot."""
    return _short(sorted(labels))


def asked_schema(schema: Mapping[str, Any]) -> str:
    """What is asked with this schema, its keys in any order: part of an adapter's slot."""
    return _short(schema)


def label_turns(text: str) -> list[Message]:
    """The turns for a text that is to get a label."""
    return [
        {"role": "system", "content": TUNED_LABELS},
        {"role": "user", "content": text},
    ]


def label_prompt(text: str, words: Sequence[str], max_tokens: int, card: AdapterCard) -> Prompt:
    """The prompt for the model with the adapter of `card`; it may write one of `words`."""
    return Prompt(label_turns(text), max_tokens, choices=list(words), adapter=card.name)


def schema_turns(document: str) -> list[Message]:
    """The turns for a document whose fields are to be copied."""
    return [
        {"role": "system", "content": TUNED_FIELDS},
        {"role": "user", "content": document},
    ]


def schema_prompt(
    document: str, generation: Mapping[str, Any], max_tokens: int, adapter: str
) -> Prompt:
    """The prompt for the model with `adapter`; its answer is JSON of the schema `generation`."""
    return Prompt(schema_turns(document), max_tokens, schema=generation, adapter=adapter)


def _short(asked: Any) -> str:
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def with_schema(card: AdapterCard | None) -> AdapterCard | None:
    """`card` where it tells the schema that its adapter writes; without it the adapter is of no
    use, and the log says so."""
    if card is None or isinstance(card.data.get("schema"), Mapping):
        return card
    _log.warning("the adapter %r is not used: its card tells no schema", card.name)
    return None
