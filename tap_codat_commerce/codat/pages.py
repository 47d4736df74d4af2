"""Codat's envelope around lists, and the two ways to walk through it.

Facts (Codat's documentation, 'Paging'): pages count from 1; an answer holds `results`, `totalResults` and `_links`,
where `next` is missing on the last page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.errors import UnreadableAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_codat_commerce.codat.client import Client


@dataclass(frozen=True)
class Page:
    """One answer: its records as they came, how many there are in all, and the link to the next."""

    results: list[dict[str, Any]]
    total: int
    next: str | None

    @classmethod
    def of(cls, answer: Any, path: str) -> Page:
        """Open the envelope.

        Raises:
            UnreadableAnswer: it is none.
        """
        if isinstance(answer, dict):
            results, total = answer.get("results"), answer.get("totalResults")
            if isinstance(results, list) and isinstance(total, int) and all(isinstance(r, dict) for r in results):
                return cls(results, total, _href(answer.get("_links")))
        what = f"GET {path} answered with JSON that is no page of records"
        raise UnreadableAnswer(what)


def by_number(client: Client, path: str, params: Mapping[str, str | int], size: int, first: int = 1) -> Iterator[Page]:
    """Yield pages by their numbers, until neither a next link nor the total promises more."""
    number = first
    while True:
        page = Page.of(client.get(path, {**params, "page": number, "pageSize": size}), path)
        yield page
        if not page.results or (page.next is None and number * size >= page.total):
            return
        number += 1


def by_link(client: Client, path: str) -> Iterator[Page]:
    """Yield the first page, asked for without parameters, and those that its next links lead to."""
    page = Page.of(client.get(path), path)
    yield page
    while page.next is not None:
        page = Page.of(client.follow(page.next), path)
        yield page


def _href(links: object) -> str | None:
    following = links.get("next") if isinstance(links, dict) else None
    href = following.get("href") if isinstance(following, dict) else None
    return href if isinstance(href, str) else None
