"""What a run redacts, it redacts in every prompt of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.graphs.hybrid import build
from tandem.privacy.known import CUT, folded
from tests.unit.fakes import completion
from tests.unit.services import FakeServices

IBAN = "DE89 3704 0044 0532 0130 00"


def shown(text: str, folder: Path) -> str:
    """What the public LLM is shown of a document."""
    services = FakeServices(
        folder,
        slm=[completion("bill", logprob=-0.01)],
        llm=[completion("bill", logprob=-0.01)],
        privacy={"leave": {"IBAN": "redact", "PHONE": "redact"}},
        policy={"rules": [{"name": "r", "first_tier": "llm"}]},
    )
    request = {"text": text, "task": "document_classification", "labels": ["bill", "letter"]}
    build(services).compile().invoke({"request": request})
    (prompt,) = services.fakes["llm"].prompts
    return prompt.messages[-1]["content"]


@pytest.mark.parametrize("inside", [3, 6, 12, 18, 24])
def test_a_long_document_is_not_cut_inside_a_value(inside: int, tmp_path: Path) -> None:
    filler = "x " * 8000
    cut = shown(filler, tmp_path / "a").index(CUT) - 1
    before = filler[: cut - inside]
    seen = shown(f"{before} {IBAN} {filler}", tmp_path / "b")
    said = folded(seen)
    whole = folded(IBAN)
    assert not any(whole[at : at + 4] in said for at in range(len(whole) - 3))
    assert "_1>" in seen or inside < 6
