"""The checklist, by which a contract is checked: the shipped one, a file's, or the request's."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

from typing_extensions import TypedDict

from tandem.errors import InvalidRequest, SettingsError

SHIPPED: Final = Path(__file__).parent / "checklists" / "nda.json"
MAX_CHARS: Final = 500
"""Of a hypothesis."""
MAX_ITEMS: Final = 200
SHAPE: Final = (
    'Write {"ID": {"name": "...", "hypothesis": "..."}}, {"ID": "hypothesis"} or a list of '
    "hypotheses."
)
# One pass, whatever a sentence ends with: a search for the question mark from each character would
# take hours over a long text without one.
_SENTENCE: Final = re.compile(r"[^.?!\n]+[.?!\n]?")


class Item(TypedDict):
    """One hypothesis of a checklist."""

    id: str
    name: str
    """A few words for the report."""
    hypothesis: str
    """A sentence that the contract says, denies, or does not mention; or a question."""


def load_checklist(path: Path) -> list[Item]:
    """The hypotheses of a file.

    Raises
    ------
    SettingsError: it cannot be read, or is of another shape; the message says what is wrong.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise _refused(path, "is no JSON") from None
    try:
        return items_of(raw)
    except ValueError as error:
        raise _refused(path, str(error)) from None


def items_of(raw: Any) -> list[Item]:
    """The hypotheses of a checklist's JSON. Raises ValueError, saying what is wrong with it."""
    if isinstance(raw, list):
        pairs = [(f"own-{number}", each) for number, each in enumerate(raw, start=1)]
    elif isinstance(raw, dict):
        pairs = [(str(name), each) for name, each in raw.items()]
    else:
        raise ValueError("holds neither an object nor a list")
    if not 1 <= len(pairs) <= MAX_ITEMS:
        raise ValueError(f"holds {len(pairs)} hypotheses; 1 to {MAX_ITEMS} are allowed")
    return [_item(name, each) for name, each in pairs]


def chosen(labels: Sequence[str], known: Sequence[Item]) -> list[Item]:
    """The items that a request's `labels` name: ids or names of `known`, or own hypotheses.

    Raises
    ------
    InvalidRequest: a label is no hypothesis, or stands twice.
    """
    by_name: dict[str, Item] = {item["name"].casefold(): item for item in known}
    by_name |= {item["id"].casefold(): item for item in known}
    by_name |= {item["hypothesis"].casefold(): item for item in known}
    taken = {item["id"] for item in known}
    items: list[Item] = []
    for number, label in enumerate(labels, start=1):
        item = by_name.get(label.strip().casefold())
        name = f"own-{number}"
        try:
            items.append(item or _item(f"label-{number}" if name in taken else name, label))
        except ValueError as error:
            raise InvalidRequest(
                f"labels[{number - 1}]: {error}.",
                "Give ids of the checklist, or hypotheses as whole sentences.",
            ) from None
    if len({item["id"] for item in items}) < len(items):
        raise InvalidRequest("A hypothesis stands twice in `labels`.", "Leave one out.")
    return items


def questions(text: str, taken: Collection[str] = ()) -> list[Item]:
    """The questions in what is asked beside a contract: each is checked like a hypothesis.

    Parameters
    ----------
    taken: ids that other items have.
    """
    found = [match[0].strip() for match in _SENTENCE.finditer(text) if match[0][-1] == "?"]
    asked = (each for each in dict.fromkeys(found) if re.search(r"\w", each))
    kept = [each for each in asked if len(each) <= MAX_CHARS][:MAX_ITEMS]
    ids = (name for number in count(1) if (name := f"question-{number}") not in taken)
    return [
        {"id": name, "name": "Question", "hypothesis": each}
        for name, each in zip(ids, kept, strict=False)
    ]


def _item(name: str, raw: Any) -> Item:
    if isinstance(raw, Mapping):
        hypothesis = raw.get("hypothesis")
        title = raw.get("name") or raw.get("short_description") or name
    else:
        hypothesis, title = raw, name
    if not isinstance(hypothesis, str) or not re.search(r"\w", hypothesis):
        raise ValueError(f"{name!r:.40} has no hypothesis")
    if len(hypothesis) > MAX_CHARS:
        raise ValueError(f"{name!r:.40} is longer than {MAX_CHARS} characters")
    if not isinstance(title, str):
        raise ValueError(f"{name!r:.40} has a name that is no text")
    return {"id": name, "name": title, "hypothesis": hypothesis.strip()}


def _refused(path: Path, what: str) -> SettingsError:
    return SettingsError(f"The checklist {path} {what}.", SHAPE)
