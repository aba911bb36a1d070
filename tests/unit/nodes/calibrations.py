"""A calibration of the task `sentiment` over made-up rows, and services that know their vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from tandem.graphs.tasks import calibrations
from tandem.models.identity import tier_identity
from tandem.nodes.sentiment import Sentiment
from tandem.quality.calibration.calibration import Asking, LabelCalibration, TierFit
from tandem.quality.calibration.examples import Examples
from tandem.quality.calibration.head import fit_head
from tandem.quality.calibration.score import fit_label_score
from tandem.quality.calibration.threshold import Promise
from tests.unit.quality.calibration.rows import LABELS, make, spoken
from tests.unit.services import FakeServices

ROWS = make(150, noise=0.3)
CLEAR = "gold climbs on day 7000"
UNCLEAR = "gold does something"


@dataclass
class KnownVectors(Embeddings):
    """Two texts' vectors: one that leans to `up`, one that leans nowhere."""

    fingerprint: str = "fake"

    def embed_query(self, text: str) -> list[float]:
        vector = np.eye(8)[2] if text == CLEAR else np.full(8, 8**-0.5)
        return [float(one) for one in vector]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def _fitted() -> LabelCalibration:
    head = fit_head(ROWS.texts, ROWS.embeddings, ROWS.labels, 3)
    views = {"slm": spoken(ROWS), "head": head.log_probabilities}
    return LabelCalibration(
        task="sentiment",
        labels=LABELS,
        embeddings="fake",
        head=head.head,
        score=fit_label_score(views, ROWS.labels).score,
        slm=TierFit("", "", Asking(examples=2), right=0.7),
        llm=TierFit("", "", Asking(examples=1), right=0.9),
        promises=(),
        benefit=None,
        examples=Examples(ROWS.texts, ROWS.labels.tolist(), ROWS.embeddings),
        card={},
    )


_MADE: list[LabelCalibration] = []


def promise(*stages: str, threshold: float | None = 0.6, target: float = 0.9) -> Promise:
    return Promise(stages, target, 0.9, threshold, 300, 200, 8)


def calibrate(services: FakeServices, *promises: Promise, **changes: Any) -> LabelCalibration:
    """Put a calibration that fits `services` where they look for it."""
    if not _MADE:
        _MADE.append(_fitted())
    made, settings = _MADE[0], services.settings
    assert made.slm
    assert made.llm
    fits = {
        tier: replace(
            fit,
            identity=tier_identity(settings, tier),  # type: ignore[arg-type]
            prompt=Sentiment().prompt_sum(LABELS, fit.asking),
        )
        for tier, fit in (("slm", made.slm), ("llm", made.llm))
    }
    made = replace(made, promises=promises, **{**fits, **changes})
    calibrations(settings).save(made)
    return made


def services(folder: Path, **given: Any) -> FakeServices:
    made = FakeServices(folder, **given)
    made.__dict__["embeddings"] = KnownVectors()
    return made
