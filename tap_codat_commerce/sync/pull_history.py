"""Each connection's own status, made of its pull operations, for companies where the data status does not tell.

The data status speaks for the company. Where a company has several shops, the status of a data type is that of
whichever was synced last, and a sync of the other one may hide behind it.

Facts (Codat's documentation, 'Pull operations'): `/data/history` lists the syncs of a company over all connections.
Which of its fields can be ordered by is not documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors, pages
from tap_codat_commerce.codat.prefetcher import ENDS_THE_RUN
from tap_codat_commerce.sync.data_status import COMPLETE, NOT_SUPPORTED, SyncStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher

SIZE = 1000
"""The latest operations of a company: some 45 syncs of all data sets over two connections."""
PARAMS = pages.numbered({"orderBy": "-requested"}, 1, SIZE)

Key = tuple[Any, Any]
"""A connection's id and a data type."""


class PullHistory:
    """The latest pull operations of companies: one request for each, made when it is first needed, or ahead."""

    def __init__(self, prefetcher: Prefetcher) -> None:
        """Begin without having asked."""
        self._prefetcher = prefetcher
        self._statuses: dict[str, dict[Key, SyncStatus]] = {}

    def prefetch(self, company_id: str, position: Position, then: Callable[[Any], None]) -> None:
        """Have a company's operations asked for ahead; `then` is called when they are there."""
        path, token = _path(company_id), _token(company_id)
        self._prefetcher.prefetch(path, PARAMS, pages.decode, position, token=token, then=then)

    def forget(self, company_id: str) -> None:
        """Forget what is known of a company, and ask anew from now on."""
        self._prefetcher.drop(_token(company_id))
        self._statuses.pop(company_id, None)

    def status(self, company_id: str, connection_id: str, data_type: str, *, anew: bool = False) -> SyncStatus | None:
        """Return the status of a data type over one connection; None where the operations do not tell it.

        They do not if they can't be had, or do not reach back to any of its syncs.

        Raises:
            CodatError: the request failed otherwise.
        """
        if anew or company_id not in self._statuses:
            token = None if anew else _token(company_id)
            try:
                page: pages.Page = self._prefetcher.get(_path(company_id), PARAMS, pages.decode, token)
                self._statuses[company_id] = statuses(page.objects())
            except ENDS_THE_RUN:
                raise
            except (errors.BadRequest, errors.Forbidden, errors.NotFound):
                self._statuses[company_id] = {}
        return self._statuses[company_id].get((connection_id, data_type))


def statuses(operations: list[dict[str, Any]]) -> dict[Key, SyncStatus]:
    """Return the statuses that operations, in any order, add up to: of each connection and data type that has one."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for operation in sorted(operations, key=lambda o: str(o.get("requested") or "")):
        found.setdefault((operation.get("connectionId"), operation.get("dataType")), []).append(operation)
    return {key: _status(some) for key, some in found.items()}


def _status(operations: list[dict[str, Any]]) -> SyncStatus:
    """Return the status of one data set.

    It is not certain without a good sync, as an older one may be out of sight; and that the platform does not offer
    the data type is believed of the data set alone.
    """
    latest = operations[-1]
    good = max(
        (o for o in operations if o.get("status") == COMPLETE), key=lambda o: str(o.get("completed")), default={}
    )
    certain = bool(good) and latest.get("status") != NOT_SUPPORTED
    values = (latest.get("status"), good.get("completed"), latest.get("id"), good.get("id"))
    return SyncStatus.of_values(*values, certain=certain)


def _path(company_id: str) -> str:
    return f"/companies/{company_id}/data/history"


def _token(company_id: str) -> tuple[str, str]:
    return ("history", company_id)
