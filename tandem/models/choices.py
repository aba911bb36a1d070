"""Probability of each choice from one answer's tokens: a walk down the trie of the choices.

At each place the server names the most probable tokens, before any grammar. Those that continue a
choice are renormalised among themselves; the mass of the generated token moves on to the next
place, the mass of the others stays with the choices that they lead to, shared evenly, since nothing
further is known of them. Choices that share their first tokens are so told apart where they part.

The comparison is by text, not by token ids: a choice may be cut into tokens in several ways, and
all of them count. White space before the answer is ignored, and so is case, unless two choices
differ in nothing else: a model that is made to write "positive" often means " Positive".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from tandem.errors import InvalidRequest
from tandem.models.tier import Token

_SPECIAL: Final = re.compile(r"<[^<>]*>")
"""End-of-text tokens as servers spell them: <|im_end|>, </s>, <eos>."""
_Rest = Mapping[str, str]
"""For each choice that is still possible, what of it is yet to be written."""


def choice_probabilities(tokens: Sequence[Token], choices: Sequence[str]) -> dict[str, float]:
    """Probability of each of `choices` given that the answer is one of them; sums to 1.

    Without any usable token every choice is equally probable.

    Raises
    ------
    InvalidRequest: `choices` is empty.
    """
    fold = _folding(choices)
    rest: _Rest = {choice: fold(choice).lstrip() for choice in choices}
    if not rest:
        raise InvalidRequest("There are no choices to tell apart.", "Give at least one.")
    found = dict.fromkeys(rest, 0.0)
    mass, started = 1.0, False
    for token in tokens:
        if len(rest) == 1 or (started and not any(rest.values())):
            break
        text = fold(token.text) if started else fold(token.text).lstrip()
        if not started and (not text or _SPECIAL.fullmatch(text)):
            continue
        shares = _shares(_alternatives(token, fold, started), rest)
        ahead = _after(text, rest)
        if not ahead:
            break
        on_path = shares.pop(frozenset(ahead), 0.0)
        for group, share in shares.items():
            _add(found, group, mass * share)
        mass, rest, started = mass * on_path, ahead, True
    _add(found, _ended(rest) if started else rest, mass)
    total = sum(found.values())
    return {choice: value / total for choice, value in found.items()}


def _folding(choices: Sequence[str]) -> Callable[[str], str]:
    folded = {choice.casefold().lstrip() for choice in choices}
    return str.casefold if len(folded) == len(set(choices)) else str


def _alternatives(
    token: Token, fold: Callable[[str], str], started: bool
) -> Iterable[tuple[str, float]]:
    """Texts that could stand here with their weights; the most probable weighs 1."""
    known = {**token.top, token.text: token.logprob}
    best = max(known.values())
    for raw, logprob in known.items():
        text = fold(raw) if started else fold(raw).lstrip()
        # All of them at minus infinity: nothing is known but what was generated.
        weight = math.exp(logprob - best) if math.isfinite(best) else float(raw == token.text)
        yield text, weight


def _shares(alternatives: Iterable[tuple[str, float]], rest: _Rest) -> dict[frozenset[str], float]:
    """Share of each set of choices that an alternative leads to; sums to 1."""
    weights: dict[frozenset[str], float] = {}
    for text, weight in alternatives:
        if group := frozenset(_after(text, rest)):
            weights[group] = weights.get(group, 0.0) + weight
    total = sum(weights.values())
    if not total:
        return dict.fromkeys(weights, 1 / len(weights)) if weights else {}
    return {group: weight / total for group, weight in weights.items()}


def _after(text: str, rest: _Rest) -> dict[str, str]:
    """The choices still possible after `text`, and what remains of each.

    A token may run past the end of a choice ("yes." for "yes"): then the longest choice that it
    holds is meant. A token that ends the answer means the choice that is complete.
    """
    longer = {c: left.removeprefix(text) for c, left in rest.items() if left.startswith(text)}
    if longer and text:
        return longer
    if not text.strip() or _SPECIAL.fullmatch(text):
        return {choice: left for choice, left in rest.items() if not left}
    covered = {choice: left for choice, left in rest.items() if left and text.startswith(left)}
    if not covered:
        return {}
    longest = max(map(len, covered.values()))
    return {choice: "" for choice, left in covered.items() if len(left) == longest}


def _ended(rest: _Rest) -> Iterable[str]:
    """Where the answer ended: the complete choice, or all that it could have become."""
    return [choice for choice, left in rest.items() if not left] or list(rest)


def _add(found: dict[str, float], group: Iterable[str], mass: float) -> None:
    members = list(group)
    for choice in members:
        found[choice] += mass / len(members)
