"""The trained head of contract review: what each segment says of each hypothesis, and clause types.

Verdicts come in two stages, so that the head reads every segment however long the contract is: a
logistic regression for each hypothesis tells how probably a segment says so, says the contrary, or
neither; another one makes the verdict on the contract out of the highest of these. Words only: no
embedding and no language model is asked.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import SettingsError
from tandem.nodes.contract.words import Vocabulary
from tandem.quality.calibration.arrays import pack, unpack
from tandem.quality.calibration.linear import Linear
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.words import Sparse
from tandem.quality.support import content_words

FORMAT: Final = 1
VERDICTS: Final = ("not_mentioned", "entailment", "contradiction")
"""In the order of the head's columns."""
SHIPPED: Final = Path(__file__).parent / "heads" / "contract_head.json"
OVERLAP_SCALE: Final = 3.0
_POOLED: Final = 9
"""Numbers that `pooled` gives."""
_SOFT: Final = 1e-3
Matrix = NDArray[np.float32]


class Reading(NamedTuple):
    """What the head says of a contract and one hypothesis."""

    probabilities: tuple[float, float, float]
    """Of VERDICTS; they sum to 1."""
    score: float
    """Calibrated probability that the likeliest verdict is right."""
    segments: Matrix
    """Probability of VERDICTS for each segment, shape (segments, 3)."""

    @property
    def verdict(self) -> str:
        """The likeliest."""
        return VERDICTS[int(np.argmax(self.probabilities))]


@dataclass(frozen=True)
class VerdictHead:
    """The part that gives verdicts.

    Parameters
    ----------
    segment: by hypothesis (its wording), over words, three columns.
    whole: over `pooled` and a column for each hypothesis, three columns.
    right: from the likeliest verdict's probability to that of its being right.
    """

    vocabulary: Vocabulary
    segment: Mapping[str, Linear]
    whole: Linear
    right: Monotone

    def knows(self, hypothesis: str) -> bool:
        """Whether it was trained on this hypothesis."""
        return hypothesis in self.segment

    def read(self, texts: Sequence[str], hypotheses: Sequence[str]) -> dict[str, Reading]:
        """The verdicts on a contract, `texts` being all its segments, by the hypotheses that are
        known; others are left out."""
        rows = [self.vocabulary(text) for text in texts]
        words = Words.of(texts)
        places = {name: place for place, name in enumerate(self.segment)}
        return {
            name: self._read(rows, words.overlaps(name), name, places[name])
            for name in hypotheses
            if name in places
        }

    def _read(self, rows: Sequence[Sparse], shared: Matrix, name: str, place: int) -> Reading:
        said = segment_probabilities(self.segment[name], rows)
        features = with_place(pooled(said, shared), place, len(self.segment))
        shares = np.exp(self.whole(features))
        top = float(shares.max())
        score = float(self.right(np.array([top]))[0])
        probabilities = (float(shares[0]), float(shares[1]), float(shares[2]))
        return Reading(probabilities, score, said)


@dataclass(frozen=True)
class Words:
    """The content words of a contract's segments, and how rare each is among them."""

    segments: tuple[frozenset[str], ...]
    rarity: Mapping[str, float]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        """The words of `texts`."""
        segments = tuple(frozenset(content_words(text)) for text in texts)
        having = Counter(word for words in segments for word in words)
        count = len(segments) + 1
        rarity = {word: math.log(count / n) for word, n in having.items()}
        return cls(segments, rarity)

    def overlaps(self, hypothesis: str) -> Matrix:
        """Share of the hypothesis's content words, weighted by rarity, that each segment holds,
        shape (segments,)."""
        rarest = math.log(len(self.segments) + 1)
        wanted = {word: self.rarity.get(word, rarest) for word in content_words(hypothesis)}
        total = sum(wanted.values()) or 1.0
        shares = [sum(wanted[w] for w in wanted.keys() & held) / total for held in self.segments]
        return np.array(shares, dtype=np.float32)


@dataclass(frozen=True)
class TypeHead:
    """The part that gives clause types, each on its own: a clause may be of several, or of none.

    Parameters
    ----------
    types: logits are words x weights + bias, a column each.
    right: from the likeliest type's probability to that of its being right.
    """

    vocabulary: Vocabulary
    types: tuple[str, ...]
    layer: Linear
    right: Monotone

    def read(self, text: str) -> list[tuple[str, float]]:
        """The types of a clause, the likeliest first, each with the calibrated probability that it
        is right."""
        row = self.vocabulary(text)
        logits = row.values @ self.layer.weights[row.positions] + self.layer.bias
        chances = 1 / (1 + np.exp(-logits.astype(float)))
        calibrated = self.right(chances)
        order = np.argsort(-chances, kind="stable")
        return [(self.types[at], float(calibrated[at])) for at in order]


@dataclass(frozen=True)
class ContractHead:
    """A head and its card (data, licence, figures); a part that was not trained is None."""

    verdicts: VerdictHead | None
    types: TypeHead | None
    card: Mapping[str, Any]

    def over(self, other: ContractHead) -> ContractHead:
        """This head, with `other`'s parts where it has none."""
        return ContractHead(self.verdicts or other.verdicts, self.types or other.types, self.card)

    def to_json(self) -> str:
        """The head as a file's text."""
        verdicts, types = self.verdicts, self.types
        return json.dumps(
            {
                "format": FORMAT,
                "card": dict(self.card),
                "verdicts": verdicts
                and {
                    "words": _words(verdicts.vocabulary),
                    "segment": {h: part.packed("i1") for h, part in verdicts.segment.items()},
                    "whole": verdicts.whole.packed("f4"),
                    "right": _knots(verdicts.right),
                },
                "types": types
                and {
                    "words": _words(types.vocabulary),
                    "types": list(types.types),
                    "layer": types.layer.packed("i1"),
                    "right": _knots(types.right),
                },
            },
            ensure_ascii=False,
            indent=1,
        )


def load_head(path: Path) -> ContractHead:
    """The head in `path`.

    Raises
    ------
    SettingsError: there is no such file, or it is no head of this version.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise ValueError("another format")
        return ContractHead(_verdicts(raw["verdicts"]), _types(raw["types"]), raw["card"])
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused(path, "is no contract head of this version") from None


def segment_probabilities(part: Linear, rows: Sequence[Sparse]) -> Matrix:
    """Probability of VERDICTS for each segment's row of words, shape (segments, 3)."""
    said = np.zeros((len(rows), len(VERDICTS)), dtype=np.float32)
    for place, row in enumerate(rows):
        logits = row.values @ part.weights[row.positions] + part.bias
        said[place] = np.exp(part.log_probabilities(logits))
    return said


def pooled(said: Matrix, shared: Matrix) -> Matrix:
    """A contract out of its segments: the largest overlap with the hypothesis's words, and for both
    verdicts that need evidence the log odds of the two likeliest segments, their difference, and
    the probability that any segment says so.

    Parameters
    ----------
    said: shape (segments, 3). shared: overlaps, shape (segments,).
    """
    features = [float(shared.max(initial=0.0))]
    for column in (1, 2):
        chances = np.sort(said[:, column].astype(float))[::-1]
        first, second = (*chances[:2], 0.0, 0.0)[:2]
        anyone = 1 - float(np.prod(1 - chances))
        features += [_log_odds(first), _log_odds(second), first - second, anyone]
    return np.array(features, dtype=np.float32)


def with_place(features: Matrix, place: int, count: int) -> Matrix:
    """`features` and two columns for each of `count` hypotheses: at `place` 1 and the overlap."""
    own = np.zeros(2 * count, dtype=np.float32)
    own[2 * place : 2 * place + 2] = 1, OVERLAP_SCALE * features[0]
    return np.concatenate([features, own])


def _log_odds(chance: float) -> float:
    return float(np.log((chance + _SOFT) / (1 - chance + _SOFT)))


def _words(vocabulary: Vocabulary) -> dict[str, Any]:
    return {"terms": "\n".join(vocabulary.terms), "idf": pack(vocabulary.idf, "f2")}


def _read_words(raw: Any) -> Vocabulary:
    return Vocabulary(tuple(raw["terms"].split("\n")), unpack(raw["idf"]))


def _knots(monotone: Monotone) -> dict[str, list[float]]:
    return {"x": list(monotone.x), "y": list(monotone.y)}


def _read_knots(raw: Any) -> Monotone:
    return Monotone(tuple(raw["x"]), tuple(raw["y"]))


def _verdicts(raw: Any) -> VerdictHead | None:
    if raw is None:
        return None
    parts = {h: Linear.unpacked(part) for h, part in raw["segment"].items()}
    whole, right = Linear.unpacked(raw["whole"]), _read_knots(raw["right"])
    vocabulary = _read_words(raw["words"])
    _fits(whole, _POOLED + 2 * len(parts), len(VERDICTS))
    for part in parts.values():
        _fits(part, len(vocabulary.terms), len(VERDICTS))
    return VerdictHead(vocabulary, parts, whole, right)


def _types(raw: Any) -> TypeHead | None:
    if raw is None:
        return None
    layer, right = Linear.unpacked(raw["layer"]), _read_knots(raw["right"])
    vocabulary, types = _read_words(raw["words"]), tuple(raw["types"])
    _fits(layer, len(vocabulary.terms), len(types))
    return TypeHead(vocabulary, types, layer, right)


def _fits(layer: Linear, rows: int, columns: int) -> None:
    if layer.weights.shape != (rows, columns) or layer.bias.shape != (columns,):
        raise ValueError("a layer of another size")


def _refused(path: Path, what: str) -> SettingsError:
    return SettingsError(
        f"The contract head {path} {what}.",
        "Correct contracts.head, leave it out, or train one: `tandem contracts train`.",
    )
