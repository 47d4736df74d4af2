"""Where each company, connection and data set stands: what can be read, what is on its way, what somebody has to do."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from tap_codat_commerce.codat import answers
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.codat.errors import CodatError, EndsTheRun
from tap_codat_commerce.sync.company_selection import is_shop, waits_for_merchant
from tap_codat_commerce.sync.data_status import AUTH_ERROR, READY, SyncStatus
from tap_codat_commerce.sync.proof import LAG
from tap_codat_commerce.workflow import show
from tap_codat_commerce.workflow.session import DATA_TYPES, name_of, platform_of, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from tap_codat_commerce.sync.company_selection import CompanySelection
    from tap_codat_commerce.workflow.session import Session

    Entries = dict[str, Any] | CodatError
    """What Codat says of each data type of a company, or why that can't be had."""

HEAD = ("company", "ready", "oldest", "not ready")
DETAILS_HEAD = ("company", "platform", "connection", "data set", "status", "synced")
NEVER_SYNCED = "never synced"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Line:
    """A line of the table: a data set; or a connection without data sets, or a company without connections.

    Attributes:
        data_type: Codat's key, None where there is no data set.
        status: the company's status of the data type; Codat does not tell it for each connection.
        trouble: why that is not known, empty if it is.
    """

    company: dict[str, Any]
    connection: dict[str, Any] | None = None
    data_type: str | None = None
    status: SyncStatus = field(default_factory=SyncStatus)
    trouble: str = ""

    @classmethod
    def of(cls, company: dict[str, Any], connection: dict[str, Any], data_type: str, entries: Entries) -> Line:
        """Return the line of a data set, by what Codat says of the company's data types."""
        try:
            if isinstance(entries, CodatError):
                raise entries
            return cls(company, connection, data_type, SyncStatus.of(entries.get(data_type)))
        except CodatError as exc:
            exc.at(f"{short(data_type)} of {name_of(company)}")
            return cls(company, connection, data_type, trouble=str(exc))

    @property
    def is_ready(self) -> bool:
        """Whether its last sync was good, or its platform does not offer it."""
        return self.status.kind in READY and not self.trouble

    @property
    def waits_for_a_person(self) -> bool:
        """Whether nothing changes until a merchant has authorised."""
        return waits_for_merchant(self.connection or {}) or self.status.current == AUTH_ERROR

    @property
    def link(self) -> str | None:
        """The link that the merchant has to open, None if there is nothing to do."""
        return answers.text(self.connection or {}, "linkUrl") or None if self.waits_for_a_person else None

    def cells(self, now: datetime) -> tuple[str, ...]:
        """Return a row for people."""
        connection = self.connection or {}
        return (
            name_of(self.company),
            answers.words(connection.get("platformName")) or "-",
            answers.words(connection.get("status")) or "none",
            short(self.data_type) if self.data_type else "-",
            UNKNOWN if self.trouble else self.status.current or (NEVER_SYNCED if self.data_type else "-"),
            show.age(self.status.last_good_sync, now),
        )

    @property
    def why_not(self) -> str:
        """The status of what is not ready, for people."""
        if self.data_type:
            return UNKNOWN if self.trouble else self.status.current or NEVER_SYNCED
        if self.connection:
            return f"{platform_of(self.connection)} is {answers.words(self.connection.get('status')) or 'unknown'}"
        return "no connection"

    def as_json(self, *, links: bool) -> dict[str, Any]:
        """Return the line for scripts; with the link that somebody has to open, or without any."""
        connection = self.connection or {}
        return {
            "companyId": self.company["id"],
            "company": self.company.get("name"),
            "connectionId": connection.get("id"),
            "platform": connection.get("platformName"),
            "connectionStatus": connection.get("status"),
            "dataType": self.data_type,
            "status": self.status.current,
            "lastSuccessfulSync": self.status.last_good_sync,
            "ready": self.is_ready,
            **({"trouble": self.trouble} if self.trouble else {}),
            **({"link": self.link} if links else {}),
        }


class Watched:
    """What is known of companies from look to look: one is not asked about again while nothing can have changed.

    Where all is ready, or waits for a person, the company itself changes first: a connection of it, or when that was
    synced last. But its data status may be behind then: so what waits for a person is asked about for a minute.
    """

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._lines: dict[str, list[Line]] = {}
        self._since: dict[str, float] = {}

    def known(self, company: dict[str, Any]) -> list[Line] | None:
        """Return the lines of a company, None if it is to be asked about."""
        some = self._lines.get(company["id"])
        if not some or some[0].company != company:
            self._since[company["id"]] = time.monotonic()
            return None
        if all(line.is_ready or waits_for_merchant(line.connection or {}) for line in some):
            return some
        if time.monotonic() - self._since[company["id"]] < LAG:
            return None
        return some if all(line.is_ready or line.waits_for_a_person for line in some) else None

    def note(self, company: dict[str, Any], some: list[Line]) -> list[Line]:
        """Keep the lines of a company, and return them."""
        self._lines[company["id"]] = some
        return some


def lines(
    session: Session, companies: list[dict[str, Any]], data_types: Collection[str], watched: Watched
) -> Iterator[Line]:
    """Yield the lines of the companies; their data status is asked for several at once.

    Args:
        session: what makes requests.
        companies: as they are now.
        data_types: Codat's keys of those that are shown.
        watched: what is known from earlier looks.

    Raises:
        CodatError: nothing more can be asked for with this key, or today.
    """
    selection = session.selection()
    known = {company["id"]: watched.known(company) for company in companies}
    asked = [company for company in companies if not known[company["id"]]]
    for number, company in enumerate(asked):
        if selection.connections(company, number):
            session.statuses.prefetch(company["id"], (number,), _nothing_follows)
    for company in companies:
        yield from known[company["id"]] or watched.note(
            company, [*_of_company(session, selection, company, data_types)]
        )
        session.statuses.forget(company["id"])


def _of_company(
    session: Session, selection: CompanySelection, company: dict[str, Any], data_types: Collection[str]
) -> Iterator[Line]:
    readable = {c.connection_id for c in selection.connections(company, 0)}
    chosen = [c for c in company["dataConnections"] if is_shop(c) and selection.is_chosen_platform(c)]
    if not chosen:
        yield Line(company)
    entries = _entries(session, company["id"]) if readable else {}
    for connection in chosen:
        if connection["id"] not in readable:
            yield Line(company, connection)
            continue
        for data_type in DATA_TYPES.values():
            if data_type in data_types:
                yield Line.of(company, connection, data_type, entries)


def to_authorize(some: list[Line], *, links: bool) -> list[str]:
    """Return each link that a merchant has to open, behind a line that says whose; without links, how many."""
    by_link = {line.link: line for line in some if line.link}
    if by_link and not links:
        return [f"Merchants have to authorise: {len(by_link)}. `codat-commerce status --links` shows how."]
    texts = (
        (f"{name_of(line.company)}, {platform_of(line.connection or {})}: to authorise, open", link)
        for link, line in by_link.items()
    )
    return [text for both in texts for text in both]


def troubles(some: list[Line]) -> list[str]:
    """Return why the status of some is not known, each reason once."""
    return list(dict.fromkeys(line.trouble for line in some if line.trouble))


def summary(some: list[Line], *, details: bool) -> str:
    """Return how many are ready."""
    ready = sum(line.is_ready for line in some)
    more = "" if details or ready == len(some) else " With --details: each data set."
    return f"{ready} of {len(some)} are ready.{more}"


def of_companies(some: list[Line], now: datetime) -> Iterator[tuple[str, ...]]:
    """Yield a row for each company: how many data sets are ready, how old the oldest is, and what is not ready."""
    companies: dict[str, list[Line]] = {}
    for line in some:
        companies.setdefault(line.company["id"], []).append(line)
    for own in companies.values():
        data_sets = [line for line in own if line.data_type]
        oldest = min((line.status.last_good_sync for line in data_sets if line.status.last_good_sync), default=None)
        reasons: dict[str, list[str]] = {}
        for line in own:
            if not line.is_ready:
                reasons.setdefault(line.why_not, []).append(short(line.data_type or ""))
        yield (
            name_of(own[0].company),
            f"{sum(line.is_ready for line in data_sets)} of {len(data_sets)}",
            show.age(oldest, now),
            "; ".join(_reason(why, names, len(data_sets)) for why, names in reasons.items()) or "-",
        )


def _reason(why: str, names: list[str], of: int) -> str:
    """Return why data sets are not ready, and which: all of them if they are not named."""
    distinct = ", ".join(dict.fromkeys(filter(None, names)))
    return f"{why}: {distinct}" if distinct and len(names) < of else why


class Shown:
    """What `status` has printed so far."""

    def __init__(self, *, as_json: bool, details: bool, links: bool, not_ready: bool, watch: bool) -> None:
        """Begin with nothing."""
        self._as_json, self._details, self._links = as_json, details, links
        self._not_ready, self._watch = not_ready, watch
        self._last_status: dict[tuple[str, ...], str] = {}
        self._gaps: list[str] = []

    def show(self, some: list[Line], *, last: bool, gaps: Sequence[str] = ()) -> None:
        """Print the table; with --watch, over the last one on a terminal, and only changes elsewhere.

        Args:
            some: what there is.
            last: whether this is the last look.
            gaps: what the settings ask for and is not there: said where there is nothing else, until it is an error.
        """
        chosen = [line for line in some if not (self._not_ready and line.is_ready)]
        if self._as_json:
            if last:
                show.as_json([line.as_json(links=self._links) for line in chosen])
                for trouble in troubles(some):
                    show.note(trouble)
            return
        if self._watch and not some:
            for gap in gaps if not last and self._gaps != gaps else ():
                show.note(gap)
            self._gaps = list(gaps)
            return
        screen = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        begin = not self._last_status
        if self._watch and not screen:
            self._changes(chosen)
        else:
            if self._watch:
                click.clear()
            self._table(some, chosen)
        if last or screen or begin:
            to_know = (*troubles(some), *to_authorize(some, links=self._links))
            for text in (*to_know, summary(some, details=self._details)):
                show.note(text)

    def _table(self, some: list[Line], chosen: list[Line]) -> None:
        now = utc_now()
        if self._details:
            show.table(DETAILS_HEAD, [line.cells(now) for line in chosen])
            return
        companies = {line.company["id"] for line in chosen}
        show.table(HEAD, list(of_companies([line for line in some if line.company["id"] in companies], now)))

    def _changes(self, some: list[Line]) -> None:
        now = utc_now()
        for line in some:
            *which, current, _ = line.cells(now)
            before = self._last_status.get(tuple(which))
            if before != current:
                change = current if before is None else f"{before} -> {current}"
                show.row([f"{now:%H:%M:%S}", *which, change])
            self._last_status[tuple(which)] = current


def _entries(session: Session, company_id: str) -> Entries:
    try:
        return session.statuses.entries(company_id)
    except EndsTheRun:
        raise
    except CodatError as exc:
        return exc


def _nothing_follows(_: dict[str, Any]) -> None:
    """Do nothing when a status arrives: `lines` uses it when it comes to the company."""
