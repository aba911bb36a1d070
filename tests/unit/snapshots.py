"""Prompts beside the tests: what is sent to a model changes only on purpose.

With TANDEM_UPDATE_SNAPSHOTS=1 in the environment the stored prompts are written anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tandem.models.tier import Prompt

FOLDER = Path(__file__).parent / "nodes" / "snapshots"


def rendered(prompt: Prompt) -> str:
    """The prompt as readable text: its turns, then what binds the answer."""
    turns = [f"[{message['role']}]\n{message['content']}\n" for message in prompt.messages]
    bounds: dict[str, Any] = {"max_tokens": prompt.max_tokens, "temperature": prompt.temperature}
    bounds |= {"schema": prompt.schema} if prompt.schema is not None else {}
    bounds |= {"choices": list(prompt.choices)} if prompt.choices is not None else {}
    return "".join(turns) + f"[bounds]\n{json.dumps(bounds, indent=1, ensure_ascii=False)}\n"


def assert_stored(name: str, prompt: Prompt) -> None:
    """Compare the prompt with the stored one of this name."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("TANDEM_UPDATE_SNAPSHOTS"):
        path.write_text(rendered(prompt), encoding="utf-8")
    assert rendered(prompt) == path.read_text(encoding="utf-8")
