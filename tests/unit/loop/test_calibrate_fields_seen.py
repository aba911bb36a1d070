"""What the adapter in force learnt certifies no field, and what chose it is for fitting only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.loop.calibrate_fields import FieldCalibrator, dealt
from tandem.loop.calibrate_signals import KnownRow
from tandem.loop.options import Options
from tandem.loop.seen import Seen
from tandem.nodes.extract import Extract
from tests.unit.services import FakeServices

KNOWN = [KnownRow({"text": f"Ticket {n}"}, {"city": "Oslo"}) for n in range(200)]
TEXTS = [str(row.request.get("text")) for row in KNOWN]
FIT, CERTIFYING = ([TEXTS[at] for at in part] for part in dealt(KNOWN, 0))


@dataclass(frozen=True)
class Calibrator(FieldCalibrator):
    """With an adapter in force that has seen what is told."""

    seen: Any = None

    def _seen(self, rows: list[KnownRow]) -> tuple[list[str], Seen]:
        return TEXTS, self.seen


@dataclass(frozen=True)
class Told(Seen):
    def has_learnt(self, text: str) -> bool:
        return text in self.learnt

    def was_judged_by(self, text: str) -> bool:
        return text in self.judged


def parts(folder: Path, learnt: list[str], judged: list[str]) -> tuple[set[str], set[str], str]:
    services = FakeServices(folder)
    seen = Told("slips", b"", frozenset(learnt), frozenset(judged))
    task = Extract(services.document_text)
    rows, fit, certifying, words = Calibrator(services, task, Options(), seen=seen)._dealt(KNOWN)
    texts = [str(row.request.get("text")) for row in rows]
    return {texts[at] for at in fit}, {texts[at] for at in certifying}, words


def test_learnt_rows_neither_fit_nor_certify_and_judging_rows_fit(tmp_path: Path) -> None:
    learnt = FIT[:30] + CERTIFYING[:10]
    judged = CERTIFYING[5:25]
    fit, certifying, words = parts(tmp_path, learnt, judged)
    assert certifying == set(CERTIFYING[25:])
    assert fit == set(FIT[30:]) | set(CERTIFYING[10:25])
    assert "slips" in words


def test_where_hardly_a_fitting_row_is_fresh_learnt_ones_fit_but_never_certify(
    tmp_path: Path,
) -> None:
    fit, certifying, _ = parts(tmp_path, FIT[5:] + CERTIFYING[:10], [])
    assert fit == set(FIT)
    assert certifying == set(CERTIFYING[10:])
