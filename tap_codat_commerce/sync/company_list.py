"""The list of companies, read until it is sure that none was missed.

Pages by number shift while companies join and leave: after one has left, the next page begins one entry further on.
But each page is made of one state of the list, and tells how many entries there were in it. So it can be counted

- who was made before the first page, by the companies' dates: if as many came as that page told, they are all;
- who was there with a page, as it came up to it, and again from it on: likewise.

What is there from the first request to the last is missed by neither, as long as nobody leaves and comes back.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from tap_codat_commerce.codat import answers, pages
from tap_codat_commerce.codat.errors import BadRequest, UnexpectedAnswer
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    import msgspec

    from tap_codat_commerce.codat.pages import Page
    from tap_codat_commerce.codat.prefetcher import Prefetcher

PATH = "/companies"
ORDER = "created"
"""Companies that join come at the end."""
READS = 3
"""How often the list is read at most."""
JUST_MADE = 60.0
"""Seconds. So far apart may the clocks be that a company's date and an answer's are from."""

logger = logging.getLogger("tap-codat-commerce")


@dataclass
class Listing:
    """What came of a list.

    Attributes:
        companies: not parsed, by id.
        unreadable: how many entries have no id that can be used, by the reason.
        different: the ids, and the entries without.
        entries: how many came, those that came twice included.
        first_page: the ids on it.
        first_total, total: how many entries there are, by the first page and by the last.
        made_before: how many companies were made before the first page.
        doubt: why companies may be missing, empty if none is.
    """

    companies: dict[str, msgspec.Raw] = field(default_factory=dict)
    unreadable: Counter[str] = field(default_factory=Counter)
    different: set[str | bytes] = field(default_factory=set)
    entries: int = 0
    first_page: set[str] = field(default_factory=set)
    first_total: int = 0
    total: int = 0
    made_before: int = 0
    doubt: str = ""

    def add(self, page: Page) -> None:
        """Take the entries of a page."""
        for raw in page.results:
            try:
                company_id = answers.id_of(raw)
                self.companies[company_id] = raw
                self.different.add(company_id)
            except UnexpectedAnswer as exc:
                self.unreadable[exc.what] += 1
                self.different.add(bytes(raw))
        self.total, self.entries = page.total, self.entries + len(page.results)

    def is_whole(self, known: Listing, *, by_dates: bool) -> bool:
        """Say whether whoever is not in it was not there all the time.

        Args:
            known: what came of all reads before; its total is that of the last page.
            by_dates: whether companies join the list when they are made, and not later.
        """
        again = known.companies.keys() & self.companies.keys()
        return (
            len(again | self.first_page) + self.unreadable.total() == self.first_total
            or len(again) + known.unreadable.total() == known.total
            or (by_dates and self.made_before == self.first_total)
        )


class CompanyList:
    """Reads the list of companies, as it is or by conditions."""

    def __init__(self, prefetcher: Prefetcher, size: int, tags: str | None) -> None:
        """Begin without a request; `size` is how many companies are asked for at once, `tags` a condition on tags."""
        self._prefetcher, self._size, self._tags = prefetcher, size, tags
        self._ordered = True

    def matching(self, condition: str | None) -> Listing:
        """Return the companies that match a query, and the tags.

        Raises:
            CodatError: a request failed.
        """
        params = {k: v for k, v in (("query", condition), ("tags", self._tags)) if v}
        known = Listing(total=-1)
        for _ in range(READS):
            now = self._read(params)
            if now.is_whole(known, by_dates=not params):
                return now
            known.companies |= now.companies
            known.unreadable, known.total = now.unreadable, now.total
        known.doubt = (
            f"{READS} reads of it do not add up ({len(known.companies)} different companies came, "
            f"its last page told of {now.total}), so that some may be missing"
        )
        return known

    def _read(self, params: dict[str, str]) -> Listing:
        """Read the list once, ordered if Codat takes an order."""
        if self._ordered:
            try:
                return self._pages({**params, "orderBy": ORDER})
            except BadRequest as exc:
                plain = self._pages(params)
                self._ordered = False
                logger.debug("Codat refuses orderBy=%s on the list of companies: %s", ORDER, exc.what)
                return plain
        return self._pages(params)

    def _pages(self, params: dict[str, str]) -> Listing:
        """Read page after page: were they asked for at once, it would not be known which of them was the last."""
        listing = Listing()
        for number in count(1):
            page: Page = self._prefetcher.get(PATH, pages.numbered(params, number, self._size), pages.decode)
            before = len(listing.different)
            listing.add(page)
            if number == 1:
                begun = dates.moved(dates.written(self._prefetcher.clock.now()), -JUST_MADE)
                listing.first_page, listing.first_total = {*listing.companies}, page.total
            has_doubled = listing.entries > 2 * listing.first_total + self._size
            is_last = page.next is None and listing.entries >= page.total
            if is_last or has_doubled or len(listing.different) == before:
                break
        made = (dates.stamp(answers.created(raw)) for raw in listing.companies.values())
        listing.made_before = sum(stamp is not None and stamp < begun for stamp in made)
        return listing
