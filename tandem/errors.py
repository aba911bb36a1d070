"""One exception tree: each error says what happened, what was not lost and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tandem.records import Answer, ErrorInfo


class TandemError(Exception):
    """Base of all errors that Tandem raises on purpose.

    Parameters
    ----------
    what: what happened, in one sentence without any request text.
    remedy: what to do next; empty where there is nothing to do.
    """

    code: str = "error"
    answer: Answer | None = None
    """What was reached before the error, with the rejected drafts; set by `Tandem.run`."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what: Final = what
        self.remedy: Final = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()

    def info(self) -> ErrorInfo:
        """The error as data."""
        return {"code": self.code, "what": self.what, "remedy": self.remedy}


class SettingsError(TandemError):
    """A setting is unknown, of the wrong type or outside its allowed values."""

    code = "settings"


class InvalidRequest(TandemError):
    """The request cannot be carried out as it stands (empty, too large, unknown task...)."""

    code = "invalid_request"


class DocumentError(InvalidRequest):
    """A document cannot be read: damaged, encrypted, a scan without text, an unknown type."""

    code = "document"


class KnowledgeError(TandemError):
    """The knowledge index is missing, damaged or made with other embeddings."""

    code = "knowledge"


class LedgerError(TandemError):
    """The ledger cannot be opened or written."""

    code = "ledger"


class ModelFileError(TandemError):
    """A model's file is missing, cut short, has a wrong checksum or cannot be fetched."""

    code = "model_file"


class ModelError(TandemError):
    """A model did not give an answer. Raised by tiers; a failing SLM escalates on it."""

    code = "model"


class ModelUnavailable(ModelError):
    """No endpoint of the tier answered: down, refusing, or its circuit breaker is open."""

    code = "model_unavailable"


class DeadlineExceeded(ModelError):
    """The time allowed for the request ran out while a model was working."""

    code = "deadline"


class PromptTooLong(ModelError):
    """The prompt and the answer's allowance do not fit into the model's context window."""

    code = "context_window"


class PolicyRefused(TandemError):
    """A rule of the policy refuses requests such as this one; no model was asked for an answer."""

    code = "policy_refused"


class BudgetSpent(PolicyRefused):
    """The tenant's day, or everybody's, is paid up, and the policy refuses what comes after."""

    code = "budget_spent"


class EgressBlocked(TandemError):
    """The guard refused to let text leave for a tier that is not private."""

    code = "egress_blocked"


class AnswerRejected(TandemError):
    """Every attempt was rejected by the quality check; the drafts are in the answer."""

    code = "rejected"


class Cancelled(ModelError):
    """The caller cancelled the request while a model was working."""

    code = "cancelled"


class McpError(TandemError):
    """An MCP server cannot be reached, or what it says or gives is not acceptable."""

    code = "mcp"


class McpNotSent(McpError):
    """A call did not reach the MCP server: it has done nothing."""

    code = "mcp_not_sent"


class CheckpointError(TandemError):
    """Checkpoints cannot be opened, read or written."""

    code = "checkpoint"


class RunStateError(InvalidRequest):
    """A run cannot go on, be decided on or be forked as it stands: ended, cancelled, not kept..."""

    code = "run_state"


class RunExpired(RunStateError):
    """A run waited for longer than its checkpoints are kept."""

    code = "expired"


class RunBusy(RunStateError):
    """Another worker is at the run."""

    code = "run_busy"


class UploadError(TandemError):
    """An upload to LangSmith did not get through: no key, refused, or no answer."""

    code = "upload"


def from_info(info: ErrorInfo) -> TandemError:
    """The exception that `info` was made of (its class by `code`)."""
    return _BY_CODE.get(info["code"], TandemError)(info["what"], info["remedy"])


def _tree(root: type[TandemError]) -> dict[str, type[TandemError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


_BY_CODE: Final = _tree(TandemError)
