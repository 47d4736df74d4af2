"""Finds out whether Codat is as the tap assumes: by a few requests with the user's own key, on the user's own data.

What is found holds no secret, no id and no name: it can be pasted into a report of a defect.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors, pages, query
from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import REPLICATION_KEY
from tap_codat_commerce.sync.data_set import DataSet
from tap_codat_commerce.sync.data_status import SyncStatus
from tap_codat_commerce.sync.paged_read import BY_ID, ReadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.workflow.session import Session

    Objects = list[dict[str, Any]]

KEY, QUOTA, COMPRESSED = "the key is accepted", "answers tell the day's quota", "answers come compressed"
TAGS, COMPANY_QUERY, COMPANY_ORDER = "companies: tags", "companies: query", "companies: orderBy"
SIZE, TOTALS, LINKS = "data set: page size 5000", "data set: totals", "data set: next links until the last page"
QUERY, DATE_ORDER, ID_ORDER = "data set: query", "data set: orderBy=modifiedDate", "data set: orderBy=id"
HISTORY_QUERY, HISTORY_ORDER = "history: query", "history: orderBy"

FAILS = "the data set counts as failed, its bookmark stays, and the run ends non-zero"
OTHERWISE = {
    KEY: "nothing can be read",
    QUOTA: "the summary of a run does not tell what is left of it",
    COMPRESSED: "they take longer; nothing else changes",
    TAGS: "a run with `company_tags` ends with Codat's words, and reads nothing",
    COMPANY_QUERY: "a run with `company_ids` or `company_query` ends with Codat's words, and reads nothing",
    COMPANY_ORDER: "nothing changes: companies are not ordered",
    SIZE: "a run with `page_size: 5000` ends with Codat's words, and reads nothing",
    TOTALS: FAILS,
    LINKS: "pages are counted by the total; of locations, which are read by links, it tells that some are missing: "
    + FAILS,
    QUERY: FAILS,
    DATE_ORDER: f"nothing changes while `orderBy=id` is taken; without both {FAILS}",
    ID_ORDER: "data sets are read by `modifiedDate`, and the run says so; an order that is taken and not kept is seen "
    "by the totals if records slip from page to page",
    HISTORY_QUERY: "`codat-commerce refresh` ends with Codat's words where it would wait: use `--no-wait`",
    HISTORY_ORDER: "of a company with several shops every data set is read each time, and none taken for unchanged",
}
"""Each assumption, in the order of the report; and what the tap does where it does not hold."""

WORDS = {True: "yes", False: "no", None: "not seen"}
COMPANIES = "/companies"
NOBODY = "00000000-0000-4000-8000-000000000000"
NO_TAG = ("codat-commerce-check", "none")
LISTED, LARGE, LARGEST = 100, 1000, 5000
ENOUGH = 3
"""So many records have an order, and pages."""
COMPANIES_TRIED, DATA_SETS_TRIED = 2, 3
"""So many are asked for a data set that holds enough records."""
PREFERRED = ("commerce-customers", "commerce-orders", "commerce-products", "commerce-transactions")


class Check:
    """What is found of each assumption: True, False, or None where nothing was seen. Makes at most 19 requests."""

    def __init__(self, session: Session) -> None:
        """Begin without a request."""
        self._session = session
        self.found: dict[str, bool | None] = dict.fromkeys(OTHERWISE)

    def look(self) -> None:
        """Look at all of them.

        Raises:
            CodatError: nothing more can be seen; what was found so far is kept.
        """
        client, selection = self._session.client, self._session.selection()
        try:
            companies = self._page(COMPANIES).objects()
        except errors.AccessRefused:
            self.found[KEY] = False
            raise
        self.found[KEY] = True
        shops = [c for number, company in enumerate(companies) for c in selection.connections(company, number)]
        if companies:
            self._look_at_companies(companies)
        if shops:
            self._look_at_history(shops[0])
        if chosen := self._data_set(shops):
            self._look_at_data_set(*chosen)
        self.found[QUOTA] = client.quota.limit is not None
        self.found[COMPRESSED] = client.compressed

    def lines(self) -> list[str]:
        """Return a line for each assumption."""
        return [
            f"{WORDS[seen]:<10}{name}" + (f": {OTHERWISE[name]}." if seen is False else "")
            for name, seen in self.found.items()
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """Return each assumption for scripts."""
        return [{"assumption": n, "holds": seen, "otherwise": OTHERWISE[n]} for n, seen in self.found.items()]

    def _look_at_companies(self, companies: Objects) -> None:
        plain = (tag for c in companies for tag in (c.get("tags") or {}).items() if _is_plain(*tag))
        name, value = tag = next(plain, NO_TAG)

        def tagged(page: Page) -> bool:
            tags = [(company.get("tags") or {}).get(name) for company in page.objects()]
            return set(tags) == (set() if tag == NO_TAG else {value})

        self._see(TAGS, tagged, COMPANIES, tags=f"{name}={value}")
        (both,) = query.any_of("id", [NOBODY, str(companies[0]["id"])])
        if self._see(COMPANY_QUERY, lambda page: page.total == 0, COMPANIES, query=query.equals("id", NOBODY)):
            self._see(COMPANY_QUERY, lambda page: page.total == 1, COMPANIES, query=both)
        self._see(COMPANY_ORDER, _falling("created"), COMPANIES, orderBy="-created")

    def _look_at_history(self, shop: ConnectionRef) -> None:
        path, wanted = f"{COMPANIES}/{shop.company_id}/data/history", shop.connection_id

        def of_one(page: Page) -> bool | None:
            return {operation.get("connectionId") for operation in page.objects()} == {wanted} if page.results else None

        self._see(HISTORY_QUERY, of_one, path, query=query.equals("connectionId", wanted))
        self._see(HISTORY_ORDER, _falling("requested"), path, orderBy="-requested")

    def _data_set(self, shops: list[ConnectionRef]) -> tuple[str, int] | None:
        """Return the path of a data set, and how many records it has; None if none was found that has several."""
        found = []
        for path in islice(self._good_ones(shops), DATA_SETS_TRIED):
            try:
                found.append((self._page(path, size=1).total, path))
            except (errors.BadRequest, errors.NotFound, errors.NotReady):
                continue
            if found[-1][0] >= ENOUGH:
                break
        total, path = max(found, default=(0, ""))
        return (path, total) if total > 1 else None

    def _good_ones(self, shops: list[ConnectionRef]) -> Iterator[str]:
        """Yield the paths of data sets that had a good sync."""
        of_companies = {shop.company_id: shop for shop in reversed(shops)}
        for shop in islice(reversed(of_companies.values()), COMPANIES_TRIED):
            entries = self._session.statuses.entries(shop.company_id)
            for name in PREFERRED:
                if SyncStatus.of(entries.get(name)).has_data:
                    yield ReadRequest(shop.company_id, shop.connection_id, DataSet(name, name, name)).path

    def _look_at_data_set(self, path: str, total: int) -> None:
        size = min(-(-total // 2), LARGE)
        count = -(-total // size)
        largest = self._see(SIZE, lambda _: True, path, size=LARGEST)
        first = self._see(DATE_ORDER, _rising, path, size=size, orderBy=REPLICATION_KEY)
        last = self._page(path, number=count, size=size)
        came = [(p, LARGEST if p is largest else size, count if p is last else 1) for p in (largest, first, last) if p]
        self.found[TOTALS] = all(
            p.total == total and len(p.results) == min(of, total - of * (number - 1)) for p, of, number in came
        )
        if first:
            self.found[LINKS] = first.next is not None and last.next is None
        self._look_at_query(path, largest or last)
        self._look_at_ids(path, total)

    def _look_at_query(self, path: str, page: Page) -> None:
        latest = max(_stamps(page, REPLICATION_KEY), default=None)
        if latest is None:
            return

        def since(found: Page) -> bool:
            return bool(found.results) and min(_stamps(found, REPLICATION_KEY)) >= latest

        def after(found: Page) -> bool:
            return found.total < page.total and min(_stamps(found, REPLICATION_KEY), default=latest) >= latest

        if self._see(QUERY, since, path, query=query.since(REPLICATION_KEY, latest)) and self.found[QUERY]:
            self._see(QUERY, after, path, query=query.after(REPLICATION_KEY, latest))

    def _look_at_ids(self, path: str, total: int) -> None:
        """Hold the first ids against the last ones of the reverse order, and against the orders that texts may have."""
        size = next(s for s in range(LARGE, 0, -1) if (total - 1) % s)
        first = self._see(ID_ORDER, lambda _: True, path, size=size, orderBy=BY_ID)
        if first:
            ids = [str(record.get("id")) for record in first.objects()]
            known = any(ids == sorted(ids, key=by) for by in (str, str.lower, _letters, lambda i: (len(i), i)))

            def reverse(page: Page) -> bool:
                turned = [str(record.get("id")) for record in reversed(page.objects())]
                return known and turned == ids[: len(turned)]

            self._see(ID_ORDER, reverse, path, number=-(-total // size), size=size, orderBy=f"-{BY_ID}")

    def _see(
        self,
        name: str,
        expected: Callable[[Page], bool | None],
        path: str,
        *,
        number: int = 1,
        size: int = LISTED,
        **params: str,
    ) -> Page | None:
        """Ask for a page, note whether it is as expected, and return it; None, and noted as False, if it is refused."""
        try:
            page = self._page(path, number=number, size=size, **params)
        except (errors.BadRequest, errors.Forbidden, errors.NotFound):
            self.found[name] = False
            return None
        self.found[name] = expected(page)
        return page

    def _page(self, path: str, *, number: int = 1, size: int = LISTED, **params: str) -> Page:
        page: Page = self._session.prefetcher.get(path, pages.numbered(params, number, size), pages.decode)
        return page


def _stamps(page: Page, name: str) -> list[str]:
    return [stamp for record in page.objects() if (stamp := dates.stamp(record.get(name)))]


def _rising(page: Page) -> bool:
    stamps = _stamps(page, REPLICATION_KEY)
    return stamps == sorted(stamps)


def _falling(name: str) -> Callable[[Page], bool]:
    def expected(page: Page) -> bool:
        stamps = _stamps(page, name)
        return stamps == sorted(stamps, reverse=True)

    return expected


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _is_plain(name: str, value: object) -> bool:
    return re.fullmatch(r"[\w-]+=[\w-]+", f"{name}={value}") is not None
