"""Codat's envelope around one page of a list, and what the page says of itself.

Facts (Codat's documentation, 'Paging'): an answer holds `results`, `totalResults`, `pageNumber`, `pageSize` and
`_links`: `self` and `current` are the page's own, `next` is missing on the last page.
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.errors import AnswerToAnother, UnexpectedAnswer
from tap_codat_commerce.codat.redaction import quoted

MOST = 10**12
"""No list can have more records in all."""
LISTS, NAMING = "companies", ("companies", "connections", "data")
"""The words in Codat's paths behind which the name of a company, a connection or a data set stands."""

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|")
FORMS = {"companies": ID, "connections": ID, "data": re.compile(r"commerce-.+|history")}
"""What names a company, a connection or a data set; a list of companies names the company ''."""
PAGE = re.compile(r"[?&]page=0*([1-9][0-9]*)(?=[&#]|$)")


class Link(msgspec.Struct):
    """Where a link leads."""

    href: str | None = None


class Links(msgspec.Struct):
    """The links of a page. Its own may be of any form: nothing rests on one that is not understood."""

    next: Link | None = None
    itself: Any = msgspec.field(name="self", default=None)
    current: Any = None


class Page(msgspec.Struct):
    """One page: its records, not parsed yet, and how many there are on all pages.

    Attributes:
        number: of the page, as it says, whatever form that has; likewise `size`.
    """

    results: list[msgspec.Raw]
    total: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = msgspec.field(name="totalResults")
    links: Links | None = msgspec.field(name="_links", default=None)
    number: Any = msgspec.field(name="pageNumber", default=None)
    size: Any = msgspec.field(name="pageSize", default=None)

    @property
    def next(self) -> str | None:
        """The link to the next page."""
        return self.links.next.href if self.links and self.links.next else None

    @property
    def own_links(self) -> list[str]:
        """The links to the page itself."""
        links = (self.links.itself, self.links.current) if self.links else ()
        return [link["href"] for link in links if isinstance(link, dict) and isinstance(link.get("href"), str)]

    @property
    def names_itself(self) -> bool:
        """Whether the page says of which list it is."""
        return any(map(_names, self.own_links))

    def objects(self) -> list[dict[str, Any]]:
        """Return the records, parsed.

        Raises:
            UnexpectedAnswer: one is no object, or can't be parsed.
        """
        try:
            return [lossless_json.decode_object(raw) for raw in self.results]
        except ValueError as exc:
            what = f"a page of a list holds an entry that can't be read: {exc}"
            raise UnexpectedAnswer(what) from exc

    def check_own(self, request: str, url: str, number: object = None) -> None:
        """Refuse a page that says of itself that it is another one than was asked for.

        Args:
            request: the request, for people.
            url: what was asked for.
            number: of the page, None if the address has it, or nobody knows.

        Raises:
            AnswerToAnother: it names another company, connection or data set, or another page.
        """
        asked = _path(url)
        wanted = str(number or _page(url) or ("" if "?" in url else 1))
        came = [str(self.number)] if type(self.number) is int and self.number > 0 else []
        for link in self.own_links:
            if not asked.endswith(_path(link)) and is_of_another(link, url):
                what = f"{request}: an answer came that says that it is {quoted(_path(link))}"
                raise AnswerToAnother(what)
            came += filter(None, [_page(link)])
        if wanted and (others := set(came) - {wanted}):
            what = f"{request}: page {wanted} was asked for, and page {quoted(others.pop())} came"
            raise AnswerToAnother(what)


decode = msgspec.json.Decoder(Page).decode
"""Turns an answer into a page. Raises msgspec.DecodeError; if it is JSON, but no page, msgspec.ValidationError."""


def _path(link: str) -> str:
    """Return a link without parameters."""
    return link.partition("?")[0].partition("#")[0]


def _page(link: str) -> str | None:
    """Return the number of the page that a link names; None if it names none."""
    page = PAGE.search(link)
    return page[1] if page else None


def is_of_another(link: str, url: str) -> bool:
    """Say whether a link names another company, connection or data set than an address; unknown is what names nothing.

    A name of another form, as `{companyId}` or `orders`, is no name of anything else.
    """
    names, asked = _names(link), _names(url)
    return any(
        name != asked[word] and FORMS[word].fullmatch(name) is not None for word, name in names.items() if word in asked
    )


def _names(link: str) -> dict[str, str]:
    """Return what a link names, by the word before it, in small letters: a list of companies names the company ''.

    A link of a form that we do not know names nothing.
    """
    segments = [unquote(segment).casefold() for segment in _path(link).split("/") if segment]
    if LISTS not in segments:
        return {}
    del segments[: len(segments) - 1 - segments[::-1].index(LISTS)]  # the host, and a path of api_url
    names = dict(zip(segments[::2], segments[1::2] or [""], strict=False))
    return {word: names[word] for word in NAMING if word in names}
