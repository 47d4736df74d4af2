"""The pull operations of one connection, for companies where the data status does not tell.

The data status speaks for the company. Where a company has several commerce connections, the status of a data type is
that of whichever was synced last, and a sync of the other one may hide behind it. What can't hide: the connection's
own `lastSync`, which comes with the list of companies, and its pull operations.

Facts (Codat's documentation, 'Pull operations'): `/data/history` lists them, with `query` and `orderBy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import pages, query
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync.data_status import COMPLETE, STATUSES, Kind

if TYPE_CHECKING:
    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher

SIZE = 1000
"""Operations to a page."""
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


class PullHistory:
    """The pull operations of connections, asked for only where they matter."""

    def __init__(self, prefetcher: Prefetcher) -> None:
        """Begin without having asked."""
        self._prefetcher = prefetcher
        self._since: dict[tuple[str, str, str], frozenset[str]] = {}

    def prefetch(self, company_id: str, connection_id: str, moment: str, position: Position) -> None:
        """Have what `synced_since` needs asked for ahead."""
        path, params = _synced(company_id, connection_id, moment)
        self._prefetcher.prefetch(
            path, pages.numbered(params, 1, SIZE), pages.decode, position, token=_token(company_id)
        )

    def forget(self, company_id: str) -> None:
        """Forget what is known of a company."""
        self._prefetcher.drop(_token(company_id))
        for key in [key for key in self._since if key[0] == company_id]:
            del self._since[key]

    def synced_since(self, company_id: str, connection_id: str, moment: str) -> frozenset[str]:
        """Return the data types of which a good sync over the connection ended after the moment.

        The answer is remembered until it is forgotten, as it serves for all data sets of the connection.

        Raises:
            CodatError: a request failed.
        """
        key = (company_id, connection_id, moment)
        if key not in self._since:
            path, params = _synced(company_id, connection_id, moment)
            some = pages.prefetched_by_number(
                self._prefetcher, path, params, SIZE, 1, token=_token(company_id), position=None
            )
            operations = [operation for page in some for operation in page.objects()]
            self._since[key] = frozenset(
                str(o.get("dataType")) for o in operations if o.get("status") == COMPLETE and (_ended(o) or "") > moment
            )
        return self._since[key]

    def now(self, company_id: str, connection_id: str, data_type: str) -> Now:
        """Return how the operations of a data set stand now.

        Raises:
            CodatError: a request failed.
        """
        condition = f"{query.equals('connectionId', connection_id)}&&{query.equals('dataType', data_type)}"
        path = f"/companies/{company_id}/data/history"
        params: dict[str, str | int] = {"query": condition, "orderBy": "-requested", "page": 1, "pageSize": LATEST}
        some = self._prefetcher.get(path, params, pages.decode).objects()
        under_way = [o["status"] for o in some if STATUSES.get(o.get("status", "")) is Kind.UNDER_WAY]
        good: dict[str, Any] = max(
            (o for o in some if o.get("status") == COMPLETE), key=lambda o: _ended(o) or "", default={}
        )
        return Now(under_way[0] if under_way else None, good.get("id"), _ended(good))


def stamp(text: Any) -> str | None:
    """Return a date of Codat's as a bookmark's stamp, None if it is none."""
    try:
        found = dates.utc(text or "")
    except (TypeError, ValueError):
        return None
    return dates.bookmark(found) if found else None


def _ended(operation: dict[str, Any]) -> str | None:
    return stamp(operation.get("completed"))


def _synced(company_id: str, connection_id: str, moment: str) -> tuple[str, dict[str, str | int]]:
    condition = f"{query.equals('connectionId', connection_id)}&&{query.since('completed', moment)}"
    return f"/companies/{company_id}/data/history", {"query": condition}


def _token(company_id: str) -> tuple[str, str]:
    return ("history", company_id)
