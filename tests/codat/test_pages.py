"""How lists are walked through, and what is asked ahead: rules without requests."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_codat_commerce.codat import pages
from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.codat.pages import GROWS, PAGES_AHEAD, Bound, Page


def page(entries: int, total: int, following: str | None = None, first: int = 0) -> Page:
    links = {"next": {"href": following}} if following else {}
    results = [{"id": f"r{first + n}"} for n in range(entries)]
    return pages.decode(msgspec.json.encode({"results": results, "totalResults": total, "_links": links}))


class Lists:
    """Hands out pages, and keeps what was asked for and what was asked ahead."""

    def __init__(self, *answers: Page) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.ahead: list[Any] = []
        self.own_sizes: dict[str, int] = {}

    def get(self, path: str, params: Any = None, decode: Any = None, token: Any = None) -> Page:
        assert decode is pages.decode
        self.asked.append((path, params and params["page"], token))
        return self.answers.pop(0)

    def follow(self, link: str, decode: Any = None) -> Page:
        assert decode is pages.decode
        self.asked.append(link)
        return self.answers.pop(0)

    def prefetch(self, path: str, params: Any, decode: Any, position: Any, *, token: Any = None) -> None:
        assert decode is pages.decode
        assert position == (7, params["page"])
        self.ahead.append((path, params["page"], params["pageSize"], token))

    def walk(self, size: int, first: int = 1, unsure: int | None = None, *, in_a_hurry: bool = True) -> int:
        """Read all pages; return how many there were."""
        more: dict[str, Any] = {} if unsure is None else {"unsure": unsure}
        position = (7,) if in_a_hurry else None
        read = pages.prefetched_by_number(self, "/l", {}, size, first, token="t", position=position, **more)  # type: ignore[arg-type]  # noqa: S106
        return sum(1 for _ in read)


@pytest.mark.parametrize(
    ("entries", "total", "following", "number", "last"),
    [
        (2, 5, None, 1, False),
        (2, 4, None, 2, True),
        (2, 3, None, 2, True),
        (2, 5, None, 2, False),
        (2, 2, "/next", 1, False),
        (0, 9, "/next", 1, True),
        (0, 0, None, 1, True),
    ],
)
def test_which_page_is_the_last(entries: int, total: int, following: str | None, number: int, *, last: bool) -> None:
    assert pages.is_last(page(entries, total, following), number, 2) is last


@pytest.mark.parametrize(
    ("total", "number", "ahead"),
    [(5, 1, [2, 3]), (4, 1, [2]), (2, 1, []), (100, 3, list(range(4, 4 + PAGES_AHEAD))), (7, 3, [4]), (6, 3, [])],
)
def test_what_is_asked_ahead(total: int, number: int, ahead: list[int]) -> None:
    lists = Lists()
    pages.prefetch_following(
        lists,  # type: ignore[arg-type]
        "/l",
        {},
        2,
        page=page(2, total),
        number=number,
        token="t",  # noqa: S106
        position=(7,),
    )
    assert lists.ahead == [("/l", n, 2, "t") for n in ahead]


def test_pages_by_number_and_what_is_asked_ahead() -> None:
    lists = Lists(page(2, 5), page(2, 5), page(1, 5))
    assert lists.walk(2) == 3
    assert lists.asked == [("/l", n, "t") for n in (1, 2, 3)]
    assert [n for _, n, *_ in lists.ahead] == [2, 3, 3]


@pytest.mark.parametrize(("unsure", "ahead"), [(0, [3, 4, 4]), (1, [4])])
def test_what_has_to_be_checked_first_asks_for_nothing_ahead(unsure: int, ahead: list[int]) -> None:
    lists = Lists(page(2, 8), page(2, 8), page(2, 8))
    assert lists.walk(2, first=2, unsure=unsure) == 3
    assert [n for _, n, *_ in lists.ahead] == ahead


def test_without_a_position_nothing_is_asked_ahead() -> None:
    lists = Lists(page(2, 3), page(1, 3))
    assert lists.walk(2, in_a_hurry=False) == 2
    assert lists.ahead == []


def test_pages_that_one_asks_for_when_they_are_needed() -> None:
    lists = Lists(page(2, 3), page(1, 3, first=2))
    assert len(list(pages.by_number(lists, "/l", {"a": 1}, 2))) == 2  # type: ignore[arg-type]
    assert [n for _, n, _ in lists.asked] == [1, 2]
    with pytest.raises(UnexpectedAnswer, match="page 2 of /l holds what the page before it held"):
        list(pages.by_number(Lists(page(2, 9), page(2, 9)), "/l", {}, 2))  # type: ignore[arg-type]


COMPANY = "/companies/{}/connections/8c0d5a0c-5b09-4a7a-8000-00000000c0de/data/commerce-locations"
ONE, OTHER = (COMPANY.format(f"0000000{n}-1c0d-4a7a-8000-00000000c0de") for n in (1, 2))


@pytest.mark.parametrize("link", [OTHER + "?page=2", ONE.replace("locations", "orders") + "?page=2"])
def test_a_link_leads_to_no_other_list(link: str) -> None:
    lists = Lists(page(2, 4, link), page(2, 4))
    with pytest.raises(UnexpectedAnswer, match="as the next one"):
        list(pages.by_link(lists, ONE))  # type: ignore[arg-type]
    assert len(lists.asked) == 1


@pytest.mark.parametrize("token", [None, "t"])
def test_pages_by_link(token: str | None) -> None:
    lists = Lists(page(2, 3, "/second"), page(1, 3))
    assert len(list(pages.by_link(lists, "/l", token))) == 2  # type: ignore[arg-type]
    assert lists.asked == [("/l", None, token), "/second"]


@pytest.mark.parametrize(("totals", "good"), [([4, 4, 4], True), ([3, 3, 3], False), ([4, 4, 3], False)])
def test_links_that_lead_beyond_the_total(totals: list[int], *, good: bool) -> None:
    lists = Lists(*(page(2, total, "/next") for total in totals), page(0, 4))
    walk = pages.by_link(lists, "/l")  # type: ignore[arg-type]
    if good:
        assert len(list(walk)) == 4
    else:
        with pytest.raises(UnexpectedAnswer, match=r"more than the 3 records"):
            list(walk)


def test_the_last_link_may_lead_to_an_empty_page() -> None:
    lists = Lists(page(2, 2, "/next"), page(2, 4, "/next"), page(0, 3))
    assert len(list(pages.by_link(lists, "/l"))) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(("number", "total", "good"), [(2, 0, False), (2, 1, True), (3, 2, False), (3, 3, True)])
def test_pages_beyond_the_total(number: int, total: int, *, good: bool) -> None:
    bound = Bound(2)
    if good:
        bound.check(page(1, total), number)
    else:
        with pytest.raises(UnexpectedAnswer, match=f"page {number} of 2 records came"):
            bound.check(page(1, total), number)
    bound.check(page(0, total), number)


def test_totals_may_grow_for_a_while() -> None:
    bound = Bound(2)
    for number in range(1, GROWS + 2):
        bound.check(page(2, 100 + number), number)
    bound.check(page(2, 100 + number), number + 1)
    for more in range(2, GROWS + 2):
        bound.check(page(2, 100 + number + more), number + more)
    with pytest.raises(UnexpectedAnswer, match="more records in all by each page"):
        bound.check(page(2, 1000), 100)


def test_the_entries_of_a_page() -> None:
    assert page(2, 2).objects() == [{"id": "r0"}, {"id": "r1"}]
    for entry in (b"5", b'"\xff"', b"[]", b'{"a":1e}'):
        odd = Page([msgspec.Raw(b'{"id": "r0"}'), msgspec.Raw(entry)], 2)
        with pytest.raises(UnexpectedAnswer, match="a page of a list holds an entry that can't be read"):
            odd.objects()


class Smaller(Lists):
    """Has so many records, of which a page holds so many at most; tells it in any of the ways that a server may."""

    def __init__(self, total: int, most: int, tells: str, *, links: bool) -> None:
        super().__init__()
        self.total, self.most, self.tells, self.links = total, most, tells, links

    def get(self, path: str, params: Any = None, decode: Any = None, token: Any = None) -> Page:
        number, asked = params["page"], params["pageSize"]
        size = min(asked, self.most)
        self.asked.append((number, asked))
        first = (number - 1) * (asked if self.tells == "nothing, and counts in what was asked for" else size)
        held = range(first, max(first, min(first + size, self.total)))
        links = {"next": {"href": "/next"}} if self.links and held.stop < self.total else {}
        told = {"pageSize": size if self.tells == "its own" else asked}
        results = [{"id": f"r{n}"} for n in held]
        return pages.decode(
            msgspec.json.encode({"results": results, "totalResults": self.total, "_links": links, **told})
        )

    def read(self, size: int) -> list[str]:
        """Return the ids of all records, as they come."""
        read = pages.prefetched_by_number(self, "/l", {}, size, 1, token="t", position=(7,))  # type: ignore[arg-type]  # noqa: S106
        return [record["id"] for page in read for record in page.objects()]


TELLS = ["its own", "what was asked for", "nothing, and counts in what was asked for"]


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 50), st.integers(1, 50), st.sampled_from(TELLS), st.booleans())
def test_pages_that_are_smaller_than_asked_for(total: int, size: int, most: int, tells: str, links: bool) -> None:  # noqa: FBT001 - Hypothesis names it
    lists, own = Smaller(total, most, tells, links=links or tells != "its own"), min(size, most)
    assert lists.read(size) == [f"r{n}" for n in range(total)]
    assert len(lists.asked) == max(1, -(-total // own))
    assert {(number, asked) for _, number, asked, _ in lists.ahead} <= set(lists.asked)
    lists.asked.clear()
    assert lists.read(size) == [f"r{n}" for n in range(total)]
    again = max(1, own - 1) if own < min(size, total) else own
    assert len(lists.asked) == max(1, -(-total // again)), "ids that are held twice may stand on two pages"


@pytest.mark.parametrize("tells", TELLS)
def test_smaller_pages_are_told_once(tells: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    lists = Smaller(9, 4, tells, links=True)
    lists.read(20)
    lists.read(20)
    line = "Codat hands out pages of 4 records where 20 are asked for: that size is read."
    assert [record.message for record in caplog.records] == [line]


ODD: tuple[Any, ...] = (None, "9", 0, -1, 9.0, True, {})


@pytest.mark.parametrize(
    ("held", "total", "told", "number", "following", "own"),
    [
        (20, 50, 20, 1, "/next", 20),
        (9, 9, 20, 1, None, 20),
        (9, 50, 20, 1, "/next", 9),
        (9, 50, 20, 1, None, 20),
        (9, 9, 20, 1, "/next", 20),
        (9, 50, 9, 1, "/next", 9),
        (9, 50, 15, 1, "/next", 9),
        (15, 50, 9, 1, "/next", 15),
        (9, 9, 9, 1, None, 9),
        (0, 50, 9, 1, "/next", 20),
        (9, 59, 20, 3, "/next", 9),
        (9, 29, 20, 3, None, 20),
        (1, 19, 9, 3, None, 9),
        *((9, 50, odd, 1, "/next", 9) for odd in ODD),
    ],
)
def test_the_size_of_the_first_page(  # noqa: PLR0917, PLR0913
    held: int, total: int, told: Any, number: int, following: str | None, own: int
) -> None:
    answer = page(held, total, following)
    answer.size = told
    assert pages.own_size(answer, number, 20) == own
