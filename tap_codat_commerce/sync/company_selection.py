"""Which companies and connections a run reads."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import answers, query
from tap_codat_commerce.codat.errors import BadRequest, CodatError, UnexpectedAnswer
from tap_codat_commerce.sync.company_list import CompanyList
from tap_codat_commerce.sync.gaps import NEVER_AUTHORIZED, Gaps

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Collection

    import msgspec

    from tap_codat_commerce.codat.prefetcher import Prefetcher
    from tap_codat_commerce.sync.company_list import Listing
    from tap_codat_commerce.sync.options import SyncOptions

COMMERCE = "Commerce"
OTHER_SOURCES = frozenset({"accounting", "banking", "bankfeed", "expense", "other"})
"""The kinds of connections that are to no shop, in small letters. One of no kind, an unknown or a new one, is read."""
LINKED, DEAUTHORIZED, UNLINKED = "linked", "deauthorized", "unlinked"
STATUSES = frozenset({LINKED, DEAUTHORIZED, UNLINKED, NEVER_AUTHORIZED})
"""Of connections, in small letters. A connection of no status, or of a new one, is read."""
RUN_AGAIN = "run again when no companies are being added or removed; if that does not help, report it to Codat"
LONGEST_NAME = 60
"""Characters of a name that a line shows at most."""


@dataclass(frozen=True)
class ConnectionRef:
    """A connection of a company.

    Attributes:
        company_name: its name, or else its description, as Codat keeps only Latin letters of a name; None without both.
        details: the connection as Codat described it.
        several: whether the company has other shops that may have been synced: its data status may be theirs.
        number: of the company in this run.
        index: of the connection in the company.
        alone: whether the company has no other connection, of whatever kind or status.
    """

    company_id: str
    company_name: str | None
    connection_id: str
    details: dict[str, Any]
    several: bool
    number: int
    index: int
    alone: bool = False

    @cached_property
    def context(self) -> dict[str, str]:
        """The stream context: ids only. The same object each time, as the bookmarks of all data sets keep it."""
        return {"companyId": self.company_id, "connectionId": self.connection_id}

    @property
    def can_sync(self) -> bool:
        """Whether Codat can be asked to sync it."""
        return _folded(self.details, "status") == LINKED

    @property
    def company(self) -> str:
        """The company, for people."""
        return _named("company", self.company_name, self.company_id)

    @cached_property
    def place(self) -> str:
        """Company and connection, for people."""
        return f"{self.company}, {_named('connection', self.details.get('platformName'), self.connection_id)}"


class CompanySelection:
    """The companies and connections that are asked for.

    Attributes:
        gaps: what is asked for and is not there.
        connections_found: how many connections are to be read.
        partial: ids of companies of which not all connections could be read.
    """

    def __init__(
        self,
        prefetcher: Prefetcher,
        options: SyncOptions,
        logger: logging.Logger,
        unreadable: Callable[..., None] | None = None,
    ) -> None:
        """Begin without a request.

        Args:
            prefetcher: Codat.
            options: what the user has a say in.
            logger: for how the list is read, and for what can't be read.
            unreadable: is called with what can't be read, why, and what helps if that is not to report it; what can't
                be read is logged if this is not given.
        """
        self._prefetcher, self._options, self._logger = prefetcher, options, logger
        self.gaps = Gaps(options)
        self.connections_found = 0
        self.partial: set[str] = set()
        self._unreadable = unreadable or (lambda where, why, *_: logger.warning("%s can't be read: %s.", where, why))
        self._statuses = {status.casefold() for status in options.connection_statuses}
        self._integration_keys = {key.casefold() for key in options.integration_keys}

    def companies(self) -> list[msgspec.Raw]:
        """Return the companies, not parsed yet, as there may be many; all of them before the first one is used.

        Raises:
            CodatError: a request failed.
        """
        wanted = {company_id.casefold() for company_id in self._options.company_ids}
        try:
            listings = self._listings()
        except CodatError as exc:
            exc.at((isinstance(exc, BadRequest) and self.gaps.conditions) or "companies")
            raise
        listed, unreadable = dict[str, "msgspec.Raw"](), Counter[str]()
        for listing in listings:
            listed |= listing.companies
            unreadable |= listing.unreadable  # the same entries may come again
            if listing.doubt:
                self._unreadable("the whole list of companies", listing.doubt, RUN_AGAIN)
        for why, number in unreadable.items():
            self._unreadable(f"companies: {number} entries of the list", why)
        if not any(listing.doubt for listing in listings):
            self.gaps.note_companies(listed)
        chosen = [c for i, c in listed.items() if (not wanted or i.casefold() in wanted) and self._in_shard(i)]
        return [c for c in chosen if self._is_whole(c)]

    @staticmethod
    def company(raw: msgspec.Raw) -> dict[str, Any]:
        """Return one of the companies; its connections, in `dataConnections`, are objects with ids."""
        return answers.company(raw).fields

    def connections(self, company: dict[str, Any], number: int) -> list[ConnectionRef]:
        """Return the connections whose data sets are to be read, of the company with that number in this run."""
        every = company["dataConnections"]
        name = company.get("name") or company.get("description")
        several = sum(is_shop(c) and _folded(c, "status") != NEVER_AUTHORIZED for c in every) > 1
        return [
            ConnectionRef(company["id"], name, connection["id"], connection, several, number, index, len(every) == 1)
            for index, connection in self._different(every)
        ]

    def _different(self, connections: list[dict[str, Any]]) -> Collection[tuple[int, dict[str, Any]]]:
        """Return those that are to be read, with their places: one that is listed twice, once."""
        found: dict[str, tuple[int, dict[str, Any]]] = {}
        for place in enumerate(connections):
            if self.readable(place[1]):
                found.setdefault(place[1]["id"], place)
        return found.values()

    def readable(self, connection: dict[str, Any]) -> bool:
        """Say whether the data sets of a connection are to be read: they are, unless it tells why not."""
        status = _folded(connection, "status")
        return (
            is_shop(connection)
            and (status in self._statuses or status not in STATUSES)
            and self.is_chosen_platform(connection)
        )

    def is_chosen_platform(self, connection: dict[str, Any]) -> bool:
        """Say whether a connection is on a platform that is asked for, or does not tell on which it is."""
        key = _folded(connection, "integrationKey")
        return not self._integration_keys or not key or key in self._integration_keys

    def _is_whole(self, raw: msgspec.Raw) -> bool:
        """Say whether a company can be read; report what of it can't, and note its shops."""
        try:
            company = answers.company(raw)
        except UnexpectedAnswer as exc:
            self._unreadable(f"company {answers.id_of(raw)}", exc.what)
            return False
        for why in company.unreadable:
            self._unreadable(f"connections of company {company.id}", why)
            self.partial.add(company.id)
        every = company.fields["dataConnections"]
        self.connections_found += len(self._different(every))
        for connection in every:
            if is_shop(connection):
                self.gaps.note_shop(_folded(connection, "status"), _folded(connection, "integrationKey"))
        return True

    def _in_shard(self, company_id: str) -> bool:
        return shard_of(company_id, self._options.shard_count) == self._options.shard_index

    def _listings(self) -> list[Listing]:
        """Return what Codat lists for each query: one that was set, else those over ids, else none."""
        chosen = self._options
        companies = CompanyList(self._prefetcher, chosen.page_size, chosen.company_tags)
        if not chosen.company_ids or chosen.company_query:
            return [companies.matching(chosen.company_query)]
        try:
            return [companies.matching(condition) for condition in query.any_of("id", chosen.company_ids)]
        except BadRequest as exc:
            everything = companies.matching(None)
            line = "Codat refuses a query for company_ids, so they are looked for in the whole list: %s"
            self._logger.info(line, exc.what)
            return [everything]


def shard_of(company_id: str, count: int) -> int:
    """Return which of so many shards a company falls to: the same on every machine, whatever others there are."""
    digest = hashlib.blake2b(company_id.lower().encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count


def is_shop(connection: dict[str, Any]) -> bool:
    """Say whether a connection may be one to a shop."""
    return _folded(connection, "sourceType") not in OTHER_SOURCES


def waits_for_merchant(connection: dict[str, Any]) -> bool:
    """Say whether a merchant has to authorise a connection, for the first time or again."""
    return _folded(connection, "status") in {NEVER_AUTHORIZED, DEAUTHORIZED}


def _named(kind: str, name: object, ident: str) -> str:
    shown = answers.words(name)[:LONGEST_NAME]
    return f"{shown} ({kind} {ident})" if shown else f"{kind} {ident}"


def _folded(connection: dict[str, Any], name: str) -> str:
    """Return a text in small letters, empty if there is none."""
    return answers.text(connection, name).casefold()
