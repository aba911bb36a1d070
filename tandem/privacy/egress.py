"""The guard: what may leave for whatever is not private. One guard, asked at every door.

Doors are a public tier, a tool that calls another host, hosted embeddings, a judge, an upload. The
guard fails closed: what cannot be checked counts as secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from tandem.errors import EgressBlocked
from tandem.privacy.detectors import Finding, highest, rank, scan
from tandem.records import Profile, Sensitivity

MAX_CHARS: Final = 1_000_000
"""Longer texts are not scanned (a hostile one takes some seconds), and so count as secret."""
_TYPE_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,40}")


@dataclass(frozen=True)
class Guard:
    """Releases text to an outlet, or refuses.

    Parameters
    ----------
    public_may_see: sensitivities that may go where it is not private.
    scan: finds what is sensitive in a text; an exception of it blocks.
    max_chars: texts longer than this are blocked unless secrets may leave.
    """

    public_may_see: Collection[Sensitivity]
    scan: Callable[[str], Sequence[Finding]] = scan
    max_chars: int = MAX_CHARS

    def release(self, text: str, profile: Profile, outlet: str) -> str:
        """`text`, unchanged, where it may leave through `outlet` (named in the error).

        What counts is the higher of the profile's sensitivity and of what stands in `text` itself.

        Raises
        ------
        EgressBlocked: it may not leave. The error names the types found, never the text.
        """
        level, why = self._judge(text)
        declared = profile["sensitivity"]
        if rank(declared) > rank(level):
            level, why = highest([declared]), f"the request is {highest([declared])}"
        if level not in self.public_may_see:
            raise EgressBlocked(
                f"Nothing was sent to {outlet}, which is not private: {why}.",
                "Use a private model, take the data out, or change privacy.public_may_see.",
            )
        return text

    def _judge(self, text: str) -> tuple[Sensitivity, str]:
        if len(text) > self.max_chars:
            return "secret", f"the text has over {self.max_chars} characters and was not checked"
        try:
            findings = self.scan(text)
            level = highest(finding.sensitivity for finding in findings)
            return level, f"the text is {level} ({', '.join(type_names(findings))})"
        # Whatever goes wrong in a detector, an unchecked text stays here. The error itself is not
        # passed on: it may hold the text.
        except Exception:
            return "secret", "the text could not be checked"


def type_names(findings: Sequence[Finding]) -> list[str]:
    """The types of `findings`, each once; a name that is not written like one becomes OTHER."""
    names = (
        finding.type if _TYPE_NAME.fullmatch(finding.type) else "OTHER" for finding in findings
    )
    return sorted(set(names))
