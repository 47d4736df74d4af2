"""Has Codat fetch data sets anew, and waits until it has.

Facts (Codat's API reference, 'Refresh data'): a sync is queued for a data type of a company, over one connection or
all. Codat refuses that while one is under way already: its words speak of the company, so that it may be one over
another connection. A sync's pull operation tells its status.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from tap_codat_commerce.codat import answers, history, pages
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.codat.errors import (
    BadRequest,
    CodatError,
    EndsAllRequests,
    EndsTheRun,
    UnderWay,
    UnexpectedAnswer,
)
from tap_codat_commerce.codat.redaction import clean
from tap_codat_commerce.sync.data_status import AUTH_ERROR, AUTHORIZE, READY, Kind, kind_of
from tap_codat_commerce.workflow import show
from tap_codat_commerce.workflow.session import name_of, platform_of, short

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Sequence

    from tap_codat_commerce.codat.answers import Operation, Standing
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.workflow.polling import Polling
    from tap_codat_commerce.workflow.session import Session

LOOK = "look"
"""The token of what is asked ahead for one look."""


@dataclass
class Pull:
    """A sync that was asked for.

    Attributes:
        status: the latest that is known, if any.
        description: what Codat says of it, for example until when the sync is paused.
        note: why the sync was not queued, or what somebody has to do; empty if there is nothing to say.
        refused: whether Codat has refused it, as another one was under way.
        known: ids of the syncs that the history held then, None if it was not asked.
        is_lost: whether it can't be looked at any more.
    """

    company: str
    connection: ConnectionRef
    data_type: str
    id: str | None = None
    status: str | None = None
    description: str = ""
    note: str = ""
    refused: bool = False
    known: frozenset[str] | None = None
    is_lost: bool = False

    def see(self, now: Standing) -> bool:
        """Take over how its pull operation stands; say whether that is new."""
        before = self.shown
        self.status, self.description = now.status or self.status, now.description
        return self.shown != before

    @property
    def ids(self) -> tuple[str, str, str]:
        """Company, connection and data type, as Codat knows them."""
        return self.connection.company_id, self.connection.connection_id, self.data_type

    @property
    def of_company(self) -> tuple[str, str]:
        """Company and data type, as Codat knows them: it may refuse a second sync while one of these is under way."""
        return self.connection.company_id, self.data_type

    @property
    def shown(self) -> str:
        """The status and what Codat says of it, for people."""
        return f"{self.status or 'not queued'}{self.description and f', {self.description}'}"

    @property
    def under_way(self) -> bool:
        """Whether it was queued and has not ended yet, as far as that can be seen."""
        is_open = self.status is None or kind_of(self.status) is Kind.UNDER_WAY
        return self.id is not None and is_open and not self.is_lost

    @property
    def is_waited_for(self) -> bool:
        """Whether it is under way, or is to be asked for again."""
        return self.under_way or (self.id is None and self.refused and not self.is_lost)

    def find(self, operations: Sequence[Operation]) -> bool:
        """Take the sync that kept Codat from queueing this one, if it is over the same connection; say whether it is.

        That is one which has not ended, or was not known when Codat refused: the history may have been behind.
        """
        own = {o.id: o for o in operations if o.data_type == self.data_type}
        if self.known is None:
            self.known = frozenset(own)
        for operation in own.values():
            if kind_of(operation.status) is Kind.UNDER_WAY or operation.id not in self.known:
                self.id, self.note = operation.id, "was under way already"
                return True
        return False

    @property
    def good(self) -> bool:
        """Whether it ended well, or there is nothing to sync."""
        return kind_of(self.status) in READY

    @property
    def is_not_offered(self) -> bool:
        """Whether it was not queued, as the platform does not offer the data type."""
        return self.id is None and ("not support" in self.note or "offers" in self.note)

    @property
    def where(self) -> str:
        """Company, platform and data type, for people."""
        return f"{self.company}, {platform_of(self.connection.details)}, {short(self.data_type)}"

    def as_json(self) -> dict[str, Any]:
        """Return the sync for scripts."""
        return {
            "companyId": self.connection.company_id,
            "company": self.company,
            "connectionId": self.connection.connection_id,
            "dataType": self.data_type,
            "id": self.id,
            "status": self.status,
            "statusDescription": self.description,
            "note": self.note,
        }


def connections(
    session: Session, companies: list[dict[str, Any]], connection_id: str | None
) -> list[tuple[str, ConnectionRef]]:
    """Return the linked connections, each with its company's name: no others can be synced."""
    selection = session.selection()
    return [
        (name_of(company), connection)
        for number, company in enumerate(companies)
        for connection in selection.connections(company, number)
        if connection.can_sync
        and (connection_id is None or connection_id.casefold() == connection.connection_id.casefold())
    ]


def queue(session: Session, pulls: Sequence[Pull]) -> None:
    """Queue syncs, as many at once as may be; where one is under way over the same connection, that one is taken.

    Raises:
        CodatError: nothing more can be asked for with this key. Another error goes into a note; after one that speaks
            of all syncs, no more are asked for.
    """
    session.prefetcher.expect(len(pulls))
    for number, pull in enumerate(pulls):
        session.statuses.prefetch_refresh(*pull.ids, (number,), number)
    refusal: EndsTheRun | None = None
    for number, pull in enumerate(pulls):
        if refusal and session.statuses.withdraw(number):
            pull.note = "was not asked for after that"
            continue
        try:
            _queue(session, pull, number)
        except EndsAllRequests:
            raise
        except EndsTheRun as exc:
            refusal, pull.note = exc, str(exc).rstrip(".")
    for of_connection in _by_connection([p for p in pulls if p.refused]):
        with _contained(of_connection):
            operations = _operations(session, of_connection[0].connection)
            for pull in of_connection:
                _has_changed(session, pull, operations, ask=False)


def _queue(session: Session, pull: Pull, token: Hashable = None) -> None:
    pull.refused, pull.note = False, ""
    try:
        answer = session.statuses.refresh(*pull.ids, token)
    except UnderWay:
        pull.refused, pull.note = True, "another sync of the company was under way"
    except EndsTheRun:
        raise
    except BadRequest as exc:
        pull.note = (exc.message or exc.what).rstrip(".")
    except CodatError as exc:
        pull.note = exc.what
    else:
        pull.id = answer.id
        pull.see(answer)


def look(session: Session, pulls: Collection[Pull]) -> Iterator[Pull]:
    """Ask how the syncs under way stand, one request for each connection; yield those that have changed.

    What Codat refused, as another sync was under way, is asked for again. What can't be looked at is named, and lost.

    Raises:
        CodatError: nothing more can be asked for with this key, or today.
    """
    several = _by_connection([p for p in pulls if p.is_waited_for])
    busy = {p.of_company for p in pulls if p.under_way}
    session.prefetcher.drop(LOOK)  # what an earlier look has left
    for number, of_connection in enumerate(several):
        operations: list[Operation] = []
        with _contained(of_connection):
            operations = _operations(session, of_connection[0].connection)
        if number == 0:  # its answer has told which parameters are taken
            _prefetch(session, [pulls[0].connection for pulls in several[1:]])
        for pull in of_connection:
            if not pull.is_lost and _has_changed(session, pull, operations, ask=pull.of_company not in busy):
                yield pull


def _has_changed(session: Session, pull: Pull, operations: list[Operation], *, ask: bool = True) -> bool:
    """Take over how a sync stands; one that was refused is asked for again, if `ask`. Say whether that is new."""
    before = pull.shown
    if pull.id is None and not pull.find(operations):
        if ask:
            _queue(session, pull)
        return pull.shown != before
    operation = next((o for o in operations if o.id == pull.id), None)
    if operation and pull.see(operation) and not pull.under_way and not pull.good:
        pull.note = _to_do(operation)
    return pull.shown != before


def _by_connection(pulls: Sequence[Pull]) -> list[list[Pull]]:
    found: dict[tuple[str, str], list[Pull]] = {}
    for pull in pulls:
        found.setdefault((pull.connection.company_id, pull.connection.connection_id), []).append(pull)
    return [*found.values()]


@contextmanager
def _contained(pulls: Sequence[Pull]) -> Iterator[None]:
    """Keep what goes wrong at the history of one connection from the others; its syncs are lost sight of."""
    try:
        yield
    except EndsTheRun:
        raise
    except CodatError as exc:
        for pull in pulls:
            pull.is_lost = True
        where = f"syncs of {pulls[0].company}, {platform_of(pulls[0].connection.details)}, can't be watched"
        show.note(f"{where}: {exc.what.rstrip('.')}. `codat-commerce status` shows when they are ready.")


def wait_for(session: Session, pulls: list[Pull], polling: Polling) -> None:
    """Wait until the syncs have ended or time is out; show a bar on a terminal, lines elsewhere."""
    waited_for = [p for p in pulls if p.is_waited_for]
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Syncing", total=len(waited_for))
        while any(p.is_waited_for for p in waited_for) and not polling.over:
            polling.pause()
            for pull in look(session, waited_for):
                if not sys.stderr.isatty():
                    show.note(f"{utc_now():%H:%M:%S} {pull.where}: {pull.shown}")
            paused = {p.description for p in waited_for if p.under_way} - {""}
            ended = sum(not p.is_waited_for for p in waited_for)
            bar.update(task, completed=ended, description=escape(clean(", ".join(["Syncing", *sorted(paused)]))))
    for pull in waited_for:
        if pull.note and not pull.good and not pull.under_way:
            show.note(f"{pull.where}: {pull.shown}, {pull.note}.")


def _operations(session: Session, connection: ConnectionRef) -> list[Operation]:
    """Return a connection's latest operations; if Codat refuses the query or the order (400), as many as come without.

    Raises:
        CodatError: the request failed otherwise.
    """
    while True:
        path, asked = _history(session, connection)
        try:
            operations = answers.operations(session.prefetcher.get(path, asked, pages.decode, LOOK))
        except BadRequest:
            left = next((name for name in ("query", "orderBy") if name in asked), None)
            if left is None:
                raise
            session.refused.add(left)
            continue
        if operations is None:
            what = f"GET {path} lists a sync that can't be read"
            raise UnexpectedAnswer(what)
        return [o for o in operations if o.connection_id == connection.connection_id]


def _prefetch(session: Session, connections: Sequence[ConnectionRef]) -> None:
    for number, connection in enumerate(connections):
        session.prefetcher.prefetch(*_history(session, connection), pages.decode, (number,), token=LOOK)


def _history(session: Session, connection: ConnectionRef) -> tuple[str, dict[str, Any]]:
    """Return path and parameters of the request for a connection's operations, without what Codat has refused."""
    path, params = history.request(connection.company_id, connection.connection_id)
    return path, {name: value for name, value in params.items() if name not in session.refused}


def _to_do(operation: Operation) -> str:
    if operation.status == AUTH_ERROR:
        return AUTHORIZE
    return operation.error or "see its sync history in the Codat Portal"
