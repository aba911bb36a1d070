"""Who a tier's models are: what a calibration, a prompt or an answer was made with.

Two tiers of equal identity answer alike; where their files lie, how many threads they use and what
they cost makes no difference.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from tandem.errors import ModelFileError
from tandem.models import catalog
from tandem.models.files import catalogue_name, own_path, recorded_sum
from tandem.records import TierName
from tandem.settings import Settings

_INDIFFERENT: Final = frozenset(
    {"price", "api_key_env", "url", "path", "private", "threads", "slots", "context"}
)


def tier_identity(settings: Settings, tier: TierName, task: str = "") -> str:
    """A short hash of the models that may answer for `tier` and `task`, in order.

    Settings count where they are not the default, so that a new kind of setting changes nothing
    for those that do not use it.
    """
    told = [_model(settings, name) for name in settings.chain(tier, task)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _model(settings: Settings, name: str) -> list[Any]:
    model = settings.models[name]
    told = model.model_dump(mode="json", exclude_defaults=True, exclude=set(_INDIFFERENT))
    return [told, _file_sum(settings, name) if model.backend == "embedded" else ""]


def _file_sum(settings: Settings, name: str) -> str:
    path = own_path(name, settings)
    if path is None:
        try:
            return catalog.get(catalogue_name(name, settings)).sha256
        except ModelFileError:
            return "unknown"  # whoever asks the model gets the error
    if not path.is_file():
        return "missing"
    return recorded_sum(path) or f"{path.stat().st_size}"
