"""The ledger: every run and every attempt is written when it happens.

Nothing is lost without a word: a write that fails raises LedgerError, which ends the run. A process
that is killed leaves its run as `running`, with the attempts that had ended. All writes are
idempotent by their ids, so a node that LangGraph runs again changes nothing.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Literal

from sqlalchemy import (
    BindParameter,
    Insert,
    RowMapping,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from tandem.errors import LedgerError, TandemError
from tandem.ledger import connection as database
from tandem.ledger.columns import error_columns, profile_columns
from tandem.ledger.days import add_spend
from tandem.ledger.tables import attempts, feedback, runs
from tandem.privacy.checked import Scan
from tandem.privacy.detectors import Detector, scan
from tandem.privacy.masking import mask
from tandem.records import Answer, Attempt, Decision, Profile, Request, Verdict
from tandem.settings import Settings

Texts = Literal["none", "sampled", "all"]
RUNNING: Final = "running"
"""Status of a run that has not ended."""
_KEEPS_TEXT: Final = frozenset({"none", "internal"})
"""Sensitivities whose texts may be kept at all."""

# Statements are built once; values go in as parameters, so that SQLAlchemy's own work stays small.
_OF_RUN: Final[BindParameter[Any]] = bindparam("of_run")
# The position is counted in the same statement, so that two threads of a run get two positions.
_INSERT_ATTEMPT: Final = insert(attempts).values(
    position=select(func.count())
    .select_from(attempts)
    .where(attempts.c.run_id == _OF_RUN)
    .scalar_subquery()
)
_UPDATE_ATTEMPT: Final = update(attempts).where(
    attempts.c.run_id == _OF_RUN, attempts.c.id == bindparam("of_attempt")
)
_UPDATE_RUN: Final = update(runs).where(runs.c.id == _OF_RUN)


class Ledger:
    """The ledger of one process; thread-safe. Other processes may write at the same time.

    Parameters
    ----------
    url: SQLAlchemy URL; for SQLite the folder is made.
    texts: whether requests and outputs are kept; never those of personal or secret runs.
    sample_share: share of the runs kept by `sampled`, chosen by the run's id.
    currency: that of all costs.
    scan: finds what is sensitive in reasons and error messages; it is masked.

    Raises
    ------
    LedgerError: the ledger cannot be opened; every method: it cannot be read or written.
    """

    def __init__(
        self,
        url: str,
        *,
        texts: Texts = "none",
        sample_share: float = 0.05,
        currency: str = "USD",
        scan: Scan = scan,
    ) -> None:
        self._url: Final = database.parsed(url)
        self._texts: Final = texts
        self._sample_share: Final = sample_share
        self.currency: Final = currency
        self._mask: Final = partial(mask, scan=scan)
        self._engine: Final = database.connect(self._url)

    @classmethod
    def from_settings(cls, settings: Settings) -> Ledger:
        """The ledger that `settings` name."""
        return cls(
            settings.ledger_url,
            texts=settings.ledger.texts,
            sample_share=settings.ledger.sample_share,
            currency=settings.currency,
            scan=Detector.from_settings(settings.privacy),
        )

    @property
    def url(self) -> str:
        """The URL, with its password."""
        return self._url.render_as_string(hide_password=False)

    @property
    def where(self) -> str:
        """The file, or the URL without its password."""
        return database.shown(self._url)

    def start(
        self,
        run_id: str,
        request: Request,
        profile: Profile | None = None,
        decision: Decision | None = None,
        *,
        parent_run_id: str | None = None,
    ) -> None:
        """A run began. What is not known yet comes with `profiled`."""
        row = {
            "id": run_id,
            "parent_run_id": parent_run_id or None,
            "started": time.time(),
            "status": RUNNING,
            "tenant": request.get("tenant", ""),
            "task": request.get("task", ""),
            "reasons": [],
            "currency": self.currency,
            **profile_columns(profile, decision, self._mask),
            "request": self._kept(run_id, request, profile),
        }
        self._insert(runs, row, insert(runs))

    def profiled(
        self, run_id: str, profile: Profile, decision: Decision, request: Request | None = None
    ) -> None:
        """What the request is and where it goes; `request` again where texts may be kept."""
        columns = profile_columns(profile, decision, self._mask)
        kept = self._kept(run_id, request, profile) if request else None
        if kept is not None or profile["sensitivity"] not in _KEEPS_TEXT:
            columns["request"] = kept
        self._update(run_id, columns)

    def add_attempt(self, run_id: str, attempt: Attempt) -> None:
        """An attempt ended."""
        usage, error = attempt["usage"], attempt["error"]
        row = {
            "run_id": run_id,
            "id": attempt["id"],
            "of_run": run_id,
            "purpose": attempt["purpose"],
            "tier": attempt["tier"],
            "model": attempt["model"],
            "finish": attempt["finish"],
            "input_tokens": usage["input_tokens"],
            "output_tokens": usage["output_tokens"],
            "calls": attempt["calls"],
            "seconds": attempt["seconds"],
            "cost": attempt["cost"],
            "signals": attempt["signals"],
            **error_columns(error, self._mask),
        }
        if self._texts != "none" and self._keeps_texts_of(run_id):
            row["output"] = attempt["output"]
        self._insert(
            attempts,
            row,
            _INSERT_ATTEMPT,
            also=lambda connection: add_spend(connection, run_id, self.currency, attempt["cost"]),
        )

    def add_verdict(self, run_id: str, verdict: Verdict) -> None:
        """What the quality check said of an attempt that was written before."""
        columns = {
            "accepted": verdict["accepted"],
            "score": verdict["score"],
            "threshold": verdict["threshold"],
            "failed": [
                {"gate": each["gate"], "detail": self._mask(each["detail"])}
                for each in verdict["failed"]
            ],
        }
        wanted = {"of_run": run_id, "of_attempt": verdict["attempt_id"]}
        with self.writing() as connection:
            changed = connection.execute(_UPDATE_ATTEMPT, {**columns, **wanted}).rowcount
        if not changed:
            raise self._unknown(f"attempt {verdict['attempt_id']} of run {run_id}")

    def finish(self, run_id: str, answer: Answer) -> None:
        """A run ended."""
        columns = {
            **profile_columns(answer["profile"], None, self._mask),
            "finished": time.time(),
            "status": answer["status"],
            "reasons": [self._mask(reason) for reason in answer["reasons"]],
            "tier": answer["tier"],
            "model": answer["model"],
            "cost": answer["cost"],
            "all_llm_cost": answer["all_llm_cost"],
            "all_llm_estimated": answer["all_llm_estimated"],
            "seconds": answer["seconds"],
            **error_columns(answer["error"], self._mask),
        }
        self._update(run_id, columns)

    def fail(self, run_id: str, error: TandemError) -> None:
        """A run broke off without an answer. What its attempts cost stands; a run that is finished
        or was never started stays as it is."""
        spent = select(func.sum(attempts.c.cost)).where(attempts.c.run_id == run_id)
        columns = {
            "finished": time.time(),
            "status": "failed",
            "cost": func.coalesce(spent.scalar_subquery(), 0.0),
            **error_columns(error.info(), self._mask),
        }
        still = runs.c.id == run_id, runs.c.status == RUNNING
        with self.writing() as connection:
            connection.execute(update(runs).where(*still).values(**columns))

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A run's row, with its `attempts` in order; None where there is no such run."""
        ordered = select(attempts).where(attempts.c.run_id == run_id).order_by(attempts.c.position)
        with self.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
            tries = connection.execute(ordered).mappings().all()
        return {**_plain(row), "attempts": [_plain(each) for each in tries]} if row else None

    def masked(self, words: str) -> str:
        """`words` as the ledger writes them: what the detector finds is replaced by its type."""
        return self._mask(words)

    def check(self) -> str:
        """Write, take it back, and tell in one line how the ledger is (for `tandem doctor`)."""
        with database.errors(self._url, "written"), self._engine.connect() as connection:
            trial = {"id": "-doctor-", "started": 0.0, "status": RUNNING, "reasons": []}
            connection.execute(insert(runs).values(**trial, currency=self.currency))
            connection.rollback()
            count = connection.execute(select(func.count()).select_from(runs)).scalar_one()
        return f"{self.where}: writable, {count} runs"

    def close(self) -> None:
        """Close the connections of this process."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with SQLAlchemy expressions over tables.py."""
        with database.errors(self._url, "read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, but: type[SQLAlchemyError] | tuple[()] = ()) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end; errors `but` one as
        LedgerError."""
        with database.errors(self._url, "written", but), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def lasting(self) -> Iterator[Connection]:
        """As `writing`, but what is committed is on the disk, and survives a power cut too."""
        lite = self._engine.dialect.name == "sqlite"
        with database.errors(self._url, "written"), self._engine.connect() as connection:
            if lite:
                connection.exec_driver_sql("PRAGMA synchronous = FULL")
            try:
                yield connection
                connection.commit()
            finally:
                connection.rollback()
                if lite:
                    connection.exec_driver_sql("PRAGMA synchronous = NORMAL")

    def _insert(
        self,
        table: Table,
        row: dict[str, Any],
        statement: Insert,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """Write `row`, unless it stands there already; with it, in one transaction, `also`."""
        try:
            with (
                database.errors(self._url, "written", but=IntegrityError),
                self._engine.begin() as connection,
            ):
                connection.execute(statement, row)
                if also:
                    also(connection)
        except IntegrityError:
            key = [column == row[column.name] for column in table.primary_key.columns]
            with self.reading() as connection:
                if connection.execute(select(table.c.id).where(*key)).first() is None:
                    raise self._unknown(f"run {row.get('run_id')}") from None

    def _update(self, run_id: str, columns: Mapping[str, Any]) -> None:
        with self.writing() as connection:
            changed = connection.execute(_UPDATE_RUN, {**columns, "of_run": run_id}).rowcount
            if columns.get("sensitivity", "none") not in _KEEPS_TEXT and self._texts != "none":
                _forget_texts(connection, run_id)
        if not changed:
            raise self._unknown(f"run {run_id}")

    def _unknown(self, what: str) -> LedgerError:
        return LedgerError(
            f"The ledger {self.where} holds no {what}, so what came of it was not written.",
            "Start a run before adding to it; was the ledger moved away while it ran?",
        )

    def _kept(self, run_id: str, request: Request, profile: Profile | None) -> Request | None:
        """The request where it may be kept: by the setting, and known not to be sensitive."""
        if profile is None or profile["sensitivity"] not in _KEEPS_TEXT:
            return None
        sampled = zlib.crc32(run_id.encode()) / 2**32 < self._sample_share
        return request if self._texts == "all" or (self._texts == "sampled" and sampled) else None

    def _keeps_texts_of(self, run_id: str) -> bool:
        with self.reading() as connection:
            kept = select(runs.c.id).where(runs.c.id == run_id, runs.c.request.is_not(None))
            return connection.execute(kept).first() is not None


def _forget_texts(connection: Connection, run_id: str) -> None:
    connection.execute(update(runs).where(runs.c.id == run_id).values(request=None))
    connection.execute(update(attempts).where(attempts.c.run_id == run_id).values(output=None))
    connection.execute(update(feedback).where(feedback.c.run_id == run_id).values(value=None))


def _plain(row: RowMapping) -> dict[str, Any]:
    return {str(key): value for key, value in row.items()}
