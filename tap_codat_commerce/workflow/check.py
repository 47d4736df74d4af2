"""Finds out whether Codat is as the tap assumes: by a few requests with the user's own key, on the user's own data.

Each look is on its own: one that fails is noted, and the others go on. 'Yes' is said only of what was seen: where an
answer would be the same if Codat took no notice of a parameter, nothing was.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import answers, errors, history, pages, query
from tap_codat_commerce.records.record_pages import REPLICATION_KEY
from tap_codat_commerce.sync.paged_read import BY_ID
from tap_codat_commerce.sync.paged_read import path_of as data_set_path
from tap_codat_commerce.workflow import evidence
from tap_codat_commerce.workflow.assumptions import (
    COMPANY_ORDER,
    COMPANY_QUERY,
    COMPRESSED,
    DATE_ORDER,
    HISTORY_ORDER,
    HISTORY_QUERY,
    ID_ORDER,
    KEY,
    LINKS,
    NO_FIELD,
    OWN_PATH,
    QUERY,
    QUOTA,
    READABLE,
    SIZE,
    STATUS,
    SYNC_IDS,
    TAGS,
    TOTALS,
)
from tap_codat_commerce.workflow.findings import Findings, said
from tap_codat_commerce.workflow.session import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.workflow.session import Session

COMPANIES = "/companies"
NOBODY = "00000000-0000-4000-8000-000000000000"
UNKNOWN, NOTHING = NO_TAG = ("codatCommerceCheck", "none")
LISTED, LARGE, LARGEST = 100, 1000, 5000
ENOUGH = 3
"""So many records have an order, and pages."""
COMPANIES_TRIED, DATA_SETS_TRIED = 2, 2
"""So many are asked for a data set that holds enough records."""
PREFERRED = ("commerce-customers", "commerce-orders", "commerce-products", "commerce-transactions")


class Check:
    """Looks at all assumptions, by at most 19 requests."""

    def __init__(self, session: Session) -> None:
        """Begin without a request."""
        self._session = session
        self.findings = Findings()

    def look(self) -> None:
        """Look at all of them.

        Raises:
            UsageError: nothing more can be seen; `findings` keeps what was seen so far.
        """
        client, findings = self._session.client, self.findings
        try:
            listed = self._page(COMPANIES)
        except errors.CodatError as exc:
            findings.trouble(KEY, exc)
            if not isinstance(exc, errors.WrongKey | errors.Forbidden):
                findings.seen[KEY] = None
            raise _end(exc) from exc
        findings.see(KEY, holds=True)
        client.retry_limits = replace(client.retry_limits, failed=0)  # else a server in trouble is asked far more often
        try:
            self._look_at_all(listed)
        except errors.EndsAllRequests as exc:
            raise _end(exc) from exc
        finally:
            findings.see(QUOTA, holds=client.quota.limit is not None)
            findings.see(COMPRESSED, holds=client.compressed)

    def _look_at_all(self, listed: Page) -> None:
        companies = []
        for raw in listed.results:
            with suppress(errors.UnexpectedAnswer):
                companies.append(answers.company(raw).fields)
        selection = self._session.selection()
        shops = [c for number, company in enumerate(companies) for c in selection.connections(company, number)]
        if companies:
            self._look_at_tags(companies, listed.total)
            self._look_at_company_query(companies[0]["id"], listed.total)
            self._look_at_order(COMPANY_ORDER, COMPANIES, "-created", listed)
        if shops:
            self._look_at_history(next((shop for shop in shops if shop.several), shops[0]))
        if chosen := self._data_set(shops):
            self._look_at_data_set(*chosen)

    def _look_at_tags(self, companies: evidence.Objects, total: int) -> None:
        """Ask for a tag that some companies have and others have not."""
        every = [evidence.tags(company) for company in companies]
        plain = (tag for tags in every for tag in tags.items() if evidence.is_plain(tag))
        name, value = tag = next((t for t in plain if any(t not in tags.items() for tags in every)), NO_TAG)
        page = self._ask(TAGS, COMPANIES, tags=f"{name}={value}")
        if page and tag == NO_TAG:
            self.findings.see(TAGS, holds=None if page.total == 0 else False)
        elif page:
            fits = all(evidence.tags(company).get(name) == value for company in evidence.objects(page))
            self.findings.see(TAGS, holds=fits and 0 < page.total < total)

    def _look_at_company_query(self, known: str, total: int) -> None:
        if total == 1:
            nobody = self._ask(COMPANY_QUERY, COMPANIES, query=query.equals("id", NOBODY))
            if not nobody or nobody.total > 0:
                self.findings.see(COMPANY_QUERY, holds=False)
                return
        (either,) = query.any_of("id", [NOBODY, known])
        if page := self._ask(COMPANY_QUERY, COMPANIES, query=either):
            self.findings.see(COMPANY_QUERY, holds=page.total == 1)
            self._look_at_unknown_field()

    def _look_at_unknown_field(self) -> None:
        try:
            self._page(COMPANIES, query=query.equals(UNKNOWN, NOTHING))
        except errors.BadRequest:
            self.findings.see(NO_FIELD, holds=True)
        except errors.EndsAllRequests:
            raise
        except errors.CodatError as exc:
            self.findings.trouble(NO_FIELD, exc)
        else:
            self.findings.see(NO_FIELD, holds=False)

    def _look_at_history(self, shop: ConnectionRef) -> None:
        path = history.path(shop.company_id)
        own = self._history(path, query=history.of_connection(shop.connection_id))
        alone = own is not None and not shop.several
        other = self._history(path, query=history.of_connection(NOBODY)) if alone else self._history(path)
        if own and other:
            self.findings.see(HISTORY_QUERY, holds=evidence.chooses(own, other, shop.connection_id, alone=alone))
        ordered = self._look_at_order(HISTORY_ORDER, path, history.LATEST_FIRST, own if alone else other, history.SIZE)
        operations = [o for page in (own, other, ordered) if page for o in evidence.objects(page)]
        self.findings.see(SYNC_IDS, holds=evidence.have_their_own_ids(operations))

    def _history(self, path: str, **params: Any) -> Page | None:
        return self._ask(HISTORY_QUERY, path, size=history.SIZE, **params)

    def _data_set(self, shops: list[ConnectionRef]) -> tuple[str, Page] | None:
        """Return the path of a data set, and its first page; None if there is none with several records."""
        chosen = None
        for path in islice(self._promising(shops), DATA_SETS_TRIED):
            try:
                page = self._page(path)
            except (errors.NotSupported, errors.NoData, errors.NotReady):
                continue
            except errors.EndsAllRequests:
                raise
            except errors.CodatError as exc:
                self.findings.trouble(READABLE, exc, path.rpartition("/")[2])
                continue
            self.findings.see(READABLE, holds=True)
            if not chosen or page.total > chosen[1].total:
                chosen = (path, page)
            if page.total >= ENOUGH:
                break
        return chosen if chosen and chosen[1].total > 1 else None

    def _promising(self, shops: list[ConnectionRef]) -> Iterator[str]:
        """Yield the paths of data sets that had a good sync, or may have had one."""
        of_companies = {shop.company_id: shop for shop in reversed(shops)}
        for shop in islice(reversed(of_companies.values()), COMPANIES_TRIED):
            for name in PREFERRED:
                if self._may_have_data(shop.company_id, name):
                    yield data_set_path(shop.company_id, shop.connection_id, name)

    def _may_have_data(self, company_id: str, data_type: str) -> bool:
        try:
            status = self._session.statuses.status(company_id, data_type)
        except errors.EndsAllRequests:
            raise
        except errors.CodatError as exc:
            self.findings.trouble(STATUS, exc)
            return True
        self.findings.see(STATUS, holds=True)
        return status.has_data

    def _look_at_data_set(self, path: str, listed: Page) -> None:
        largest = self._ask(SIZE, path, size=LARGEST)
        sent = len(largest.results) if largest else 0
        held = max(listed.total, sent)  # the total may be that of a page
        short = 0 < sent < min(held, LARGEST)
        most = min(LARGE, sent) if short else LARGE
        size = min(-(-held // 2), most)
        count = -(-held // size)
        first = self._look_at_order(DATE_ORDER, path, REPLICATION_KEY, largest or listed, size)
        last = self._ask(TOTALS, path, number=count, size=size)
        same = {page.total for page in (listed, largest, first, last) if page} == {held}
        right = same and (len(last.results) == held - size * (count - 1) if last else None)
        self.findings.see(TOTALS, holds=right)
        if largest:
            self.findings.see(SIZE, holds=(False if right else None) if short else True)
        if last and right and (more := first or (listed if held > LISTED else None)):
            self.findings.see(LINKS, holds=more.next is not None and last.next is None)
        self._look_at_query(path, largest or listed)
        self._look_at_ids(path, held, most)

    def _look_at_query(self, path: str, page: Page) -> None:
        latest = max(evidence.stamps(evidence.objects(page), REPLICATION_KEY), default=None)
        if latest is None:
            return
        since = self._ask(QUERY, path, query=query.since(REPLICATION_KEY, latest))
        after = self._ask(QUERY, path, query=query.after(REPLICATION_KEY, latest)) if since else None
        if since and after:
            from_then, newer = (evidence.stamps(evidence.objects(one), REPLICATION_KEY) for one in (since, after))
            fits = all(stamp >= latest for stamp in (*from_then, *newer)) and after.total < page.total
            self.findings.see(QUERY, holds=fits and (latest in from_then or since.total > LISTED))

    def _look_at_ids(self, path: str, held: int, most: int) -> None:
        """Hold the first ids against the last ones of the reverse order: which order it is does not matter."""
        size = next(s for s in range(most, 0, -1) if (held - 1) % s or s == 1)
        first = self._ask(ID_ORDER, path, size=size, orderBy=BY_ID)
        if not first:
            return
        reverse = self._ask(ID_ORDER, path, number=-(-held // size), size=size, orderBy=f"-{BY_ID}")
        if not reverse:
            self.findings.seen[ID_ORDER] = None  # the tap asks for no reverse order
            return
        records = evidence.objects(first)
        ids = [str(record.get(BY_ID)) for record in records]
        turned = [str(record.get(BY_ID)) for record in reversed(evidence.objects(reverse))]
        kept = bool(turned) and turned == ids[: len(turned)]
        unseen = len(set(turned)) == 1 or (not evidence.is_known_order(ids) and evidence.is_by_date(records))
        self.findings.see(ID_ORDER, holds=None if kept and unseen else kept)

    def _look_at_order(self, name: str, path: str, by: str, plain: Page | None, size: int = LISTED) -> Page | None:
        """Ask for an order, for the reverse one if the list has it without being asked; return the page."""
        field, down = by.removeprefix("-"), by.startswith("-")
        known = evidence.stamps(evidence.objects(plain), field) if plain else []
        if any(evidence.is_ordered(some, down=down) for some in (known, known[:size])):
            down = not down
        page = self._ask(name, path, size=size, orderBy=f"-{field}" if down else field)
        if page:
            kept = evidence.is_ordered(evidence.stamps(evidence.objects(page), field), down=down, among=known)
            self.findings.see(name, holds=None if kept and not plain else kept)
        return page

    def _ask(self, name: str, path: str, *, number: int = 1, size: int = LISTED, **params: str) -> Page | None:
        """Return a page; None if that fails, which is noted."""
        try:
            return self._page(path, number=number, size=size, **params)
        except errors.EndsAllRequests:
            raise
        except errors.CodatError as exc:
            self.findings.trouble(name, exc)
            return None

    def _page(self, path: str, *, number: int = 1, size: int = LISTED, **params: str) -> Page:
        page: Page = self._session.prefetcher.get(path, pages.numbered(params, number, size), pages.decode)
        self.findings.see(OWN_PATH, holds=page.names_itself and self.findings.seen[OWN_PATH] is not False)
        return page


def _end(error: errors.CodatError) -> UsageError:
    return UsageError(f"{said(error)}: nothing more can be looked at. {error.advice}")
