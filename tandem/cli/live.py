"""What `tandem run` shows: a progress bar, or a line a request, then the totals."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tandem.cli.consoles import plain_console
from tandem.cli.rows import Row
from tandem.records import Answer, ErrorInfo
from tandem.settings import Settings

ERRORS_SHOWN: Final = 3
LINE: Final = "{id:<18} {task:<23} {tier:<5} {status:<12} {seconds:>7} {cost:>10} {all:>11}  {why}"


class LiveTable:
    """Shows rows as they end, and sums them up."""

    def __init__(self, settings: Settings, total: int, kept: int, live: bool) -> None:
        self._settings, self._kept, self._live = settings, kept, live
        self._console = plain_console(soft_wrap=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar = self._progress.add_task("requests", total=total)
        self._statuses: Counter[str] = Counter()
        self._tiers: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._cost = self._all_llm = self._seconds = 0.0

    @property
    def failed(self) -> int:
        """Rows that an error ended. What every gate rejected is a result, not an error."""
        return self._errors.total()

    def __enter__(self) -> LiveTable:
        if self._live:
            heads = {"id": "request", "task": "task", "tier": "tier", "status": "status"}
            line = LINE.format(**heads, seconds="seconds", cost="cost", all="all-LLM", why="why")
            self._console.print(line, style="bold")
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, row: Row, answer: Answer | None, error: ErrorInfo | None) -> None:
        """Count a finished row, and show it."""
        status = answer["status"] if answer else "failed"
        self._statuses[status] += 1
        if error:
            self._errors[error["what"]] += 1
        if answer:
            self._tiers[answer["tier"] or "none"] += 1
            self._cost += answer["cost"]
            if answer["status"] in ("accepted", "unverified"):
                self._all_llm += answer["all_llm_cost"]
            self._seconds += answer["seconds"]
        if self._live:
            self._progress.console.print("", end="")
            self._console.print(_line(row, answer, error))
        self._progress.advance(self._bar)

    def totals(self, output: Path) -> None:
        """The sums, and where answers and ledger lie."""
        # Imported here: SQLAlchemy takes half a second that `tandem --help` should not.
        from tandem.ledger.connection import parsed, shown

        currency = self._settings.currency
        saved = 1 - self._cost / self._all_llm if self._all_llm else 0.0
        statuses = ", ".join(f"{count} {name}" for name, count in self._statuses.most_common())
        tiers = ", ".join(f"{name} {count}" for name, count in self._tiers.most_common())
        kept = f" ({self._kept} were done before)" if self._kept else ""
        print_ = self._console.print
        print_(f"\n{sum(self._statuses.values())} requests{kept}: {statuses or 'none'}")
        for what, count in self._errors.most_common(ERRORS_SHOWN):
            print_(f"{count} x error: {what}")
        print_(f"answered by: {tiers or 'nobody'}; {self._seconds:.1f} s in all")
        print_(
            f"cost {self._cost:.6f} {currency}; all-LLM, of what was served, "
            f"{self._all_llm:.6f} {currency} (partly estimated); saved {saved:.0%}"
        )
        for line in priced_as(self._settings):
            print_(line)
        print_(f"answers: {output}\nledger:  {shown(parsed(self._settings.ledger_url))}")


def priced_as(settings: Settings) -> list[str]:
    """How each tier's first model is priced, in words."""
    lines = []
    for tier in ("slm", "llm"):
        name = settings.chain(tier)[0]
        model = settings.models[name]
        price = model.price
        how = (
            f"as {price.priced_as}"
            if price.priced_as
            else f"at {price.per_million_input:g}/{price.per_million_output:g} per million "
            f"input/output tokens and {price.per_second:g} per second"
        )
        where = "private" if model.private else "public"
        lines.append(f"{tier}: {name} ({where}), priced {how} {settings.currency}")
    return lines


def _line(row: Row, answer: Answer | None, error: ErrorInfo | None) -> str:
    values: dict[str, Any] = {
        "id": row["id"][:18],
        "task": answer["task"] if answer else row.get("task", ""),
        "tier": (answer["tier"] or "-") if answer else "-",
        "status": answer["status"] if answer else "failed",
        "seconds": f"{answer['seconds']:.2f}" if answer else "-",
        "cost": f"{answer['cost']:.6f}" if answer else "-",
        "all": _all_llm(answer) if answer else "-",
        "why": _why(answer, error),
    }
    return LINE.format(**values)


def _all_llm(answer: Answer) -> str:
    return f"{'~' if answer['all_llm_estimated'] else ''}{answer['all_llm_cost']:.6f}"


def _why(answer: Answer | None, error: ErrorInfo | None) -> str:
    if error:
        return error["what"]
    assert answer is not None
    rejections = [f"{gate['gate']}" for verdict in answer["verdicts"] for gate in verdict["failed"]]
    if not rejections:
        return answer["reasons"][-1] if answer["reasons"] else ""
    escalated = "escalated" if answer["tier"] == "llm" else "rejected"
    return f"{escalated}: {', '.join(dict.fromkeys(rejections))}"
