"""What may leave for a tier that is not private."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, field_validator

from tandem.records import Sensitivity
from tandem.settings.base import Section
from tandem.settings.expressions import bounded

Leave = Literal["block", "redact", "allow"]
Sensitive = Literal["internal", "personal", "secret"]

MOST_WORDS: Final = 10
"""In one term."""
_TYPE: Final = r"^[A-Z][A-Z0-9_]{0,40}$"


class Terms(Section):
    """Words of the customer's own that make a text sensitive: names of projects, of clients.

    They are found in either case, with or without accents, as whole words, with whatever stands
    between the words of a term: "Blue Heron" also finds blue-heron and BLUE_HERON, and not
    blueheron.
    """

    type: str = Field(pattern=_TYPE)
    """What a finding is called, such as PROJECT; a shipped type's name may be used too."""
    sensitivity: Sensitive
    words: tuple[str, ...] = Field(min_length=1, max_length=100_000)

    @field_validator("words")
    @classmethod
    def _are_terms(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for term in words:
            if not 1 <= len(re.findall(r"[^\W_]+", term)) <= MOST_WORDS:
                raise ValueError(f"{term!r} must have 1 to {MOST_WORDS} words")
        return words


class OwnPattern(Section):
    """A regular expression of the customer's own, matched over normalised text."""

    type: str = Field(pattern=_TYPE)
    """What a finding is called, such as EMPLOYEE_NUMBER."""
    sensitivity: Sensitive
    regex: str = Field(max_length=2000)
    """Of Python's `re`; capitals matter unless it begins with (?i). Where it has a group named
    `it`, that is what is found, and the rest what must stand around it."""

    @field_validator("regex")
    @classmethod
    def _is_bounded(cls, regex: str) -> str:
        bounded(regex)
        return regex


class Privacy(Section):
    """What may leave for a tier that is not private."""

    public_may_see: tuple[Sensitivity, ...] = ("none", "internal")
    """Sensitivities that may go to a tier that is not private."""
    stand_ins_may_be_less_private: bool = False
    leave: dict[str, Leave] = Field(default_factory=dict)
    """By type of finding: `block`, `redact` (a placeholder on the way out, restored in the answer)
    or `allow`; `default` for all others that public_may_see does not name."""
    detector_seconds: float = Field(default=10.0, gt=0)
    """A text whose scan takes longer counts as secret."""
    detector_chars: int = Field(default=1_000_000, ge=1)
    """A longer text is not scanned, and counts as secret."""
    terms: tuple[Terms, ...] = ()
    patterns: tuple[OwnPattern, ...] = ()

    @field_validator("leave")
    @classmethod
    def _is_explicit(cls, leave: dict[str, Leave]) -> dict[str, Leave]:
        for kind in leave:
            if kind != "default" and not re.fullmatch(_TYPE, kind):
                raise ValueError(f"{kind!r} is no type of finding, such as EMAIL, nor `default`")
        if leave.get("default") == "allow":
            raise ValueError("`allow` is for named types; default may be 'block' or 'redact'")
        return leave
