"""Boilerplate: sections that read the same in every text come from a template, filled by the SLM.

They are filled as the task `draft` fills templates, under its gates. What the model fills badly is
left out, so that a template never fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, cast

from tandem.errors import EgressBlocked, ModelError
from tandem.models.tier import TierCall
from tandem.nodes.draft import Draft
from tandem.records import Profile, Request

Boilerplate = Literal["introduction", "disclaimer", "sign_off"]
TEMPLATE_WORDS: Final = 60
TEMPLATES: Final[Mapping[Boilerplate, str]] = {
    "introduction": "{subject: one sentence that says what the text is about and for whom it is} "
    "{matter: one sentence that says why this matters to its readers}\n\n"
    "The sections that follow deal with {topics}.",
    "disclaimer": "This text is general information. It was drafted with the help of language "
    "models and has to be checked before anybody relies on it. {limits: one sentence that says "
    "whose advice the text does not replace}",
    "sign_off": "{closing: one sentence that thanks the readers and says what they can do next}",
}
FALLBACK: Final[Mapping[Boilerplate, str]] = {
    "introduction": "The sections that follow deal with {topics}.",
    "disclaimer": "This text is general information. It was drafted with the help of language "
    "models and has to be checked before anybody relies on it.",
    "sign_off": "Thank you for reading.",
}


def filled(kind: Boilerplate, brief: str, titles: Sequence[str], tier: TierCall) -> str:
    """The text of a boilerplate section.

    Parameters
    ----------
    brief: the request.
    titles: of the text's other sections.
    """
    slots = {"topics": _listed(titles)}
    draft = Draft(max_tokens=200)
    request = cast("Request", {"text": brief, "template": TEMPLATES[kind], "slots": slots})
    prepared = draft.prepare(request, cast("Profile", {}))
    try:
        attempt = draft.attempt(prepared, tier)
    except (ModelError, EgressBlocked):
        return FALLBACK[kind].format(**slots)
    if draft.check(prepared, attempt):
        return FALLBACK[kind].format(**slots)
    return str(attempt["output"]["text"]).strip()


def _listed(titles: Sequence[str]) -> str:
    if len(titles) < 2:
        return "".join(titles)
    return f"{', '.join(titles[:-1])} and {titles[-1]}"
