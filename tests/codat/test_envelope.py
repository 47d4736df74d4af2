"""What a page says of itself is held against what was asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from codat_mock.faults import Fault
from conftest import client
from tap_codat_commerce.codat import pages
from tap_codat_commerce.codat.client import decoded
from tap_codat_commerce.codat.errors import AnswerToAnother
from tap_codat_commerce.codat.transport import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage
    from tap_codat_commerce.codat.envelope import Page

COMPANY, CONNECTION = "8a210b68-6988-11ed-a1eb-0242ac120002", "2e9d2c44-f675-40ba-8049-353bfcb5e171"
ORDERS = f"/companies/{COMPANY}/connections/{CONNECTION}/data/commerce-orders"
HISTORY = f"/companies/{COMPANY}/data/history"
OTHER = "0bc1cc44-c6d2-4537-9591-b1ad6b5e3c94"
API = "https://api.codat.io"


def page(**envelope: Any) -> Page:
    return pages.decode(msgspec.json.encode({"results": [], "totalResults": 9, **envelope}))


def with_links(**links: Any) -> Page:
    return page(_links={name: {"href": href} for name, href in links.items()})


def is_taken(answer: Page, path: str = ORDERS, number: int | None = 2, base: str = API) -> bool:
    """Say whether a page is taken for the answer to a request."""
    try:
        answer.check_own("GET it", base + path, number)
    except AnswerToAnother:
        return False
    return True


SAME = [
    ORDERS,
    f"{ORDERS}?page=2&pageSize=100&orderBy=id",
    f"{ORDERS}?pageSize=100&page=02#top",
    f"{ORDERS}/",
    ORDERS[1:],
    f"{API}{ORDERS}?page=2",
    f"http://elsewhere:8080{ORDERS}",
    f"//api.codat.io{ORDERS}",
    f"api.codat.io{ORDERS}",
    f"/gateway/v1{ORDERS}?page=2",
    f"https://companies.example/companies/gateway{ORDERS}",
    ORDERS.upper(),
    ORDERS.replace("-", "%2D").replace("companies", "%63ompanies"),
    f"/companies/{COMPANY}/data/commerce-orders",
    f"/companies/{COMPANY}",
    "/companies/{companyId}/connections/{connectionId}/data/commerce-orders",
    ORDERS.replace("commerce-orders", "orders"),
    ORDERS.replace("commerce-orders", "commerce/orders"),
]
UNKNOWN = [
    "",
    "string",
    "?page=2",
    "#",
    "/",
    "urn:uuid:" + OTHER,
    "/v2/feed/7?cursor=a%zz",
    "https://[::1/x",
    "///",
    "\0",
]
OTHERS = [
    ORDERS.replace(COMPANY, OTHER),
    ORDERS.replace(CONNECTION, OTHER),
    ORDERS.replace("orders", "customers"),
    f"{API}/gateway{ORDERS.replace('orders', 'customers')}?page=2",
    HISTORY,
    f"/companies/{OTHER}",
    "/companies",
    f"{API}/companies?page=2&pageSize=100",
    f"{ORDERS}?page=3",
    f"{ORDERS}?pageSize=2&page=1",
    "?page=1",
]


@pytest.mark.parametrize("which", ["self", "current"])
class TestOwnLinks:
    """Both links that a page has to itself."""

    @pytest.mark.parametrize("link", SAME)
    @pytest.mark.parametrize("base", [API, "http://127.0.0.1:8080/companies/behind"])
    def test_the_same_in_other_forms(self, link: str, base: str, which: str) -> None:
        assert is_taken(with_links(**{which: link}), base=base)

    @pytest.mark.parametrize("link", UNKNOWN)
    def test_of_a_form_that_we_do_not_know(self, link: str, which: str) -> None:
        for path in (ORDERS, HISTORY, "/companies", "/integrations"):
            assert is_taken(with_links(**{which: link}), path)

    @pytest.mark.parametrize("odd", [None, 7, [], {}, "x", {"href": None}, {"href": 7}, [{"href": "/companies"}]])
    def test_that_are_none(self, odd: Any, which: str) -> None:
        assert is_taken(page(_links={which: odd}))

    @pytest.mark.parametrize("link", OTHERS)
    def test_of_another_answer(self, link: str, which: str) -> None:
        assert not is_taken(with_links(**{which: link}))

    def test_of_a_list_that_was_asked_for_by_a_link_of_its_own(self, which: str) -> None:
        assert is_taken(with_links(**{which: ORDERS}), "/v2/feed/7?cursor=abc", None)

    @pytest.mark.parametrize("path", ["/companies", HISTORY])
    def test_of_other_lists(self, path: str, which: str) -> None:
        assert is_taken(with_links(**{which: f"{path}?page=2"}), path)
        assert not is_taken(with_links(**{which: ORDERS}), path)


@pytest.mark.parametrize(
    ("path", "number", "told", "taken"),
    [
        (ORDERS, 2, 2, True),
        (ORDERS, 2, 1, False),
        (ORDERS, None, 1, True),
        (ORDERS, None, 2, False),
        (f"{ORDERS}?page=3&pageSize=100", None, 3, True),
        (f"{ORDERS}?page=3&pageSize=100", None, 2, False),
        (f"{ORDERS}?cursor=abc", None, 7, True),
        *((ORDERS, 2, odd, True) for odd in (0, -1, None, "1", 1.0, True, [1], {"a": 1})),
    ],
)
def test_the_number_of_the_page(path: str, number: int | None, told: Any, *, taken: bool) -> None:
    assert is_taken(page(pageNumber=told), path, number) is taken


@pytest.mark.parametrize("link", SAME)
def test_what_names_itself(link: str) -> None:
    assert with_links(self="string", current=link).names_itself
    assert not with_links(self="string", next=link).names_itself


def test_an_error_says_what_was_asked_for_what_came_and_what_to_do() -> None:
    with pytest.raises(
        AnswerToAnother, match=r"^GET it: page 2 was asked for, and page 3 came\. Something between this"
    ):
        page(pageNumber=3).check_own("GET it", ORDERS, 2)
    other = ORDERS.replace(COMPANY, OTHER)
    with pytest.raises(AnswerToAnother, match=rf"^GET it: an answer came that says that it is {other}. .*any proxy; "):
        with_links(self=other).check_own("GET it", ORDERS, 2)


@pytest.mark.parametrize("piece", ["/", "%2F", "/companies", "?", "&page=1", "=", "%", "0", "#"])
def test_a_link_costs_no_more_than_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        answer = with_links(current=ORDERS + piece * length + "?page=" + "1" * length)
        began = time.process_time()
        is_taken(answer)
        return time.process_time() - began

    assert min(seconds(100_000) for _ in range(3)) < 1.0


def test_it_is_asked_for_again_over_a_fresh_connection(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=5, extras=False)
    one = shops.world.connections()[0]
    path = f"/companies/{one.company_id}/connections/{one.id}/data/commerce-orders"
    shops.gate.faults.append(Fault("spoil", path, find='"pageNumber": 1', body='"pageNumber": 2', times=2))
    with pytest.raises(AnswerToAnother):
        client(shops.url, max_retries=1, max_retry_wait=0).get(path, None, pages.decode)
    assert len(client(shops.url).get(path, None, pages.decode).results) == 5


def test_answers_that_are_no_pages_are_as_they_are() -> None:
    body = msgspec.json.encode({"_links": {"self": {"href": "/companies"}}, "pageNumber": 7})
    assert decoded("GET it", Answer(200, {}, body, whole=True), msgspec.json.decode)["pageNumber"] == 7
