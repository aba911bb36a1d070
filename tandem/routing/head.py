"""The routing head: which task a request is, and whether the SLM will do, by one linear layer.

Multinomial logistic regression over [embedding, counts, hashed words] (tandem/routing/features.py),
trained by `tandem routing train` with scikit-learn; here only numpy, from a JSON file. Its
probabilities are calibrated by a temperature (Guo et al., 2017, arXiv:1706.04599). A head knows the
embedding model that it was trained on and reads no other's vectors.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tandem.errors import SettingsError
from tandem.records import Request
from tandem.routing.complexity import Complexity
from tandem.routing.features import BUCKETS, COUNTS, counts, hashed
from tandem.settings import Settings
from tandem.settings.routing import NO_HEAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT: Final = 1
OTHER: Final = "other"
"""What is none of the tasks: greetings, noise, questions about the world."""
SHIPPED: Final = Path(__file__).parent / "heads" / "task_head.json"
"""The head that comes with Tandem; its card stands in the file."""


def head_path(settings: Settings) -> Path | None:
    """The file of the head that the settings name; None: they want none."""
    named = settings.routing.head
    return None if named == NO_HEAD else settings.path(named) if named else SHIPPED


@dataclass(frozen=True)
class Linear:
    """One linear layer in three parts, summed; shapes (classes, inputs)."""

    bias: NDArray[np.float32]
    embedding: NDArray[np.float32]
    counts: NDArray[np.float32]
    hashed: NDArray[np.float32]

    def logits(self, vector: Sequence[float], request: Request) -> NDArray[np.float32]:
        """Scores before the softmax, a class each."""
        import numpy as np

        buckets, weights = hashed(request)
        score: NDArray[np.float32] = (
            self.bias
            + self.embedding @ np.asarray(vector, dtype=np.float32)
            + self.counts @ counts(request)
            + self.hashed[:, buckets] @ weights
        )
        return score


@dataclass(frozen=True)
class HeadReading:
    """What the head makes of a request: the calibrated probability of each of its classes."""

    probabilities: Mapping[str, float]

    def best(self, among: Collection[str] = ()) -> tuple[str, float]:
        """The most probable class and its probability, 0 to 1.

        Where `among` names classes, only those are weighed, against each other: they share all
        the probability. Where the head knows none of them, the first has 0.
        """
        known = {name: p for name, p in self.probabilities.items() if not among or name in among}
        if not known:
            return next(iter(among)), 0.0
        task = max(known, key=lambda name: known[name])
        return task, known[task] / max(sum(known.values()), 1e-12)


@dataclass(frozen=True)
class TaskHead:
    """A trained head; thread-safe.

    Parameters
    ----------
    classes: tasks and `other`, in the order of the layer's rows.
    temperature: logits are divided by it.
    fingerprint: of the embedding model that it was trained on (`fingerprint_of`).
    card: what it was trained on, its licence, its figures and its date.
    complexity: whether the SLM will do; None where the training had no answers of it.
    """

    classes: tuple[str, ...]
    layer: Linear
    temperature: float
    fingerprint: str
    card: Mapping[str, Any]
    complexity: Complexity | None = None

    def read(self, request: Request, vector: Sequence[float]) -> HeadReading:
        """What `request` is, whose `head_text` has the embedding `vector`."""
        import numpy as np

        logits = self.layer.logits(vector, request) / self.temperature
        exponents = np.exp(logits - logits.max())
        shares = (exponents / exponents.sum()).tolist()
        return HeadReading(dict(zip(self.classes, shares, strict=True)))

    def to_json(self) -> str:
        """The head as a file's text; arrays are float16, little-endian, base64."""
        parts = {name: _packed(getattr(self.layer, name)) for name in _SHAPES}
        return json.dumps(
            {
                "format": FORMAT,
                "card": dict(self.card),
                "fingerprint": self.fingerprint,
                "classes": list(self.classes),
                "counts": list(COUNTS),
                "buckets": BUCKETS,
                "temperature": self.temperature,
                "complexity": self.complexity and self.complexity.to_json(),
                "layer": parts,
            },
            indent=1,
            ensure_ascii=False,
        )


_SHAPES: Final = ("bias", "embedding", "counts", "hashed")


def load_head(path: Path) -> TaskHead:
    """The head in `path`.

    Raises
    ------
    SettingsError: there is no such file, or it is no head of this version.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return _parsed(raw)
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _refused(path, f"is no routing head of this version ({error})") from None


def check_embedding(head: TaskHead, path: Path, fingerprint: str) -> None:
    """Raises SettingsError where `head` (of `path`) was trained on another embedding model."""
    if head.fingerprint != fingerprint:
        raise _refused(
            path,
            f"was trained on the embedding model {head.fingerprint}, and this is {fingerprint}",
        )


def _parsed(raw: Any) -> TaskHead:
    if raw["format"] != FORMAT or raw["buckets"] != BUCKETS or tuple(raw["counts"]) != COUNTS:
        raise ValueError("its features are others")
    classes = tuple(str(name) for name in raw["classes"])
    temperature = float(raw["temperature"])
    if not classes or not 0 < temperature < math.inf:
        raise ValueError("no classes, or no temperature")
    layer = Linear(**{name: _unpacked(raw["layer"][name]) for name in _SHAPES})
    widths = (None, None, len(COUNTS), BUCKETS)
    for name, width in zip(_SHAPES, widths, strict=True):
        shape = getattr(layer, name).shape
        if shape[0] != len(classes) or (width is not None and shape[1:] != (width,)):
            raise ValueError(f"{name} has the shape {shape}")
    part = raw.get("complexity")
    return TaskHead(
        classes=classes,
        layer=layer,
        temperature=temperature,
        fingerprint=str(raw["fingerprint"]),
        card=dict(raw["card"]),
        complexity=None if part is None else Complexity.from_json(part),
    )


def _packed(values: NDArray[np.float32]) -> dict[str, Any]:
    data = base64.b64encode(values.astype("<f2").tobytes()).decode("ascii")
    return {"shape": list(values.shape), "float16": data}


def _unpacked(packed: Any) -> NDArray[np.float32]:
    import numpy as np

    data = base64.b64decode(packed["float16"], validate=True)
    values = np.frombuffer(data, dtype="<f2").astype(np.float32).reshape(packed["shape"])
    if not np.isfinite(values).all():
        raise ValueError("a weight is not finite")
    return values


def _refused(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"The routing head {path} {why}.",
        "Train one with `tandem routing train`, or clear routing.head to use the shipped one.",
    )
