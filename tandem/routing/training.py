"""Train a routing head, and say how good it is on rows that it did not see."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tandem.errors import InvalidRequest
from tandem.records import Request
from tandem.routing.complexity_training import Worth, train_complexity
from tandem.routing.features import BUCKETS, COUNTS, counts, hashed, head_text
from tandem.routing.head import Linear, TaskHead
from tandem.routing.labelled import Labelled
from tandem.stats import Interval, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS: Final = 5
SEED: Final = 20_261_124
C: Final = 1.0
SCALE_EMBEDDING: Final = 3.0
SCALE_COUNTS: Final = 0.3
SCALE_HASHED: Final = 4.0
"""How strong the parts are against each other, chosen by held-out accuracy over groups (.865; the
embedding alone with the counts .817, the words alone with the counts .814; 6,280 rows)."""
BINS: Final = 10


@dataclass(frozen=True)
class HeldOut:
    """Figures on rows whose group was held out of the training."""

    accuracy: Interval
    by_task: Mapping[str, Interval]
    confusion: Mapping[str, Mapping[str, int]]
    """True task, then what the head said, then how often."""
    ece: float
    """Expected calibration error in ten bins of equal width, after the temperature."""


@dataclass(frozen=True)
class Trained:
    """A head and its figures; `worth` is the complexity's, None where none was trained."""

    head: TaskHead
    held_out: HeldOut
    worth: Worth | None


def train(
    rows: Sequence[Labelled],
    embed: Callable[[str], Sequence[float]],
    fingerprint: str,
    card: Mapping[str, Any],
    progress: Callable[[int], None] | None = None,
    outcomes: Sequence[Labelled] = (),
) -> Trained:
    """A head of all rows; its figures come from heads that each left a fifth of the groups out.

    Parameters
    ----------
    embed: text to unit vector, of the model that `fingerprint` names.
    card: what the file says of the data; figures and date are added.
    progress: gets the number of texts embedded.
    outcomes: more rows with `slm_failed`; they train the complexity alone.

    Raises
    ------
    InvalidRequest: fewer groups than folds.
    """
    import numpy as np

    vectors = np.array(list(_embedded(rows, embed, progress)), dtype=np.float32)
    inputs = Inputs.of([row.request for row in rows], vectors)
    tasks = np.array([row.task for row in rows])
    classes = np.unique(tasks)
    logits = _held_out_logits(inputs.matrix, tasks, classes, [row.group for row in rows])
    temperature = best_temperature(logits, np.searchsorted(classes, tasks))
    figures = _figures(logits / temperature, tasks, classes)
    model = _fitted(inputs.matrix, tasks)
    complexity = train_complexity([*rows, *outcomes])
    head = TaskHead(
        classes=tuple(classes.tolist()),
        layer=inputs.layer(model.coef_, model.intercept_),
        temperature=temperature,
        fingerprint=fingerprint,
        card={**card, **_card(rows, figures, complexity and complexity.worth)},
        complexity=complexity and complexity.complexity,
    )
    return Trained(head, figures, complexity and complexity.worth)


@dataclass(frozen=True)
class Inputs:
    """The rows' features side by side, scaled; `layer` takes the scaling into the weights."""

    matrix: NDArray[np.float32]
    means: NDArray[np.float32]
    spreads: NDArray[np.float32]
    dimensions: int
    """Of the embedding."""

    @classmethod
    def of(cls, requests: Sequence[Request], vectors: NDArray[np.float32]) -> Inputs:
        """Features of `requests`, whose texts have the embeddings `vectors` (one a row)."""
        import numpy as np

        counted = np.array([counts(request) for request in requests])
        means, spreads = counted.mean(axis=0), counted.std(axis=0)
        spreads[spreads < 1e-6] = 1.0  # what never varies is 0 after centring
        words = np.zeros((len(requests), BUCKETS), dtype=np.float32)
        for place, request in enumerate(requests):
            buckets, weights = hashed(request)
            words[place, buckets] = weights
        parts = (
            vectors * SCALE_EMBEDDING,
            (counted - means) / spreads * SCALE_COUNTS,
            words * SCALE_HASHED,
        )
        return cls(np.hstack(parts).astype(np.float32), means, spreads, vectors.shape[1])

    def layer(self, weights: NDArray[Any], bias: NDArray[Any]) -> Linear:
        """The layer over unscaled features that equals `weights` and `bias` over `matrix`."""
        import numpy as np

        width = self.dimensions
        embedding, rest = weights[:, :width], weights[:, width:]
        counted = rest[:, : len(COUNTS)] * SCALE_COUNTS / self.spreads
        return Linear(
            bias=(bias - counted @ self.means).astype(np.float32),
            embedding=(embedding * SCALE_EMBEDDING).astype(np.float32),
            counts=counted.astype(np.float32),
            hashed=(rest[:, len(COUNTS) :] * SCALE_HASHED).astype(np.float32),
        )


def best_temperature(logits: NDArray[Any], right: NDArray[Any]) -> float:
    """The temperature under which the right classes (by index) are most probable; 0.2 to 5.

    Source: Guo et al. (2017), On calibration of modern neural networks, arXiv:1706.04599.
    """
    import numpy as np

    grid = np.geomspace(0.2, 5.0, 161)
    rows = np.arange(len(right))
    losses = [-_log_softmax(logits / one)[rows, right].mean() for one in grid]
    return float(grid[int(np.argmin(losses))])


def calibration_error(confidences: NDArray[Any], right: NDArray[Any]) -> float:
    """Expected calibration error: |accuracy - mean confidence| of each bin, weighted by its rows.

    Source: Naeini et al. (2015), Obtaining well calibrated probabilities using Bayesian binning.
    """
    import numpy as np

    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    gaps = [
        abs(right[bins == one].mean() - confidences[bins == one].mean()) * (bins == one).mean()
        for one in range(BINS)
        if (bins == one).any()
    ]
    return float(sum(gaps))


def _embedded(
    rows: Sequence[Labelled],
    embed: Callable[[str], Sequence[float]],
    progress: Callable[[int], None] | None,
) -> Any:
    for number, row in enumerate(rows, start=1):
        yield embed(head_text(row.request))
        if progress:
            progress(number)


def _held_out_logits(
    matrix: NDArray[Any], tasks: NDArray[Any], classes: NDArray[Any], groups: Sequence[str]
) -> NDArray[Any]:
    import numpy as np
    from sklearn.model_selection import GroupKFold  # type: ignore[import-untyped]

    if len(set(groups)) < FOLDS:
        raise InvalidRequest(
            f"The rows form fewer than {FOLDS} groups, so none can be held out.",
            "Give rows of more phrasings, or leave `group` out.",
        )
    logits = np.full((len(tasks), len(classes)), -30.0)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for seen, unseen in folds.split(matrix, tasks, groups):
        model = _fitted(matrix[seen], tasks[seen])
        scores = _scores(model, matrix[unseen])
        # A fold may lack a task altogether: it then has no probability there.
        logits[np.ix_(unseen, np.searchsorted(classes, model.classes_))] = scores
    return logits


def _fitted(matrix: NDArray[Any], tasks: NDArray[Any]) -> Any:
    import numpy as np
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    if len(np.unique(tasks)) < 2:
        raise InvalidRequest(
            "With a fifth of the groups left out, all rows are of one task.",
            "Give more groups of each task.",
        )
    return _Symmetric(LogisticRegression(C=C, max_iter=500).fit(matrix, tasks))


class _Symmetric:
    """A fitted model with a row of weights a class, also where there are two classes."""

    def __init__(self, model: Any) -> None:
        import numpy as np

        self.classes_ = model.classes_
        pair = len(model.classes_) == 2
        self.coef_ = np.vstack([-model.coef_ / 2, model.coef_ / 2]) if pair else model.coef_
        bias = model.intercept_
        self.intercept_ = np.concatenate([-bias / 2, bias / 2]) if pair else bias


def _scores(model: Any, matrix: NDArray[Any]) -> NDArray[Any]:
    scores: NDArray[Any] = matrix @ model.coef_.T + model.intercept_
    return scores


def _figures(logits: NDArray[Any], tasks: NDArray[Any], classes: NDArray[Any]) -> HeldOut:
    import numpy as np

    probabilities = np.exp(_log_softmax(logits))
    said = classes[probabilities.argmax(axis=1)]
    right = said == tasks
    confusion = {
        str(task): {
            str(other): int(n) for other in classes if (n := np.sum(said[tasks == task] == other))
        }
        for task in classes
    }
    by_task = {
        str(task): wilson(int(right[tasks == task].sum()), int((tasks == task).sum()))
        for task in classes
    }
    return HeldOut(
        accuracy=wilson(int(right.sum()), len(right)),
        by_task=by_task,
        confusion=confusion,
        ece=calibration_error(probabilities.max(axis=1), right),
    )


def _log_softmax(logits: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    shifted = logits - logits.max(axis=1, keepdims=True)
    result: NDArray[Any] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _card(rows: Sequence[Labelled], figures: HeldOut, worth: Worth | None) -> dict[str, Any]:
    return {
        "trained": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "rows": len(rows),
        "groups": len({row.group for row in rows}),
        "figures": {
            "how": f"{FOLDS} folds over groups: no held-out row shares its phrasing with training",
            "accuracy": [round(one, 4) for one in figures.accuracy[:3]],
            "by_task": {task: round(one.mean, 4) for task, one in figures.by_task.items()},
            "ece": round(figures.ece, 4),
        },
        "complexity": worth
        and {
            "rows": worth.n,
            "failed": worth.failed,
            "auroc": [round(one, 3) for one in worth.auroc[:3]],
            "auroc_of_task_alone": [round(one, 3) for one in worth.by_task_alone[:3]],
            "auroc_of_length": [round(one, 3) for one in worth.by_length[:3]],
        },
    }
