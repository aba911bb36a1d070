"""Champion and challenger of an extraction: field by field and as a whole.

The figure is that of the receipts' evaluation, the share of a document's fields that are right by
value; a field that the document lacks counts as well, so that values made up are seen. An adapter
goes live only where the whole is better by a paired test and no field is worse by one. The whole
is judged the harder the more often the rows judged; the fields, which can only refuse, never are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.graphs.tasks import Tasks
from tandem.loop.challenge import (
    AS_IT_IS,
    MOST_FLIPPED,
    Progress,
    Side,
    asked,
    champion_of,
    incumbent_of,
    refuse_strange,
    services_with,
)
from tandem.loop.duels import FIRST, Duels, Try, noted
from tandem.loop.promoting import WithChallenger, note_duel, put_in_force, retire
from tandem.loop.tune.fields import TASK, FieldRow, FieldSet
from tandem.models.adapters import AdapterCard, Adapters
from tandem.nodes.extract import Extract
from tandem.nodes.extract_schema import checked
from tandem.nodes.ready_schemas import READY_SCHEMAS
from tandem.nodes.shadow import layers
from tandem.quality.same_value import judged, same_value, value_of
from tandem.services import Services
from tandem.stats import Comparison, Interval, compare, mean_interval, quantile, wilson

PROBES: Final = 10


@dataclass(frozen=True)
class FieldResult:
    """One field on the held-out rows."""

    champion: Interval
    challenger: Interval
    comparison: Comparison
    """Of the challenger against the champion."""


@dataclass(frozen=True)
class FieldDuel:
    """The comparison. `comparison` is of the challenger against the champion, over whole rows."""

    champion: Side
    challenger: Side
    comparison: Comparison
    fields: Mapping[str, FieldResult]
    others_unmoved: bool
    """Whether prompts without an adapter are answered as before."""
    which: Try = FIRST

    @property
    def worse(self) -> list[str]:
        """The fields that got worse by a paired test."""
        return [name for name, one in self.fields.items() if one.comparison.finding == "worse"]

    @property
    def won(self) -> bool:
        """Whether the challenger may go live."""
        return self.comparison.finding == "better" and not self.worse and self.others_unmoved

    @property
    def why_not(self) -> str:
        """Why the challenger may not go live, in words."""
        if not self.others_unmoved:
            return "With it loaded, the model without it answers otherwise than before."
        if self.worse:
            return f"It got worse at {', '.join(self.worse)}."
        low, high = self.comparison.difference.low, self.comparison.difference.high
        return (
            f"The difference is {self.comparison.difference.mean:+.3f} ({low:+.3f} to {high:+.3f}, "
            f"p {self.comparison.p:.3f}): {self.comparison.finding}. {self.which.words}"
        )

    def told(self) -> dict[str, Any]:
        """JSON-plain, for the card."""
        return asdict(self)


@dataclass(frozen=True)
class FieldChallenge:
    """Compares adapters for extraction with what is in force, and puts the better one in force.

    Parameters
    ----------
    beside: gives the services that hold the challenger.
    """

    services: Services
    progress: Progress = lambda _what, _done, _of: None
    beside: Callable[[Services, Adapters], Services] = services_with

    def duel(self, card: AdapterCard, given: FieldSet) -> FieldDuel:
        """`card` against what is in force for its slot, on the held-out rows of `given`. Raises as
        Challenge.duel does."""
        refuse_strange(self.services, card, given)
        incumbent = champion_of(self.services, card)
        services = self.beside(self.services, WithChallenger(self.services.adapters, card))
        before = self._ask(self.services, "champion", given)
        after = self._ask(services, "challenger", given)
        plain = before.outputs if incumbent == AS_IT_IS else []
        unmoved = self._unmoved(services, given, plain)
        texts = [row.text for row in given.held_out]
        which = Duels(self.services.adapters).another(card, texts)
        duel = FieldDuel(
            champion=_side(incumbent, before),
            challenger=_side(card.name, after),
            comparison=compare(after.shares, before.shares, which.confidence),
            fields={
                name: _result(before.field(name), after.field(name))
                for name in given.schema["properties"]
            },
            others_unmoved=unmoved,
            which=which,
        )
        right = (sum(before.shares), sum(after.shares))
        about = noted(incumbent, right, duel.comparison, which, given.card["held_out_sum"])
        told = {**about, "worse_fields": duel.worse, "won": duel.won}
        note_duel(self.services.adapters, card, told)
        if not duel.won:
            retire(self.services, card.task, services.adapters.served_with(card.base_sha256))
        return duel

    def promote(self, card: AdapterCard, duel: FieldDuel) -> AdapterCard:
        """Put the winner in force, and note on its card how it won.

        Raises
        ------
        InvalidRequest: it did not win, or something else is in force by now; nothing was changed.
        """
        if not duel.won:
            raise InvalidRequest(
                f"{card.name} did not beat what is in force; nothing was changed.", duel.why_not
            )
        return put_in_force(self.services, card, duel.told(), incumbent_of(duel.champion))

    def _ask(self, services: Services, what: str, given: FieldSet) -> _Said:
        task, said = extraction(services), _Said()
        for done, row in enumerate(given.held_out, start=1):
            output, seconds = _answered(services, task, row, given)
            said.outputs.append(output)
            said.right.append(judged(output, row.expected, absent=True))
            said.seconds.append(seconds)
            self.progress(what, done, len(given.held_out))
        return said

    def _unmoved(self, services: Services, given: FieldSet, before: Sequence[Any]) -> bool:
        """Whether the model without an adapter gives the same values on the challenger's server.
        `before`: what it gave on its own server; empty: it is asked."""
        rows, plain = given.held_out[:PROBES], replace(extraction(self.services), adapter=None)
        flipped, names = 0, list(given.schema["properties"])
        for done, row in enumerate(rows, start=1):
            old = before[done - 1] if before else _answered(self.services, plain, row, given)[0]
            new, _ = _answered(services, plain, row, given)
            flipped += sum(not _alike(value_of(old, n), value_of(new, n)) for n in names)
            self.progress("the base on both servers", done, len(rows))
        return flipped / (len(rows) * len(names)) <= MOST_FLIPPED


@dataclass
class _Said:
    """What a candidate said of the held-out rows."""

    outputs: list[Any] = field(default_factory=list)
    right: list[dict[str, bool]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def shares(self) -> list[float]:
        """Of each row's fields, those that are right."""
        return [sum(row.values()) / len(row) for row in self.right]

    def field(self, name: str) -> list[float]:
        """1.0 where the field is right."""
        return [float(row[name]) for row in self.right]


def extraction(services: Services) -> Extract:
    """The extraction as it is in force, without its calibrations: the model's own answer."""
    task: Extract = [*layers(Tasks(services)[TASK])][-1]
    return task


def _answered(
    services: Services, task: Extract, row: FieldRow, given: FieldSet
) -> tuple[Any, float]:
    """The output and the seconds that it took."""
    request: Any = {"text": row.text, "output_schema": _as_asked(given.schema)}
    attempt = asked(services, task, request)
    return attempt["output"], attempt["seconds"]


def _as_asked(schema: Mapping[str, Any]) -> Any:
    """The schema as callers name it: by a ready name the model as it is gets its examples too."""
    ready = (name for name, known in READY_SCHEMAS.items() if checked(known) == schema)
    return next(ready, schema)


def _alike(one: Any, other: Any) -> bool:
    return one == other or (one is not None and same_value(one, other))


def _side(name: str, said: _Said) -> Side:
    seconds = said.seconds
    return Side(name, mean_interval(said.shares), quantile(seconds, 0.5), quantile(seconds, 0.95))


def _result(before: Sequence[float], after: Sequence[float]) -> FieldResult:
    return FieldResult(
        champion=wilson(sum(before), len(before)),
        challenger=wilson(sum(after), len(after)),
        comparison=compare(after, before),
    )
