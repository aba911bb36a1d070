"""The guard: what may leave for whatever is not private. One guard, asked at every door.

Doors are a public tier, a tool that calls another host, hosted embeddings, a judge, an upload. The
guard fails closed: what cannot be checked counts as secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tandem.errors import EgressBlocked, SettingsError
from tandem.privacy.across import across
from tandem.privacy.checked import MAX_CHARS, SECONDS, Scan, Unchecked, checked
from tandem.privacy.detectors import STATEMENTS, Finding, highest
from tandem.privacy.readings import disguised, readings
from tandem.privacy.redaction import Vault, without_placeholders
from tandem.records import Profile, Sensitivity
from tandem.settings import Leave, Privacy

DEFAULT: Final = "default"
"""The key of `leave` for the types that it does not name."""
_STRICTER: Final[tuple[Leave, ...]] = ("allow", "redact", "block")
_TYPE_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,40}")
_REMEDY: Final = (
    "Use a private model, take the data out, or change privacy.public_may_see or privacy.leave."
)


@dataclass(frozen=True)
class Guard:
    """Releases text to an outlet, redacted where the policy says so, or refuses.

    Parameters
    ----------
    public_may_see: sensitivities that may go where it is not private.
    scan: finds what is sensitive in a text; where it fails, the text counts as secret.
    max_chars: texts longer than this are not scanned, and count as secret.
    leave: what happens to findings, by type: `block`, `redact` or `allow`; `default` for the
        others. A sensitivity of `public_may_see` needs no entry.
    seconds: how long a scan may take.
    """

    public_may_see: Collection[Sensitivity]
    scan: Scan
    max_chars: int = MAX_CHARS
    leave: Mapping[str, Leave] = field(default_factory=dict)
    seconds: float = SECONDS

    @classmethod
    def from_settings(cls, privacy: Privacy, scan: Scan, types: Collection[str]) -> Guard:
        """The guard of the settings. `types` are those that `scan` can find.

        Raises
        ------
        SettingsError: `privacy.leave` names a type that is not found, or that cannot be redacted.
        """
        for kind, mode in privacy.leave.items():
            if kind != DEFAULT and kind not in types:
                raise SettingsError(
                    f"privacy.leave names {kind}, which no detector finds.",
                    f"Known types: {', '.join(sorted(types))}.",
                )
            if mode == "redact" and kind in STATEMENTS:
                raise SettingsError(
                    f"privacy.leave: {kind} cannot be redacted: it is a statement, and its end is "
                    "not known.",
                    "Say block or allow.",
                )
        return cls(
            privacy.public_may_see,
            scan,
            privacy.detector_chars,
            privacy.leave,
            privacy.detector_seconds,
        )

    def release(self, text: str, profile: Profile, outlet: str) -> str:
        """`text`, unchanged, where it may leave as it is through `outlet` (named in the error).

        What counts is the profile's sensitivity and what stands in `text` itself. For doors that
        could not restore: what the policy would redact is refused.

        Raises
        ------
        EgressBlocked: it may not leave. The error names the types found, never the text.
        """
        guard = self.narrowed(profile.get("public_may_see"))
        guard._admit(profile, outlet)
        guard._refuse(guard._kept_back(text, outlet), outlet)
        return text

    def release_all(
        self, texts: Sequence[str], profile: Profile, outlet: str, vault: Vault
    ) -> list[str]:
        """The texts of one message to `outlet`, with what the policy says redacted.

        Raises
        ------
        EgressBlocked: they may not leave, each alone or put together.
        """
        guard = self.narrowed(profile.get("public_may_see"))
        guard._admit(profile, outlet)
        found = [guard._findings(text, outlet) for text in texts]
        note = guard.noting(vault)
        for text, findings in zip(texts, found, strict=True):
            for each in findings:
                note(each, text[each.start : each.end])
        released = [
            guard._redacted(text, findings, outlet, vault)
            for text, findings in zip(texts, found, strict=True)
        ]
        guard._look_across(released, outlet)
        guard._look_for_known(released, outlet, vault)
        return released

    def noting(self, vault: Vault) -> Callable[[Finding, str], None]:
        """Makes `vault` know each value that is found and must be redacted, so that it is redacted
        as well where nothing around it tells what it is."""

        def note(finding: Finding, value: str) -> None:
            if self._mode(finding) == "redact":
                vault.know(finding.type, value)

        return note

    def narrowed(self, seen: Collection[Sensitivity] | None) -> Guard:
        """This guard where no more than `seen` may leave unnamed; None: all that it lets leave."""
        if seen is None:
            return self
        return replace(self, public_may_see=[each for each in self.public_may_see if each in seen])

    def lifts(self, finding: Finding) -> bool:
        """Whether a finding does not keep a text back: it may be seen, or is redacted."""
        return self._mode(finding) != "block"

    def _mode(self, finding: Finding) -> Leave:
        """The strictest that the policy says to anything that was found there."""
        return max((self._mode_of(*each) for each in finding.readings), key=_STRICTER.index)

    def _mode_of(self, kind: str, sensitivity: Sensitivity) -> Leave:
        if kind in self.leave:
            return self.leave[kind]
        if sensitivity in self.public_may_see:
            return "allow"
        mode = self.leave.get(DEFAULT, "block")
        # Nobody named these: a secret of a kind not thought of, a statement without an end.
        named_only = kind in STATEMENTS or highest([sensitivity]) == "secret"
        return "block" if named_only else mode

    def _admit(self, profile: Profile, outlet: str) -> None:
        """Refuse a request that stays sensitive whatever is taken out of this text."""
        level = highest([remaining(profile)])
        if level not in self.public_may_see:
            raise _blocked(outlet, f"the request is {level}")

    def _seen(self, text: str, outlet: str) -> list[Finding]:
        """What stands in the text and may not leave as it stands."""
        return [each for each in self._findings(text, outlet) if self._mode(each) != "allow"]

    def _kept_back(self, text: str, outlet: str) -> list[Finding]:
        """What may not leave as it stands, in the text or behind an encoding of it."""
        found = self._findings(text, outlet)
        hidden = [each for each, _ in self._hidden(text, found, outlet)]
        return [each for each in (*found, *hidden) if self._mode(each) != "allow"]

    def _hidden(
        self, text: str, found: Sequence[Finding], outlet: str
    ) -> Iterator[tuple[Finding, str]]:
        return disguised(text, found, lambda reading: self._findings(reading, outlet))

    def _findings(self, text: str, outlet: str) -> list[Finding]:
        found: list[Finding] = []
        try:
            found = checked(text, self.scan, max_chars=self.max_chars, seconds=self.seconds)
            level, why = "none", "the text is none"
        except Unchecked as unchecked:
            level, why = "secret", f"the text {unchecked}, so it counts as secret"
        if not found and level not in self.public_may_see:
            raise _blocked(outlet, why)
        return found

    def _refuse(self, kept_back: Sequence[Finding], outlet: str) -> None:
        if kept_back:
            level = highest(finding.sensitivity for finding in kept_back)
            held = [
                finding._replace(type=kind)
                for finding in kept_back
                for kind, sensitivity in finding.readings
                if self._mode_of(kind, sensitivity) != "allow"
            ]
            raise _blocked(outlet, f"the text is {level} ({', '.join(type_names(held))})")

    def _redacted(self, text: str, found: Sequence[Finding], outlet: str, vault: Vault) -> str:
        hidden = [each for each, _ in self._hidden(text, found, outlet)]
        # No placeholder can stand for what only a decoded text says.
        kept_back = [each for each in hidden if self._mode(each) != "allow"]
        kept_back += [each for each in found if self._mode(each) == "block"]
        self._refuse(kept_back, outlet)
        if "redact" not in self.leave.values():
            return text
        parts, done = [], 0
        spans = [(at.start, at.end, at.type) for at in found if self._mode(at) == "redact"]
        for start, end, kind in _united([*spans, *vault.places(text)]):
            parts.append(vault.protect(text[done:start]))
            parts.append(vault.placeholder(kind, text[start:end]))
            done = end
        redacted = "".join([*parts, vault.protect(text[done:])])
        if redacted != text:
            # What only shows once its neighbour is gone.
            left = self._seen(redacted, outlet)
            self._refuse([each for each in left if _says(redacted[each.start : each.end])], outlet)
        return redacted

    def _look_across(self, texts: Sequence[str], outlet: str) -> None:
        """Refuse what only shows where texts are put together."""
        found = across(texts, lambda text: self._seen(text, outlet))
        self._refuse([finding for finding, span in found if _says(span)], outlet)

    def _look_for_known(self, texts: Sequence[str], outlet: str, vault: Vault) -> None:
        """Refuse a value that is redacted elsewhere, and stands here encoded or in two texts."""
        said = [reading for text in texts for reading in readings(text)]
        if any(map(vault.knows, ("\n".join(texts), *said))):
            raise _blocked(outlet, "a value that is redacted elsewhere is encoded, or in two texts")


def remaining(profile: Profile) -> Sensitivity:
    """The sensitivity that counts at the door: what is left of the request's once that which may
    be redacted, or leave, is taken out."""
    return profile.get("sensitivity_floor", profile["sensitivity"])


def type_names(findings: Sequence[Finding]) -> list[str]:
    """The types of `findings`, each once; a name that is not written like one becomes OTHER."""
    names = (
        finding.type if _TYPE_NAME.fullmatch(finding.type) else "OTHER" for finding in findings
    )
    return sorted(set(names))


def _united(spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Spans with their types, in order; those that overlap as one, with the type of the longest."""
    united: list[tuple[int, int, str]] = []
    for span in sorted(spans):
        if united and span[0] < united[-1][1]:
            last = united.pop()
            _, _, kind = max(last, span, key=lambda each: each[1] - each[0])
            united.append((last[0], max(last[1], span[1]), kind))
        else:
            united.append(span)
    return united


def _says(span: str) -> bool:
    """Whether there is more in a span than placeholders."""
    return any(character.isalnum() for character in without_placeholders(span))


def _blocked(outlet: str, why: str) -> EgressBlocked:
    return EgressBlocked(f"Nothing was sent to {outlet}, which is not private: {why}.", _REMEDY)
