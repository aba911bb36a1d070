"""Tandem: a small language model and a large one in tandem. Route, check, escalate, account.

>>> from tandem import Tandem
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandem.errors import (
    AnswerRejected,
    Cancelled,
    DeadlineExceeded,
    DocumentError,
    EgressBlocked,
    InvalidRequest,
    KnowledgeError,
    LedgerError,
    ModelError,
    ModelFileError,
    ModelUnavailable,
    PromptTooLong,
    SettingsError,
    TandemError,
)

if TYPE_CHECKING:
    from tandem.app import Tandem
    from tandem.nodes.state import Context

    __version__: str

__all__ = [
    "AnswerRejected",
    "Cancelled",
    "Context",
    "DeadlineExceeded",
    "DocumentError",
    "EgressBlocked",
    "InvalidRequest",
    "KnowledgeError",
    "LedgerError",
    "ModelError",
    "ModelFileError",
    "ModelUnavailable",
    "PromptTooLong",
    "SettingsError",
    "Tandem",
    "TandemError",
    "__version__",
]


def _refuse_broken_links(package: Path) -> None:
    """graphs/, nodes/, tools/ and evals/ are links inside the package. A checkout without symbolic
    links (the default on Windows) leaves text files in their place, and every import would fail
    obscurely."""
    if (package / "nodes").is_file():
        raise ImportError(
            "Tandem's folder links were checked out as text files. Run `git config core.symlinks "
            "true` and `git checkout -- tandem`, or install the wheel, which needs no links."
        )


_refuse_broken_links(Path(__file__).parent)


def __getattr__(name: str) -> Any:
    """What is heavy comes at first use, so that `import tandem` costs next to nothing."""
    if name == "Tandem":
        from tandem.app import Tandem

        return Tandem
    if name == "Context":
        from tandem.nodes.state import Context

        return Context
    if name == "__version__":
        from importlib.metadata import version

        return version("tandem-lm")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
