"""The pull operations of one connection, for companies where the data status does not tell.

The data status speaks for the company. Where a company has several commerce connections, the status of a data type is
that of whichever was synced last, and a sync of the other one may hide behind it. What can't hide: the connection's
own `lastSync`, which comes with the list of companies, and its pull operations.

Facts (Codat's documentation, 'Pull operations'): `/data/history` lists them, with `query` and `orderBy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_codat_commerce import dates
from tap_codat_commerce.codat import pages, query
from tap_codat_commerce.readiness import COMPLETE, STATUSES, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_codat_commerce.codat.client import Client

LATEST = 100
"""So many of the latest operations of a data set are looked at for one that is under way."""


@dataclass(frozen=True)
class Now:
    """How the pull operations of one data set of one connection stand.

    Attributes:
        under_way: the status of one that is, None if none is.
        good_id: the id of the good one that ended last.
        good_at: when that was, as a bookmark's stamp.
    """

    under_way: str | None
    good_id: str | None
    good_at: str | None


class History:
    """The pull operations of connections, asked for only where they matter."""

    def __init__(self, client: Client) -> None:
        """Begin without having asked."""
        self._client = client
        self._since: tuple[tuple[str, str], frozenset[str]] | None = None

    def synced_since(self, company_id: str, connection_id: str, moment: str) -> frozenset[str]:
        """Return the data types of which a good sync over the connection ended after the moment.

        The latest answer is remembered, as it serves for all data sets of the connection.

        Raises:
            CodatError: a request failed.
        """
        key = (connection_id, moment)
        if self._since is None or self._since[0] != key:
            condition = f"{query.equals('connectionId', connection_id)}&&{query.since('completed', moment)}"
            some = self._operations(company_id, condition)
            types = frozenset(
                str(o.get("dataType")) for o in some if o.get("status") == COMPLETE and (_ended(o) or "") > moment
            )
            self._since = (key, types)
        return self._since[1]

    def now(self, company_id: str, connection_id: str, data_type: str) -> Now:
        """Return how the operations of a data set stand now.

        Raises:
            CodatError: a request failed.
        """
        condition = f"{query.equals('connectionId', connection_id)}&&{query.equals('dataType', data_type)}"
        path = f"/companies/{company_id}/data/history"
        params: dict[str, str | int] = {"query": condition, "orderBy": "-requested", "page": 1, "pageSize": LATEST}
        some = pages.Page.of(self._client.get(path, params), path).results
        under_way = [o["status"] for o in some if STATUSES.get(o.get("status", "")) is Kind.UNDER_WAY]
        good = max((o for o in some if o.get("status") == COMPLETE), key=lambda o: _ended(o) or "", default={})
        return Now(under_way[0] if under_way else None, good.get("id"), _ended(good))

    def _operations(self, company_id: str, condition: str) -> Iterator[dict[str, Any]]:
        path = f"/companies/{company_id}/data/history"
        for page in pages.by_number(self._client, path, {"query": condition}, 1000):
            yield from page.results


def stamp(text: Any) -> str | None:
    """Return a date of Codat's as a bookmark's stamp, None if it is none."""
    try:
        found = dates.utc(text or "")
    except (TypeError, ValueError):
        return None
    return dates.bookmark(found) if found else None


def _ended(operation: dict[str, Any]) -> str | None:
    return stamp(operation.get("completed"))
