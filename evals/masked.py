"""Rows as they may leave for LangSmith, which is not private: masked, or withheld whole.

Masking finds by form and context what is sensitive. What a row's request showed to be sensitive is
therefore hidden wherever else the row holds it: an account number that stands alone in an output
has lost the words that gave it away.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from tandem.errors import EgressBlocked
from tandem.evals.case import Case
from tandem.evals.result import Result
from tandem.privacy.assess import assess
from tandem.privacy.checked import Scan
from tandem.privacy.detectors import STATEMENTS, Finding, highest, rank
from tandem.privacy.egress import Guard
from tandem.privacy.masking import HIDDEN, mask
from tandem.records import Profile, Request

OUTLET: Final = "LangSmith"
_SHORTEST: Final = 4
"""Letters and digits of a finding that is looked for elsewhere; a shorter one is everywhere."""
_SHORT: Final = 40
"""Characters of a text that is likely to come again."""
_NOT_SHOWN: Final = frozenset({"id", "suite", "case_sum", "expected", "scores", "comments"})
"""Of a result: what stands elsewhere, and a sum that would confirm a guess of the text."""


class Withheld(Exception):
    """The row must not leave, not even masked."""


@dataclass(frozen=True)
class RowMasker:
    """Masks the rows of one suite.

    Parameters
    ----------
    guard: asked for each row once it is masked.
    public: the suite's rows are published: its documents need no check.
    """

    guard: Guard
    public: bool = False

    def inputs(self, case: Case, results: Sequence[Result]) -> dict[str, Any]:
        """A case's inputs; `results` are all that came of it. Documents are counted, not shown, and
        the case's `secrets` never leave.

        Raises
        ------
        Withheld: a text could not be checked, the request is more sensitive than any text in it
            (declared so, or only as a whole), the guard refuses what is left; or, where the suite
            is not published, a statement (of health, of money) stands in it, whose end is not
            known, or it has documents that no run read and found harmless.
        """
        self._check_documents(case, results)
        return self.unread(case)

    def unread(self, case: Case) -> dict[str, Any]:
        """`inputs` whatever a run found in the documents (which it counts and does not show): the
        same before and after a run. Raises Withheld as `inputs`."""
        request = case["request"]
        self._check_level(request)
        documents = len(request.get("documents", [])) + len(case["files"])
        asked = {name: value for name, value in request.items() if name != "documents"}
        row: dict[str, Any] = {"id": case["id"], "task": case["task"], "request": asked}
        if documents:
            row["documents"] = documents
        if tools := case.get("tools"):
            row["tools"] = tools
        cleaned: dict[str, Any] = self._cleaned(row, request)
        return cleaned

    def reference(self, case: Case) -> dict[str, Any]:
        """What a right answer to the case is. Raises Withheld as `inputs`."""
        made: dict[str, Any] = self._cleaned({"expected": case["expected"]}, case["request"])
        return made

    def outputs(self, case: Case, result: Result) -> dict[str, Any]:
        """What came of the case: all of the result but its scores. Raises Withheld as `inputs`."""
        row = {name: value for name, value in result.items() if name not in _NOT_SHOWN}
        row |= {"policy": shown(result["policy"]), "attempts": len(result["route"])}
        cleaned: dict[str, Any] = self._cleaned(row, case["request"])
        return cleaned

    def comments(self, case: Case, result: Result) -> dict[str, str]:
        """The evaluators' comments. Raises Withheld as `inputs`."""
        made: dict[str, str] = self._cleaned(result["comments"], case["request"])
        return made

    def tags(self, case: Case) -> list[str]:
        """The case's tags. Raises Withheld as `inputs`."""
        made: list[str] = self._cleaned(case["tags"], case["request"])
        return made

    def _check_documents(self, case: Case, results: Sequence[Result]) -> None:
        if self.public or not (case["files"] or case["request"].get("documents")):
            return
        read = [one["sensitivity"] for one in results if one["error"] is None]
        if not read or not set(read) <= set(self.guard.public_may_see):
            raise Withheld

    def _check_level(self, request: Request) -> None:
        """Withheld where the request is more sensitive than any text in it: by the caller's word,
        or by what only shows where texts are put together. Then nobody knows what to mask."""
        whole = assess(request, lambda _: "", scan=self.guard.scan).sensitivity
        alone = highest(finding.sensitivity for finding in self._findings(request).values())
        if whole not in self.guard.public_may_see and rank(whole) > rank(alone):
            raise Withheld

    def _cleaned(self, row: Any, request: Request) -> Any:
        cleaned = _masked(row, self._known(request), self.guard.scan)
        try:
            self.guard.release("\n".join(_texts(cleaned)), _MASKED, OUTLET)
        except EgressBlocked:
            raise Withheld from None
        return cleaned

    def _findings(self, request: Request) -> dict[str, Finding]:
        """What stands in the request's texts, by its text."""
        try:
            return {
                text[finding.start : finding.end]: finding
                for text in _texts(request)
                for finding in self.guard.scan(text)
            }
        # Whatever goes wrong in a detector, an unchecked row stays here.
        except Exception:
            raise Withheld from None

    def _known(self, request: Request) -> dict[str, str]:
        """The sensitive texts of a request, each with its type; the longest first."""
        findings = self._findings(request)
        said = {kind for finding in findings.values() for kind, _ in finding.readings}
        if not self.public and STATEMENTS & said:
            raise Withheld  # where a statement ends is not known
        found = {text: finding.type for text, finding in findings.items()}
        long_enough = (text for text in found if len(_compact(text)) >= _SHORTEST)
        return {text: found[text] for text in sorted(long_enough, key=len, reverse=True)}


def shown(policy: str) -> str:
    """A policy without the folder of its settings file, which tells of a machine."""
    kind, _, argument = policy.partition(":")
    return f"{kind}-{PurePath(argument).stem}" if kind == "settings" else policy.replace(":", "-")


_MASKED: Final[Profile] = {
    "task": "",
    "task_confidence": 1.0,
    "complexity": None,
    "sensitivity": "none",
    "evidence": [],
    "latency": "async",
    "deadline_ms": None,
    "quality": None,
    "tenant": "",
    "reasons": [],
}
"""For the guard: a masked row is as sensitive as what still stands in it."""


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON-like value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _masked(value: Any, known: Mapping[str, str], scan: Scan) -> Any:
    """A JSON-like value, masked, and without the `known` texts, however they are spaced."""
    if isinstance(value, Mapping):
        return {
            _masked(str(key), known, scan): _masked(each, known, scan)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(each, known, scan) for each in value]
    # The digits of a measured figure may look like anything; an identifier has no fraction.
    if value is None or isinstance(value, bool) or (isinstance(value, float) and value % 1):
        return value
    text = f"{value:.0f}" if isinstance(value, float) else str(value)
    masked = _mask_again(text, scan) if len(text) <= _SHORT else mask(text, scan)
    if masked == HIDDEN != text:
        raise Withheld
    for sensitive, kind in known.items():
        masked = masked.replace(sensitive, f"[{kind}]")
    compact = _compact(masked)
    if any(_compact(sensitive) in compact for sensitive in known):
        return HIDDEN
    # A number stays one, unless it is somebody's.
    return value if masked == text else masked


_mask_again = functools.lru_cache(4096)(mask)
"""Names of fields, labels and models, which come again in every row."""


def _compact(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()
