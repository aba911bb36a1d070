"""Tandem as an MCP server: a client asks it as it would ask a tool, and gets typed answers.

Over standard streams: the `mcp` package keeps standard output for the protocol, whatever else
prints. A request passes the same graph, checks and ledger as any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

from pydantic import Field
from typing_extensions import TypedDict

from tandem.cli.requests import masked, unexpected
from tandem.errors import InvalidRequest, McpError, TandemError
from tandem.ledger.report import Report, report
from tandem.nodes.explain import Explanation
from tandem.nodes.state import Context
from tandem.records import Answer, Document, Sensitivity, Status
from tandem.settings import Settings

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from tandem.app import Tandem

INSTRUCTIONS: Final = (
    "Tandem answers with a small language model where that will do, and with a large one where it "
    "will not; each answer is checked first. Trust `output` only where `status` is `accepted`; a "
    "`draft` was not accepted. `reasons` say why it went the way it did."
)
LOOK: Final = "a person decides on this machine: `tandem runs show {run}`"
MAX_DAYS: Final = 3650
Text = Annotated[str, Field(min_length=1, description="What is asked, or the text to work on.")]
Labels = Annotated[list[str], Field(min_length=2, description="The labels to choose from.")]
Documents = Annotated[
    list[Document] | None,
    Field(description="Files by content: a name, and text, or base64 data with its media_type."),
]
Schema = Annotated[
    dict[str, Any] | str,
    Field(description="A JSON schema of the fields, or invoice, receipt, purchase_order..."),
]


class Reply(TypedDict):
    """An answer, as a client of the server gets it."""

    run_id: str
    status: Status
    output: Any
    """Only where `status` is accepted or unverified."""
    draft: Any
    """The best output that was not accepted."""
    task: str
    tier: str | None
    model: str
    cost: float
    all_llm_cost: float
    currency: str
    seconds: float
    reasons: list[str]


@dataclass(frozen=True)
class Served:
    """The server's tools.

    Parameters
    ----------
    tenant: whose requests these are.
    private_only: no model that is not private may see them.
    """

    tandem: Tandem
    tenant: str = ""
    private_only: bool = False

    async def ask(
        self,
        text: Text,
        task: Annotated[str, Field(description="The task, where you know it.")] = "",
        labels: list[str] | None = None,
        output_schema: Schema = "",
        documents: Documents = None,
        template: Annotated[str, Field(description="For drafts: text with {slots}.")] = "",
        sensitivity: Sensitivity = "none",
        deadline_ms: Annotated[int | None, Field(ge=1)] = None,
        quality: Annotated[float | None, Field(ge=0, le=1)] = None,
    ) -> Reply:
        """Answer a request of any task: extraction, faq, sentiment, document_classification, draft,
        support_reply, reasoning, longform, contract_review, research, agent."""
        return await self._run(
            text=text,
            task=task,
            labels=labels,
            output_schema=output_schema,
            documents=documents,
            template=template,
            sensitivity="" if sensitivity == "none" else sensitivity,
            deadline_ms=deadline_ms,
            quality=quality,
        )

    async def extract(
        self,
        output_schema: Schema,
        text: Annotated[str, Field(description="The text, where no document is given.")] = "",
        documents: Documents = None,
    ) -> Reply:
        """Read fields out of a text or document."""
        return await self._run(
            text=text, task="extraction", output_schema=output_schema, documents=documents
        )

    async def sentiment(
        self,
        text: Text,
        labels: Labels = ["positive", "negative", "neutral"],  # noqa: B006
    ) -> Reply:
        """The sentiment of a text: one of the labels."""
        return await self._run(text=text, task="sentiment", labels=labels)

    async def classify(self, text: Text, labels: Labels) -> Reply:
        """Which of the labels fits a text."""
        return await self._run(text=text, task="document_classification", labels=labels)

    async def faq(self, text: Text) -> Reply:
        """Answer a question from the knowledge base, with citations."""
        return await self._run(text=text, task="faq")

    async def explain(self, text: Text, task: str = "", documents: Documents = None) -> Explanation:
        """What would be done with a request, and why; nothing is run and no model is asked."""
        fields = self._fields(task=task, documents=documents)
        context = Context(private_only=self.private_only)
        try:
            return await asyncio.to_thread(
                self.tandem.explain, text, context=context, read=False, **fields
            )
        except Exception as error:
            self._tell(error)

    async def report(self, days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 7) -> Report:
        """What the runs of the last days came to: cost against all-LLM, acceptance, latency."""
        since = datetime.now().astimezone() - timedelta(days=days)
        try:
            return await asyncio.to_thread(
                report, self.tandem.services.ledger, since, tenant=self.tenant or None
            )
        except Exception as error:
            self._tell(error)

    def tools(self) -> dict[str, Callable[..., Any]]:
        """By the names that clients know."""
        return {
            "tandem_ask": self.ask,
            "tandem_extract": self.extract,
            "tandem_sentiment": self.sentiment,
            "tandem_classify": self.classify,
            "tandem_faq": self.faq,
            "tandem_explain": self.explain,
            "tandem_report": self.report,
        }

    async def _run(self, **fields: Any) -> Reply:
        text = fields.pop("text")
        context = Context(private_only=self.private_only)
        try:
            # Cancelling this call stops the models' work.
            answer = await self.tandem.arun(text, context=context, **self._fields(**fields))
        except Exception as error:
            self._tell(error)
        return self._reply(answer)

    def _fields(self, **fields: Any) -> dict[str, Any]:
        given = {key: value for key, value in fields.items() if value not in ("", None, [])}
        return {**given, "tenant": self.tenant} if self.tenant else given

    def _reply(self, answer: Answer) -> Reply:
        asked = [LOOK.format(run=answer["run_id"])] if answer["status"] == "waiting" else []
        return {
            "run_id": answer["run_id"],
            "status": answer["status"],
            "output": answer["output"],
            "draft": answer["draft"],
            "task": answer["task"],
            "tier": answer["tier"],
            "model": answer["model"],
            "cost": answer["cost"],
            "all_llm_cost": answer["all_llm_cost"],
            "currency": self.tandem.services.settings.currency,
            "seconds": answer["seconds"],
            "reasons": [*answer["reasons"], *asked],
        }

    def _tell(self, error: Exception) -> NoReturn:
        """Tell the client in Tandem's words, masked; never in those of an unforeseen error."""
        from mcp.server.mcpserver.exceptions import ToolError

        raise ToolError(words_of(error, self.tandem.services.settings)) from error


def words_of(error: Exception, settings: Settings) -> str:
    """What a client is told of an error, with its code and, unless it was refused, its run."""
    told = error if isinstance(error, TandemError) else unexpected(error)
    began = None if isinstance(told, InvalidRequest) else told.answer
    run = f" Run {began['run_id']}." if began else ""
    words = masked(told, settings)
    return f"{words} ({words.code}){run}"


def build_server(served: Served) -> MCPServer:
    """The server, for any transport of the `mcp` package.

    Raises
    ------
    McpError: the extra `mcp` is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError

        from tandem.cli.mcp_arguments import check_arguments, strict_tool
    except ImportError as error:
        raise McpError(
            "`tandem mcp serve` needs the extra `mcp`, which is not installed.",
            "`pip install 'tandem-lm[mcp]'`",
        ) from error
    settings = served.tandem.services.settings
    tools = {name: strict_tool(tool, name) for name, tool in served.tools().items()}

    class Server(MCPServer):
        """Looks at the arguments before the `mcp` package does, and tells errors without its words:
        it puts the tool's name before them, and quotes the name of one that does not exist."""

        async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
            try:
                if name not in tools:
                    raise InvalidRequest("There is no such tool.", f"Tools: {', '.join(tools)}.")
                check_arguments(tools[name], arguments)
            except InvalidRequest as error:
                raise ToolError(words_of(error, settings)) from None
            try:
                return await super().call_tool(name, arguments, context)
            except UnexpectedToolError:
                raise
            except ToolError as error:
                raise (
                    error.__cause__ if isinstance(error.__cause__, ToolError) else error
                ) from None

    return Server(
        "tandem", instructions=INSTRUCTIONS, log_level="ERROR", tools=list(tools.values())
    )


def serve_stdio(settings: Settings, tenant: str = "", private_only: bool = False) -> None:
    """Serve over standard input and output until the client goes."""
    from tandem.app import Tandem

    with Tandem(settings) as tandem:
        build_server(Served(tandem, tenant, private_only)).run("stdio")
