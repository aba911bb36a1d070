from __future__ import annotations

from pathlib import Path

import pytest

from tandem.errors import SettingsError
from tandem.settings import Policy, load

RULE = '[[policy.rules]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (RULE + RULE.replace('"a"', '"b"') + "tier = 'slm'\n", 5, "known keys: name, when, refuse"),
        (RULE + "when = { tasks = 'faq' }\n", 3, "known keys: task, tenant, sensitivity"),
        (RULE + "when = [\n  { sensitivity = 'high' },\n]\n", 3, "'none', 'internal', 'personal'"),
        (RULE + "when = { complexity = { over = 1 } }\n", 3, "known keys: above, at_least"),
        (RULE + "when = { complexity = {} }\n", 3, "at least one of above"),
        (RULE + "when = { complexity = { above = nan } }\n", 3, "finite number"),
        (RULE + "when = { documents = true }\n", 3, "documents"),
        (RULE + "when = { task = { any = ['a'], but = ['b'] } }\n", 3, "give one of `any`"),
        (RULE + "when = []\nprivate_only = true\n", 3, "leave `when` out to mean that"),
        (RULE + "when = { task = 'faq' }\n", 1, "the rule decides nothing"),
        (RULE + "first_tier = 'mlm'\n", 3, "'slm' or 'llm'"),
        (RULE + "refuse = 'No.'\nprivate_only = true\n", 1, "remove private_only"),
        (
            RULE + "private_only = true\n" + RULE + "may_escalate = true\n",
            1,
            "two rules are called 'a'",
        ),
        (RULE + "public_may_see = ['secret']\n", 3, "never more, and privacy.public_may_see"),
        ("[policy.budgets]\nper_day = -1\n", 2, "greater than or equal to 0"),
        ("[policy.budgets]\nwhen_spent = 'stop'\n", 2, "'slm_only' or 'refuse'"),
        ("[policy.budgets.tenants]\nbank = 'much'\n", 2, "valid number"),
        ("[policy.deadlines]\non_late = 'wait'\n", 2, "'unverified' or 'error'"),
    ],
)
def test_a_bad_policy_is_refused_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    file = tmp_path / "tandem.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert said in caught.value.what
    assert f"tandem.toml:{line}: " in caught.value.what


def test_the_forms_of_a_condition_mean_the_same() -> None:
    short = {"task": "faq", "documents": 2}
    long = [{"task": {"any": ["faq"]}, "documents": {"at_least": 2, "at_most": 2}}]
    rules = [{"name": "a", "when": when, "private_only": True} for when in (short, long)]
    first, second = (Policy.model_validate({"rules": [rule]}) for rule in rules)
    assert first == second
