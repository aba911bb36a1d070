"""Evaluators with LangSmith's signature: they work in `langsmith.evaluate` and alone.

`f(outputs, reference_outputs, inputs)` gives `{"key", "score", "comment"}`, or `{"results": [...]}`
of several such. `outputs` is a Result (`output` is None where nothing was served),
`reference_outputs` is `{"expected": ...}`, `inputs` holds `request` and, for tool use, `tools`.
A score is 0 to 1, and None where the evaluator does not apply to the row. Suites name evaluators
and their options; `make` builds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from tandem.errors import SettingsError
from tandem.evals.evaluators import (
    accounting,
    agent,
    contracts,
    extraction,
    faq,
    judge,
    labels,
    longform,
    numbers,
    research,
    text,
    tool_calls,
)
from tandem.evals.evaluators.base import Evaluator, Scores, scores_of

__all__ = ["KNOWN", "SUMMARY", "Evaluator", "Scores", "make", "scores_of"]

KNOWN: Final[dict[str, Callable[..., Evaluator]]] = {
    "label_match": labels.LabelMatch,
    "fields_correct": extraction.FieldsCorrect,
    "record_correct": extraction.RecordCorrect,
    "field_scores": extraction.FieldScores,
    "answer_right": faq.AnswerRight,
    "page_cited": faq.PageCited,
    "from_gold_passage": faq.FromGoldPassage,
    "abstention": faq.Abstention,
    "number_match": numbers.NumberMatch,
    "verdicts_right": contracts.VerdictsRight,
    "span_hit": contracts.SpanHit,
    "clause_type": contracts.ClauseType,
    "value_exact": contracts.ValueExact,
    "tool_calls": tool_calls.ToolCallsMatch,
    "text_properties": text.TextProperties,
    "completed": agent.Completed,
    "steps": agent.Steps,
    "values_right": research.ValuesRight,
    "citations_right": research.CitationsRight,
    "llm_tokens": partial(research.TierTokens, "llm"),
    "slm_tokens": partial(research.TierTokens, "slm"),
    "length_kept": longform.LengthKept,
    "no_repeats": longform.NoRepeats,
    "citations_known": longform.CitationsKnown,
    "sections_complete": longform.SectionsComplete,
    "route_correct": accounting.RouteCorrect,
    "no_leak": accounting.NoLeak,
    "seconds": accounting.Seconds,
    "cost": accounting.Cost,
    "judge": judge.Judge,
}
"""Evaluators of a row, by the name that suites use."""

SummaryEvaluator = Callable[[list[dict[str, Any]], list[dict[str, Any]]], dict[str, Any]]
SUMMARY: Final[Mapping[str, SummaryEvaluator]] = {
    "label_match": labels.macro_f1,
    "verdicts_right": contracts.verdict_macro_f1,
}
"""Evaluators of a whole run, by the row evaluator that they go with."""


def make(name: str, options: Mapping[str, Any]) -> Evaluator:
    """The evaluator `name` with its options.

    Raises
    ------
    SettingsError: there is none of that name, or it has no such option.
    """
    if name not in KNOWN:
        raise SettingsError(f"There is no evaluator {name!r}.", f"Known: {', '.join(KNOWN)}.")
    try:
        return KNOWN[name](**options)
    except TypeError as error:
        raise SettingsError(f"The evaluator {name}: {error}.", "Correct its options.") from None
