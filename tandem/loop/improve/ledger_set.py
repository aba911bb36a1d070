"""What `tandem tune --from-ledger` learns from: the rows that `tandem improve` collects, and the
labels that it bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tandem.errors import InvalidRequest
from tandem.ledger.store import Ledger
from tandem.loop.challenge import label_task
from tandem.loop.improve.candidates import learning_set_of
from tandem.loop.improve.dealing import deal
from tandem.loop.improve.labelling import with_bought
from tandem.loop.improve.rows import Collector, by_slot
from tandem.loop.improve.state import State
from tandem.loop.tune.learning import LearningSet, Privacy
from tandem.models.identity import tier_identity
from tandem.services import Services


@dataclass(frozen=True)
class LedgerRows:
    """Learning sets out of the ledger. Held out are rows that people labelled; the part of them
    that certifies calibrations is neither learnt from nor judged by. What the LLM labelled only
    teaches: its accepted answers, and the labels that earlier runs of `tandem improve` bought, of
    rows that the rules let it see then. Sensitive rows are treated alike, whoever labelled them."""

    services: Services
    ledger: Ledger
    privacy: Privacy

    def learning_set(
        self, task: str, names: Sequence[str] = (), until: float | None = None, seed: int = 0
    ) -> LearningSet:
        """The rows of one label set of `task`.

        Parameters
        ----------
        names: the label set; empty: the one with the most rows.
        until: rows and bought labels of up to this moment (Unix seconds), by which the same rows
            are found again.

        Raises
        ------
        InvalidRequest: there are none with these labels, or too few.
        """
        collector = Collector(
            self.services, self.ledger, {task: label_task(self.services, task)}, self.privacy
        )
        collected = collector.collect(until).rows
        state, llm = self._state, tier_identity(self.services.settings, "llm", task)
        rows = with_bought(collected, state.labels(llm, until))
        slots = by_slot(rows)
        able = [one for slot, one in slots.items() if not names or slot[1] == tuple(sorted(names))]
        if not able:
            raise InvalidRequest(
                f"The ledger holds no failed or judged request of {task} with these labels whose "
                "text it kept.",
                'Set texts = "all" in [ledger], and judge answers by `tandem feedback`; or give '
                "rows by --data.",
            )
        chosen = max(able, key=lambda one: len(one.people) + len(one.llm))
        given = learning_set_of(deal(chosen, None, seed), self.privacy)
        newest = max([*(row.moment for row in rows), state.newest_label(llm)])
        card = {**given.card, "seed": seed, "until": newest if until is None else until}
        return replace(given, card=card)

    @property
    def _state(self) -> State:
        return State.of(self.services.settings)
