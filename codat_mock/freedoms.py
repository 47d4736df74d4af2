"""The freedoms that Codat's documentation leaves: what it may do, though it need not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

Check = Callable[[Any], Any]


class Freedoms:
    """How a world behaves where the documentation does not say. Each is set by a test, or by its name in JSON.

    Attributes:
        sync_seconds: how long a sync takes that ends by itself.
        status_by_request: whether the data status speaks of the sync that was requested last, not of the one that
            ended last.
        not_supported_operations: whether a sync that a platform lacks is listed, as NotSupported; else nothing happens.
        last_sync_moves: when the `lastSync` of a connection moves: at the good end of a sync, at its begin, or never.
        lag: how many answers of the data status (for each data type) and of the history of operations (for each
            company) still show what was before a sync began or changed its status.
        stamps: `platform` stamps the records of a sync as the platform does; `shuffled` gives each its own stamp
            between the begin and the end of the sync, in no order.
        skew: how far the clock is off that some records of each sync are stamped by.
        skewed: how many of them.
        unstable_ties: whether records that are equal in what they are ordered by come in another order with each
            request.
        twice: ids of records that are listed twice.
        unstamped: ids of records that are shown without their `modifiedDate`.
        refused_orders: the fields by which data sets can't be ordered.
        history_refused: the status that the history of operations is answered with, None for the history itself.
        history_refuses: the parameters that it does not take: `query`, `orderBy`.
        never_synced: how the data status shows a data type that never was: `named`, by its name or as null; `left out`.
        history_keeps: how many operations it lists, the latest ones; None for all.
        in_progress_status: the status of the answer to a refresh of what is being synced.
        in_progress_of: whose sync keeps a data set from being queued: that of its own `connection`, or any of its
            `company` and data type.
        products: the products that new companies have.
        no_data: the data types that are answered with 404, as if nothing had ever been fetched.
        companies_refuse: the parameters that the list of companies does not take: `tags`, `query`, `orderBy`.
        data_refuses: the parameters that data sets do not take: `query`.
        companies_ignore: the parameters that the list of companies takes no notice of: `tags`, `query`, `orderBy`;
            and `field`: of a query that names a field that it does not know.
        history_ignores: the parameters that the history of operations takes no notice of: `query`, `orderBy`.
        data_queries: what queries over data sets find: `all` that fits, `nothing`, or, with `exclusive`, what `>=` asks
            for without what is equal.
        id_order: the order of ids: that of their `text`, or `scattered`: another one that is always the same.
        ignored_orders: the fields by which data sets can be ordered as far as anybody is told, and are not.
        max_page_size: the most records of a page that may be asked for.
        max_page: the most records that a page brings, however many are asked for; None for as many.
        told_page_size: what such a page tells as its size: its `own`, or what was `asked`.
        totals: what the pages of a data set tell as its total: that of `all` records, or that of the `page`.
        greatest_total: the greatest total of a data set, after which no link leads on; None if there is none.
        totals_off: how many more records the pages of a data set tell of than there are.
        own_links: whether pages link to themselves.
        next_links: whether pages link to the next one.
        rate_limit_headers: whether answers tell the quota.
        compressed: whether answers are compressed.
        same_page: whether each page of a data set holds what the first holds, and has a next one.
        circular_links: whether the last page of each list leads to the first as its next.
    """

    def __init__(self) -> None:
        """Begin with what most tests want."""
        self.sync_seconds = 2.0
        self.status_by_request = False
        self.not_supported_operations = False
        self.last_sync_moves: Literal["end", "begin", "never"] = "end"
        self.lag = 0
        self.stamps: Literal["platform", "shuffled"] = "platform"
        self.skew = timedelta()
        self.skewed = 0
        self.unstable_ties = False
        self.twice: set[str] = set()
        self.unstamped: set[str] = set()
        self.refused_orders: set[str] = set()
        self.history_refused: int | None = None
        self.history_refuses: set[str] = set()
        self.never_synced = "named"
        self.history_keeps: int | None = None
        self.in_progress_status = 400
        self.in_progress_of: Literal["connection", "company"] = "connection"
        self.products = {"lending"}
        self.no_data: set[str] = set()
        self.companies_refuse: set[str] = set()
        self.data_refuses: set[str] = set()
        self.companies_ignore: set[str] = set()
        self.history_ignores: set[str] = set()
        self.data_queries: Literal["all", "nothing", "exclusive"] = "all"
        self.id_order: Literal["text", "scattered"] = "text"
        self.ignored_orders: set[str] = set()
        self.max_page_size = 5000
        self.max_page: int | None = None
        self.told_page_size: Literal["own", "asked"] = "own"
        self.totals: Literal["all", "page"] = "all"
        self.greatest_total: int | None = None
        self.totals_off = 0
        self.own_links = True
        self.next_links = True
        self.rate_limit_headers = True
        self.compressed = True
        self.same_page = False
        self.circular_links = False

    def set_free(self, wanted: dict[str, Any]) -> None:
        """Set attributes by their names in JSON: all of them, or none if one will not do.

        Raises:
            ValueError: a name is not known, or a value will not do.
        """
        values = {}
        for name, value in wanted.items():
            if name not in IN_JSON:
                msg = f"{name} is no freedom of the world's: {', '.join(IN_JSON)}."
                raise ValueError(msg)
            attribute, check = IN_JSON[name]
            try:
                values[attribute] = check(value)
            except (TypeError, ValueError, OverflowError):
                msg = f"{name} can't be {value!r}."
                raise ValueError(msg) from None
        for attribute, value in values.items():
            setattr(self, attribute, value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError
    return float(value)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _maybe(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _one_of(*choices: Any) -> Check:
    def check(value: Any) -> Any:
        if value not in choices:
            raise ValueError
        return value

    return check


def _texts(*choices: str) -> Check:
    def check(value: Any) -> set[str]:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise TypeError
        if choices and not set(value) <= set(choices):
            raise ValueError
        return set(value)

    return check


IN_JSON: dict[str, tuple[str, Check]] = {
    "syncSeconds": ("sync_seconds", _seconds),
    "statusByRequest": ("status_by_request", _switch),
    "notSupportedOperations": ("not_supported_operations", _switch),
    "lastSyncMoves": ("last_sync_moves", _one_of("end", "begin", "never")),
    "lag": ("lag", _count),
    "stamps": ("stamps", _one_of("platform", "shuffled")),
    "skewSeconds": ("skew", lambda seconds: timedelta(seconds=seconds)),
    "skewed": ("skewed", _count),
    "unstableTies": ("unstable_ties", _switch),
    "twice": ("twice", _texts()),
    "unstamped": ("unstamped", _texts()),
    "refusedOrders": ("refused_orders", _texts()),
    "historyRefused": ("history_refused", _maybe(_one_of(400, 403, 404))),
    "historyRefuses": ("history_refuses", _texts("query", "orderBy")),
    "neverSynced": ("never_synced", _one_of("named", "left out")),
    "historyKeeps": ("history_keeps", _maybe(_count)),
    "inProgressStatus": ("in_progress_status", _one_of(*range(400, 600))),
    "inProgressOf": ("in_progress_of", _one_of("connection", "company")),
    "products": ("products", _texts()),
    "noData": ("no_data", _texts()),
    "companiesRefuse": ("companies_refuse", _texts("tags", "query", "orderBy")),
    "dataRefuses": ("data_refuses", _texts("query")),
    "companiesIgnore": ("companies_ignore", _texts("tags", "query", "orderBy", "field")),
    "historyIgnores": ("history_ignores", _texts("query", "orderBy")),
    "dataQueries": ("data_queries", _one_of("all", "nothing", "exclusive")),
    "idOrder": ("id_order", _one_of("text", "scattered")),
    "ignoredOrders": ("ignored_orders", _texts()),
    "maxPageSize": ("max_page_size", _count),
    "maxPage": ("max_page", _maybe(_count)),
    "toldPageSize": ("told_page_size", _one_of("own", "asked")),
    "totals": ("totals", _one_of("all", "page")),
    "greatestTotal": ("greatest_total", _maybe(_count)),
    "totalsOff": ("totals_off", _count),
    "ownLinks": ("own_links", _switch),
    "nextLinks": ("next_links", _switch),
    "rateLimitHeaders": ("rate_limit_headers", _switch),
    "compressed": ("compressed", _switch),
    "samePage": ("same_page", _switch),
    "circularLinks": ("circular_links", _switch),
}
"""The attribute behind each name in JSON, and what makes its value of one in JSON."""
