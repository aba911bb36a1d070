"""Questions crossed with the passages that retrieval kept: by code, never by a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tandem.nodes.research.records import Job, Passage, Question


class Crossed(NamedTuple):
    """A round's work."""

    jobs: list[Job]
    """One a passage, so that the questions that share it share its place in the prompt cache."""
    left_out: int
    """Pairs beyond the limit."""


def cross(
    questions: Mapping[int, Question],
    retrieve: Callable[[str], Sequence[Passage]],
    most: int,
) -> Crossed:
    """Each question with its passages, at most `most` pairs: the best passages of all questions
    before the second best of any.

    Parameters
    ----------
    questions: by position.
    """
    ranked = {at: list(retrieve(one["question"])) for at, one in questions.items()}
    depth = max(map(len, ranked.values()), default=0)
    pairs = [
        (at, passages[rank])
        for rank in range(depth)
        for at, passages in ranked.items()
        if rank < len(passages)
    ]
    jobs: dict[str, Job] = {}
    for at, passage in pairs[:most]:
        job = jobs.setdefault(passage["id"], {"passage": passage, "questions": {}})
        job["questions"][str(at)] = questions[at]
    return Crossed(list(jobs.values()), max(0, len(pairs) - most))
