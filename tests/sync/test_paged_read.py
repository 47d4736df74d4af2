"""One read of a data set, by answers that are written here: what is known of it afterwards, and where it is gone on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import DATA_SETS, KeepingSink
from tap_codat_commerce.codat import pages
from tap_codat_commerce.codat.errors import NoData, UnexpectedAnswer
from tap_codat_commerce.sync.bookmark import Checkpoint
from tap_codat_commerce.sync.data_status import SyncStatus
from tap_codat_commerce.sync.paged_read import CannotResumeError, PagedRead, ReadRequest
from tap_codat_commerce.sync.proof import Read

if TYPE_CHECKING:
    from tap_codat_commerce.codat.pages import Page

STATUS = SyncStatus("Complete", "2026-03-02T06:00:00Z", "s2", "s1")
ORDERS = ReadRequest("c1", "k1", DATA_SETS["orders"], 2)
DIFFERENT = "different records came, but the answers spoke of"
ASKED_AT = "2026-03-02T12:00:00.0000000Z"
STAMP = "2026-03-0{}T00:00:00Z"


def page(*ids: Any, total: int, following: str | None = None) -> Page:
    """Return a page of orders, of the day that their ids end with; None stands for one that can't be read."""
    stamps = {i: STAMP.format(i[-1]) if i[-1] != "0" else None for i in ids if i}
    results = [{"id": i, "modifiedDate": stamps[i]} if i else 5 for i in ids]
    links = {"next": {"href": following}} if following else {}
    return pages.decode(msgspec.json.encode({"results": results, "totalResults": total, "_links": links}))


class Codat:
    """Answers with pages, in turn; keeps what was asked for, and what was asked ahead."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[int | str | None] = []
        self.ahead: list[int | None] = []
        self.expected: list[int] = []
        self.own_sizes: dict[str, int] = {}
        self.then: Any = None

    def get(self, path: str, params: Any = None, decode: Any = None, token: Any = None) -> Any:
        assert path == "/companies/c1/connections/k1/data/commerce-" + path.rpartition("-")[2]
        assert token == "t"  # noqa: S105
        self.asked.append(params and params["page"])
        return self._next()

    def follow(self, link: str, decode: Any = None) -> Any:
        self.asked.append(link)
        return self._next()

    def _next(self) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def prefetch(  # noqa: PLR0913 - as the prefetcher has it
        self, path: str, params: Any, decode: Any, position: Any, *, token: Any = None, then: Any = None
    ) -> None:
        assert token == "t"  # noqa: S105
        self.ahead.append(params and params["page"])
        self.then = then

    def expect(self, more: int) -> None:
        self.expected.append(more)


def begun(codat: Codat, request: ReadRequest = ORDERS) -> PagedRead[Any]:
    page_of = KeepingSink(data_set=request.data_set).page_of({"companyId": "c1", "connectionId": "k1"})
    return PagedRead(codat, page_of, request, token="t", position=(1,))  # type: ignore[arg-type]  # noqa: S106


def done(*answers: Any, request: ReadRequest = ORDERS) -> PagedRead[Any]:
    read = begun(Codat(*answers), request)
    list(read.record_pages())
    return read


def test_all_that_came() -> None:
    read = done(page("a1", "a3", total=3), page("a2", total=3), request=replace(ORDERS, query="a query"))
    result = read.result()
    assert read.pages == 2
    assert result == Read(
        query="a query",
        records=3,
        distinct=3,
        totals=frozenset({3}),
        duplicates=0,
        unreadable=(),
        no_data=False,
        latest="2026-03-03T00:00:00.0000000Z",
        unstamped=False,
        started_at=result.started_at,
    )
    assert result.miscounted is None


@pytest.mark.parametrize(
    ("answers", "doubt"),
    [
        ([page("a1", "a2", total=2)], None),
        ([page("a1", "a1", total=2)], None),
        ([page("a1", None, total=2)], None),
        ([page("a1", "a2", total=4), page("a2", "a3", total=4)], f"3 {DIFFERENT} 4"),
        (
            [page("a1", "a2", total=3), page("a3", total=4)],
            "3 different records came, but the answers spoke of 3 and 4",
        ),
        ([page(total=0)], None),
        ([NoData("no data", status=404)], None),
    ],
)
def test_what_came_is_held_against_what_the_answers_spoke_of(answers: list[Any], doubt: str | None) -> None:
    assert done(*answers).result().miscounted == doubt


def test_records_that_stand_twice_on_a_page_do_so_at_codat() -> None:
    read = done(page("a1", "a1", total=3), page("a2", total=3)).result()
    assert (read.records, read.duplicates, read.distinct) == (3, 1, 3)


def test_records_without_a_stamp_and_those_that_can_not_be_read() -> None:
    read = done(page("a1", "a0", total=4), page(None, "a2", total=4))
    result = read.result()
    assert result.unstamped
    (entry,) = result.unreadable
    assert entry.startswith("page 2, ")
    assert (result.records, result.distinct) == (4, 4)
    assert read.checkpoint(STATUS, ASKED_AT) is None


def test_no_data_is_one_page_of_none() -> None:
    assert not done(page(total=0)).result().no_data
    read = done(NoData("no data", status=404))
    nothing = read.result()
    assert (nothing.no_data, read.pages, nothing.records, nothing.totals) == (True, 1, 0, frozenset({0}))


def test_no_data_after_a_page_is_an_error() -> None:
    read = begun(Codat(page("a1", "a2", total=3), NoData("no data", status=404)))
    with pytest.raises(NoData):
        list(read.record_pages())


def interrupted(*answers: Any, request: ReadRequest = ORDERS) -> PagedRead[Any]:
    """Return a read that ended while its next page was asked for."""
    read = begun(Codat(*answers, ConnectionError()), request)
    with pytest.raises(ConnectionError):
        list(read.record_pages())
    return read


def test_where_an_interrupted_read_is_gone_on() -> None:
    first = interrupted(page("a1", "a3", total=9), page("a2", "a0", total=9))
    found = first.checkpoint(STATUS, ASKED_AT)
    assert found == Checkpoint(
        "s1", "s2", None, 2, 2, 9, found.fingerprint if found else "", STAMP.format(3).replace("Z", ".0000000Z"),
        unstamped=True, started_at=first.result().started_at, asked_at=ASKED_AT,
    )  # fmt: skip
    codat = Codat(page("a2", "a0", total=9), page("a4", "a5", total=9), ConnectionError())
    read = begun(codat, replace(ORDERS, after=found))
    came = read.record_pages()
    assert next(came).ids == ["a4", "a5"]
    with pytest.raises(ConnectionError):
        next(came)
    assert codat.asked == [2, 3, 4]
    result = read.result()
    assert (result.records, result.distinct) == (6, 6)
    assert (result.latest, result.unstamped) == ("2026-03-05T00:00:00.0000000Z", True)
    again = read.checkpoint(STATUS, ASKED_AT)
    assert again
    assert (again.page, again.total, again.started_at) == (3, 9, first.result().started_at)


def test_a_read_that_was_gone_on_from_counts_what_came_before() -> None:
    found = interrupted(page("a1", "a3", total=3)).checkpoint(STATUS, ASKED_AT)
    read = done(page("a1", "a3", total=3), page("a2", total=3), request=replace(ORDERS, after=found)).result()
    assert (read.distinct, read.miscounted) == (3, None)
    found = interrupted(page("a1", "a3", total=9), page("a2", "a0", total=9)).checkpoint(STATUS, ASKED_AT)
    read = done(page("a2", "a0", total=4), request=replace(ORDERS, after=found and replace(found, total=4))).result()
    assert (read.distinct, read.miscounted) == (4, None)


@pytest.mark.parametrize(
    "answer",
    [
        page("a2", "a1", total=9),
        page("a2", "a0", total=8),
        page("a2", total=9),
        page(total=9),
        NoData("no data", status=404),
    ],
)
def test_a_page_that_is_not_what_it_was_is_not_gone_on_from(answer: Any) -> None:
    found = interrupted(page("a1", "a3", total=9), page("a2", "a0", total=9)).checkpoint(STATUS, ASKED_AT)
    read = begun(Codat(answer, page("a4", "a5", total=9)), replace(ORDERS, after=found))
    with pytest.raises(CannotResumeError):
        list(read.record_pages())


@pytest.mark.parametrize(
    ("answers", "request_", "status"),
    [
        ([], ORDERS, STATUS),
        ([page("a1", "a2", total=9)], ORDERS, replace(STATUS, good_sync_id=None)),
        ([page("a1", "a2", total=9)], ORDERS, replace(STATUS, certain=False)),
        ([page("a1", "a2", total=9)], replace(ORDERS, order="modifiedDate"), STATUS),
        ([page("a1", "a2", total=9), page("a3", "a4", total=8)], ORDERS, STATUS),
        ([page("a1", "a2", total=9), page("a2", "a4", total=9)], ORDERS, STATUS),
        ([page("a1", None, total=9)], ORDERS, STATUS),
    ],
)
def test_what_is_not_gone_on_from(answers: list[Any], request_: ReadRequest, status: SyncStatus) -> None:
    assert interrupted(*answers, request=request_).checkpoint(status, ASKED_AT) is None


@pytest.mark.parametrize("good", [1, 2, 4])
def test_pages_that_bring_nothing_new_end(good: int) -> None:
    new = [page(f"a{2 * n + 1}", f"b{n + 1}", total=99) for n in range(good)]
    read = begun(Codat(*new, *(page("a1", "b1", total=99) for _ in range(20))))
    with pytest.raises(UnexpectedAnswer, match=f"after {2 * good} pages, the last half of them brought no new record"):
        list(read.record_pages())


def test_what_is_asked_ahead_for_a_read() -> None:
    codat = Codat()
    ORDERS.prefetch(codat, "t", (1,))  # type: ignore[arg-type]
    assert codat.ahead == [1]
    codat.then(page("a1", "a2", total=7))
    assert (codat.ahead, codat.expected) == ([1, 2, 3, 4], [3])
    found = interrupted(page("a1", "a3", total=9), page("a2", "a0", total=9)).checkpoint(STATUS, ASKED_AT)
    codat = Codat()
    replace(ORDERS, after=found).prefetch(codat, "t", (1,))  # type: ignore[arg-type]
    codat.then(page("a2", "a0", total=9))
    assert (codat.ahead, codat.expected) == ([2], [3])
    codat.then(page(total=1))
    assert codat.expected == [3, 0]


@pytest.mark.parametrize("name", ["locations", "company_info"])
def test_what_is_asked_ahead_for_what_takes_no_parameters(name: str) -> None:
    codat = Codat()
    replace(ORDERS, data_set=DATA_SETS[name]).prefetch(codat, "t", (1,))  # type: ignore[arg-type]
    assert codat.ahead == [None]
    assert codat.then is None


def test_the_pages_of_a_read_are_asked_ahead_but_those_that_have_to_be_checked_first() -> None:
    codat = Codat(page("a1", "a3", total=4), page("a2", "a0", total=4))
    list(begun(codat).record_pages())
    assert codat.ahead == [2]
    found = interrupted(page("a1", "a3", total=6)).checkpoint(STATUS, ASKED_AT)
    codat = Codat(page("a1", "a3", total=6), page("a2", "a0", total=6), page("a4", "a5", total=6))
    list(begun(codat, replace(ORDERS, after=found)).record_pages())
    assert codat.ahead == [3]


def test_pages_by_link_and_one_object() -> None:
    request = replace(ORDERS, data_set=DATA_SETS["locations"])
    codat = Codat(page("a1", total=2, following="/second"), page("a2", total=2))
    read = begun(codat, request)
    assert [came.ids for came in read.record_pages()] == [["a1"], ["a2"]]
    assert codat.asked == [None, "/second"]
    request = replace(ORDERS, data_set=DATA_SETS["company_info"])
    read = done(msgspec.Raw(b'{"companyName": "A shop"}'), request=request)
    result = read.result()
    assert (read.pages, result.records, result.totals, result.miscounted) == (1, 1, frozenset(), None)
    for odd in (b'{"error": "log in"}', b"{}", b"[]"):
        with pytest.raises(UnexpectedAnswer, match="none of the fields of company_info"):
            done(msgspec.Raw(odd), request=request)


@pytest.mark.parametrize("query", [None, "modifiedDate>2026"])
def test_the_parameters_of_a_page(query: str | None) -> None:
    expected = {"orderBy": "id", **({"query": query} if query else {})}
    assert replace(ORDERS, query=query).params() == expected


class Smaller(Codat):
    """Has so many orders, of which a page holds so many at most; breaks off after some answers."""

    def __init__(self, total: int, most: int, answers: int, *, told: bool) -> None:
        super().__init__()
        self.total, self.most, self.left, self.told = total, most, answers, told

    def get(self, path: str, params: Any = None, decode: Any = None, token: Any = None) -> Any:
        self.asked.append(params["page"])
        self.left -= 1
        if self.left < 0:
            raise ConnectionError
        size = min(params["pageSize"], self.most)
        held = range((params["page"] - 1) * size, min(params["page"] * size, self.total))
        found = page(*(f"{n:03}1" for n in held), total=self.total, following="/n" if held.stop < self.total else None)
        found.size = size if self.told else params["pageSize"]
        return found


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20), st.integers(2, 9), st.booleans())
def test_a_read_of_smaller_pages_is_gone_on_from(total: int, size: int, most: int, stop: int, told: bool) -> None:  # noqa: FBT001 - Hypothesis names it
    request, first = replace(ORDERS, page_size=size), Smaller(total, most, stop, told=told)
    came: list[str | None] = []
    read = begun(first, request)
    try:
        for some in read.record_pages():
            came += some.ids
    except ConnectionError:
        found = read.checkpoint(STATUS, ASKED_AT)
        assert found
        assert (found.page, found.page_size) == (stop, size)
        second = Smaller(total, most, 99, told=told)
        read = begun(second, replace(request, after=found))
        for some in read.record_pages():
            came += some.ids
        assert second.asked[0] == stop, "the page that it knows"
        assert len(second.asked) == -(-total // min(size, most)) - stop + 1
    assert came == [f"{n:03}1" for n in range(total)]
    result = read.result()
    assert (result.records, result.distinct, result.miscounted) == (total, total, None)


def test_what_does_not_tell_where_it_stands_is_not_gone_on_from() -> None:
    """The last of pages that are smaller than asked for, where nothing tells how large the others are."""
    request = replace(ORDERS, page_size=10)
    read = begun(Smaller(11, 4, 3, told=False), request)
    assert len([some.ids for some in read.record_pages()]) == 3
    found = read.checkpoint(STATUS, ASKED_AT)
    assert found
    assert found.page == 3
    with pytest.raises(CannotResumeError):
        list(begun(Smaller(11, 4, 9, told=False), replace(request, after=found)).record_pages())
