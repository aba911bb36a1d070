"""What is sensitive in a text: patterns with checksums, after normalisation.

The least contract: card and account numbers, national numbers, e-mail, phone, street address, a
birth date, statements about a person's health or money make a text `personal`; keys, passwords and
tokens make it `secret`; a titled name or an IP address makes it `internal`. Names without a title,
places and organisations are not found by patterns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tandem.privacy import addresses, contacts, national, phones, secrets, statements
from tandem.privacy.base import Finder, Pattern
from tandem.privacy.kept import Kept
from tandem.privacy.normalise import normalise
from tandem.privacy.own import own_detectors
from tandem.records import SENSITIVITIES, Sensitivity
from tandem.settings import Privacy


class Finding(NamedTuple):
    """A span [start, end) of the scanned text; never the text itself."""

    type: str
    start: int
    end: int
    score: float
    """0 to 1: how sure; no probability."""
    sensitivity: Sensitivity
    also: tuple[tuple[str, Sensitivity], ...] = ()
    """What else was found there: types, each with its sensitivity."""

    @property
    def readings(self) -> tuple[tuple[str, Sensitivity], ...]:
        """All that was found within the span, its own type first."""
        return ((self.type, self.sensitivity), *self.also)


_DETECTORS: Final[tuple[Pattern | Finder, ...]] = (
    *contacts.DETECTORS,
    *phones.DETECTORS,
    *national.DETECTORS,
    *secrets.DETECTORS,
    *addresses.DETECTORS,
    *statements.DETECTORS,
)

TYPES: Final = frozenset(detector.type for detector in _DETECTORS)
"""All shipped types."""

STATEMENTS: Final = frozenset({"HEALTH", "FINANCIAL"})
"""Types that tell that something is said, and not where it ends: they cannot be redacted."""

_RANKS: Final[dict[str, int]] = {level: place for place, level in enumerate(SENSITIVITIES)}


def rank(sensitivity: str) -> int:
    """0 (none) to 3 (secret). An unknown word counts as secret: what is not known may not leave."""
    return _RANKS.get(sensitivity, len(SENSITIVITIES) - 1)


def highest(levels: Iterable[str]) -> Sensitivity:
    """The highest of `levels`; none where there are none."""
    return SENSITIVITIES[max(map(rank, levels), default=0)]


@dataclass(frozen=True)
class Detector:
    """Finds what is sensitive in a text: `detector(text)`. The same text always gives the same;
    thread-safe.

    Parameters
    ----------
    own: the customer's detectors, beside the shipped ones, which cannot be taken away.
    kept: what was found in the last texts, for `checked`.
    """

    own: tuple[Pattern | Finder, ...] = ()
    kept: Kept[Finding] = field(default_factory=Kept, compare=False, repr=False)

    @classmethod
    def from_settings(cls, privacy: Privacy) -> Detector:
        """The detector with the settings' terms and patterns."""
        return cls(own_detectors(privacy))

    @property
    def types(self) -> frozenset[str]:
        """All types that it finds."""
        return TYPES | {detector.type for detector in self.own}

    def __call__(self, text: str) -> list[Finding]:
        """All sensitive spans of `text`, in order, without overlap. Linear in its length.

        Where findings overlap, they become one that covers them all, with the type of the most
        sensitive (then surest) of them; the others are in `also`.
        """
        plain = normalise(text)
        found = []
        for finding in sorted(self._find_all(plain.text), key=lambda finding: finding.start):
            start, end = plain.span(finding.start, finding.end)
            found.append(finding._replace(start=start, end=end))
        return list(_merged(found))

    def _find_all(self, text: str) -> Iterator[Finding]:
        lowered = text.lower()
        for detector in (*_DETECTORS, *self.own):
            if detector.needs and not any(need in lowered for need in detector.needs):
                continue
            for start, end, score in detector.find(text):
                yield Finding(detector.type, start, end, score, detector.sensitivity)


scan: Final = Detector()
"""The shipped detectors alone. What runs for a user takes the settings': `Services.detector`."""


def _merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    group: list[Finding] = []
    end = 0
    for finding in findings:
        if group and finding.start >= end:
            yield _one(group, end)
            group, end = [], 0
        group.append(finding)
        end = max(end, finding.end)
    if group:
        yield _one(group, end)


def _one(group: Sequence[Finding], end: int) -> Finding:
    """One finding for all of `group`, which starts with the first and ends at `end`."""
    best = max(group, key=lambda each: (rank(each.sensitivity), each.score))
    kept = dict.fromkeys(
        (each.type, each.sensitivity) for each in group if not _misread(each, best)
    )
    kept.pop((best.type, best.sensitivity), None)
    return best._replace(start=group[0].start, end=end, also=tuple(kept))


def _misread(finding: Finding, best: Finding) -> bool:
    """Whether it is but another reading of what is sure to be something else: the digits of an
    account's number may look like a phone's. A statement is never one: it says more than itself."""
    within = best.start <= finding.start and finding.end <= best.end
    return within and finding.score < best.score == 1.0 and finding.type not in STATEMENTS
