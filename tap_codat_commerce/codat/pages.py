"""Codat's envelope around lists, and the two ways to walk through it.

Facts (Codat's documentation, 'Paging'): pages count from 1; an answer holds `results`, `totalResults` and `_links`,
where `next` is missing on the last page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.errors import UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from tap_codat_commerce.codat.client import Client, Params
    from tap_codat_commerce.codat.prefetcher import Position, Prefetcher

PAGES_AHEAD = 20
"""So many pages after the one that is used are asked for ahead."""


MOST = 10**12
"""A total beyond that is none."""
GROWS = 10
"""Pages in a row by each of which the total may grow: syncs may add records meanwhile, but not without end."""


class Link(msgspec.Struct):
    """Where a link leads."""

    href: str | None = None


class Links(msgspec.Struct):
    """The links of a page."""

    next: Link | None = None


class Page(msgspec.Struct):
    """One answer: its records as they came, not parsed yet; and how many there are in all."""

    results: list[msgspec.Raw]
    total: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = msgspec.field(name="totalResults")
    links: Links | None = msgspec.field(name="_links", default=None)

    @property
    def next(self) -> str | None:
        """The link to the next page."""
        return self.links.next.href if self.links and self.links.next else None

    def objects(self) -> list[dict[str, Any]]:
        """Return the records, parsed.

        Raises:
            UnexpectedAnswer: one is no object, or no UTF-8.
        """
        try:
            return [lossless_json.decode_object(raw) for raw in self.results]
        except ValueError as exc:
            what = f"a page of a list holds an entry that can't be read: {exc}"
            raise UnexpectedAnswer(what) from exc


decode: Callable[[bytes], Page] = msgspec.json.Decoder(Page).decode
"""An answer to its page. Raises msgspec.DecodeError; msgspec.ValidationError if it is JSON, but no page."""


def numbered(params: Params, number: int, size: int) -> dict[str, str | int]:
    """Return the parameters of one page."""
    return {**params, "page": number, "pageSize": size}


def by_number(client: Client | Prefetcher, path: str, params: Params, size: int) -> Iterator[Page]:
    """Yield pages by their numbers, until neither a next link nor the total promises more.

    Raises:
        UnexpectedAnswer: a page is the same as the one before it: there might be no end to them.
    """
    number, before, bound = 1, None, Bound(size)
    while True:
        page = client.get(path, numbered(params, number, size), decode)
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
    """Yield pages as `by_number` does, from the first one given, and ask for the following ones ahead.

    Args:
        prefetcher: asks for them.
        path: of the list, as are `params`.
        params: but for number and size.
        size: records to a page.
        first: number of the first page.
        token: only what was asked with the same token is used.
        position: when they are needed, None to ask for nothing ahead.
        unsure: so many pages are used before others are asked ahead.
    """
    number, bound = first, Bound(size)
    while True:
        page = prefetcher.get(path, numbered(params, number, size), decode, token)
        bound.check(page, number)
        if position is not None and number >= first + unsure:
            prefetch_following(prefetcher, path, params, size, page=page, number=number, token=token, position=position)
        last = is_last(page, number, size)  # before the page is used up
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
    """Ask ahead for the pages after one that is there, as far as it says that there are any."""
    if is_last(page, number, size):
        return
    last = min(-(-page.total // size), number + PAGES_AHEAD)
    for following in range(number + 1, last + 1):
        prefetcher.prefetch(path, numbered(params, following, size), decode, (*position, following), token=token)


class Bound:
    """Refuses pages that no total allows: a server that always has a next one would be followed for ever."""

    def __init__(self, size: int) -> None:
        """Begin before the first page; `size` is the records to a page."""
        self._size, self._total, self._grown = size, MOST, 0

    def check(self, page: Page, number: int) -> None:
        """Look at a page.

        Raises:
            UnexpectedAnswer: it is beyond the total, or the total has grown by each of many pages.
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
        UnexpectedAnswer: more than a page came beyond the total: there might be no end to them.
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
        page = client.follow(page.next, decode)
