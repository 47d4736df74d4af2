"""The two ways to walk through a list: by the numbers of its pages, and by their links.

Facts (Codat's documentation, 'Paging'): pages count from 1. `pageSize` may be up to 5,000 in a request, but its
description in answers says at most 2,000: a server may hand out smaller pages than asked for, and count in these.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_codat_commerce.codat import envelope
from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.codat.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from tap_codat_commerce.codat.client import Client, Params
    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher

PAGES_AHEAD = 20
"""How many of the pages after the present one are prefetched."""
GROWS = 10
"""How many pages in a row may each tell a larger total: syncs may add records meanwhile, but not without end."""

Page = envelope.Page
decode = envelope.decode

logger = logging.getLogger("tap-codat-commerce.codat")


def numbered(params: Params, number: int, size: int) -> dict[str, str | int]:
    """Return the parameters of one page."""
    return {**params, "page": number, "pageSize": size}


def by_number(client: Client | Prefetcher, path: str, params: Params, size: int) -> Iterator[Page]:
    """Yield pages by their numbers, until neither a next link nor the total promises more.

    Raises:
        UnexpectedAnswer: a page is the same as the one before it, so that there might be no end; or see `Bound`.
    """
    number, before = 1, None
    while True:
        page = client.get(path, numbered(params, number, size), decode)
        if number == 1:
            size = own_size(page, number, size)
            bound = Bound(size)
        bound.check(page, number)
        if page.results == before:
            what = f"page {number} of {path} holds what the page before it held"
            raise UnexpectedAnswer(what)
        before = page.results
        last = is_last(page, number, size)
        yield page
        if last:
            return
        number += 1


def prefetched_by_number(  # noqa: PLR0913 - what is asked for, and when
    prefetcher: Prefetcher,
    path: str,
    params: Params,
    size: int,
    first: int,
    *,
    token: Hashable,
    position: Position | None,
    unsure: int = 0,
) -> Iterator[Page]:
    """Yield pages from a given one on, until neither a next link nor the total promises more; prefetch those to come.

    Args:
        prefetcher: makes the requests.
        path: of the list, as are `params`.
        params: all but page number and page size.
        size: records on a page.
        first: number of the first page.
        token: only what was prefetched with an equal token is used.
        position: when the pages are needed, see `Prefetcher.prefetch`; None to prefetch nothing.
        unsure: how many pages to yield before any is prefetched.

    Raises:
        UnexpectedAnswer: see `Bound`.
    """
    size = min(size, prefetcher.own_sizes.get(path, size + 1) - 1) or 1  # read again, pages begin elsewhere
    number = first
    while True:
        page = prefetcher.get(path, numbered(params, number, size), decode, token)
        if number == first:
            size = _noted_size(prefetcher, path, page, size, own_size(page, number, size))
            bound = Bound(size)
        bound.check(page, number)
        if position is not None and number >= first + unsure:
            prefetch_following(prefetcher, path, params, size, page=page, number=number, token=token, position=position)
        last = is_last(page, number, size)  # now, as whoever is given the page may take its records out
        yield page
        if last:
            return
        number += 1


def prefetch_following(  # noqa: PLR0913 - as above
    prefetcher: Prefetcher,
    path: str,
    params: Params,
    size: int,
    *,
    page: Page,
    number: int,
    token: Hashable,
    position: Position,
) -> None:
    """Prefetch the pages after a given one, as far as its total promises any."""
    if is_last(page, number, size):
        return
    last = min(-(-page.total // size), number + PAGES_AHEAD)
    for following in range(number + 1, last + 1):
        prefetcher.prefetch(path, numbered(params, following, size), decode, (*position, following), token=token)


def own_size(page: Page, number: int, size: int) -> int:
    """Return how many records a page has by which a server counts: fewer than asked for if its pages hold no more.

    Args:
        page: the first that a read asks for. It tells: by its own size, or by the number of its records, if that is
            smaller, though total and next link promise more. To go on in that size skips nothing.
        number: of the page.
        size: the records that were asked for.
    """
    holds = len(page.results)
    if type(page.size) is int and 0 < holds <= page.size < size:
        size = page.size
    return holds if 0 < holds < size and page.next is not None and number * holds < page.total else size


def _noted_size(prefetcher: Prefetcher, path: str, page: Page, asked: int, own: int) -> int:
    """Return a list's own size; note it, and say so once in a run, if it makes more pages than were asked for."""
    if own < min(asked, page.total):
        if not prefetcher.own_sizes:
            logger.info("Codat hands out pages of %d records where %d are asked for: that size is read.", own, asked)
        prefetcher.own_sizes[path] = own
    return own


class Bound:
    """Refuses pages beyond the total: a server that always has a next page would be followed for ever."""

    def __init__(self, size: int) -> None:
        """Begin before the first page; `size` is how many records a page has."""
        self._size, self._total, self._grown = size, envelope.MOST, 0

    def check(self, page: Page, number: int) -> None:
        """Check a page against the total, and its total against those before.

        Raises:
            UnexpectedAnswer: it is beyond the total, or the total has grown with each of many pages.
        """
        self._grown = self._grown + 1 if page.total > self._total else 0
        self._total = page.total
        if page.results and (number - 2) * self._size >= page.total:
            what = f"page {number} of {self._size} records came, though there are {page.total} in all"
            raise UnexpectedAnswer(what)
        if self._grown > GROWS:
            what = f"there are more records in all by each page, {page.total} by page {number}: that might never end"
            raise UnexpectedAnswer(what)


def is_last(page: Page, number: int, size: int) -> bool:
    """Say whether neither a next link nor the total promises more pages."""
    return not page.results or (page.next is None and number * size >= page.total)


def by_link(client: Client | Prefetcher, path: str, token: Hashable = None) -> Iterator[Page]:
    """Yield the first page, asked for without parameters, and those that its next links lead to.

    Raises:
        UnexpectedAnswer: there are pages beyond the total, so that there might be no end; or a link leads elsewhere.
    """
    page = client.get(path, None, decode) if token is None else client.get(path, None, decode, token)  # type: ignore[call-arg]
    before = 0
    while True:
        if page.results and before > page.total:
            what = f"the pages of {path} brought more than the {page.total} records that there are in all"
            raise UnexpectedAnswer(what)
        before += len(page.results)
        yield page
        if page.next is None:
            return
        if envelope.is_of_another(page.next, path):
            what = f"a page of {path} links to {quoted(page.next)} as the next one"
            raise UnexpectedAnswer(what)
        page = client.follow(page.next, decode)
