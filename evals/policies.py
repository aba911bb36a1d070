"""The names of the policies, and which of them can do what."""

from __future__ import annotations

from typing import Final

from tandem.evals.case import Case
from tandem.evals.suite import TOOL_USE

POLICIES: Final = ("slm_only", "llm_only", "tandem")
"""Those that are run where none is named."""
ON_PAGES: Final = frozenset({"slm_on_pages", "llm_on_pages"})
"""One prompt over the whole pages of the best passages: research only."""
ONE_SHOT: Final = "llm_one_shot"
"""One plain prompt in place of a task's own steps: tasks that have a `one_shot`."""
PLAIN_LOOP: Final = "plain_loop"
"""The LLM with tools, one call a turn: agent tasks only."""
CHECKED: Final = "slm_checked"
"""Tool calls of the SLM under the agent's check, else of the LLM: choosing tools only."""
FORMS: Final = (
    "slm_only, llm_only, llm_one_shot, slm_on_pages, llm_on_pages, plain_loop, slm_checked, "
    "tandem, random_mix:SHARE, settings:FILE"
)


def applies(policy: str, case: Case) -> bool:
    """Whether the policy can do the case: choosing tools alone is no task of the graph, whole pages
    are only research's, and an agent's work is no single attempt."""
    kind, acting = policy.partition(":")[0], case["task"] == "agent"
    if acting or kind == PLAIN_LOOP:
        return acting and kind in (PLAIN_LOOP, "tandem", "settings")
    if policy == CHECKED:
        return case["task"] == TOOL_USE
    if policy in ON_PAGES:
        return case["task"] == "research"
    if policy == ONE_SHOT:
        return case["task"] in ("longform", "contract_review", "reasoning")
    return case["task"] != TOOL_USE or kind not in ("tandem", "settings")
