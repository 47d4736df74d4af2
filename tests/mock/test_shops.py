"""The stand-in's shops hold together: what refers leads somewhere, money adds up, two years look like a shop's."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.merchants import COMMERCE_TYPES
from codat_mock.world import World
from tap_codat_commerce import streams
from tools.dictionary import columns, leads_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from codat_mock.holdings import Connection

STREAMS = {data_set.data_type: data_set for data_set in streams.DATA_SETS}
KINDS = {"Order": "commerce-orders", "Payment": "commerce-payments"}
PENNY = 0.01


@pytest.fixture(scope="module")
def shops() -> list[Connection]:
    """Return shops of every platform, each with two years of orders."""
    world = World(companies=2, connections=5, records=900, extras=False)
    world.sync(next(iter(world.companies)), add=50)
    return world.connections()


def records(shop: Connection, data_type: str) -> list[dict[str, Any]]:
    """Return the records that a shop has."""
    return list(shop.data[data_type].records.values()) if data_type in shop.data else []


def found(value: Any, path: list[str]) -> Iterator[Any]:
    """Yield what is at a path, as of a column of the data dictionary."""
    if isinstance(value, list):
        for item in value:
            yield from found(item, path)
    elif value is not None and path:
        yield from found(value.get(path[0].removesuffix("[]")), path[1:])
    elif value is not None:
        yield value


def total(of: Iterable[dict[str, Any]], name: str = "totalAmount") -> float:
    """Return what some amounts come to."""
    return sum((one[name] for one in of), 0.0)


def moment(date: str) -> datetime:
    """Return a platform's date."""
    found = datetime.fromisoformat(date)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def near(one: float, other: float) -> bool:
    """Say whether two amounts are the same but for the fraction of a penny."""
    return abs(one - other) <= PENNY / 2 + 1e-6


def test_every_reference_leads_somewhere(shops: list[Connection]) -> None:
    led: Counter[str] = Counter()
    for shop in shops:
        ids = {t: {r.get("id") for r in records(shop, t)} for t in COMMERCE_TYPES}
        ids["variants"] = {v["id"] for r in records(shop, "commerce-products") for v in r["variants"]}
        by_name = {data_set.name: data_type for data_type, data_set in STREAMS.items()}
        for data_type, data_set in STREAMS.items():
            for path, _, text in columns(data_set.schema):
                to = by_name.get(leads_to(path, text) or "")
                if to is None or path in {"companyId", "connectionId"}:
                    continue
                to = "variants" if "Variant" in path else to
                values = list(found(records(shop, data_type), path.split(".")))
                assert set(values) <= ids[to], (shop.platform.name, data_type, path)
                led[path] += len(values)
    assert all(led.values()), led


def test_what_is_disputed_or_moved_is_there(shops: list[Connection]) -> None:
    for shop in shops:
        ids = {kind: {r["id"] for r in records(shop, data_type)} for kind, data_type in KINDS.items()}
        sources = [s for d in records(shop, "commerce-disputes") for s in d["disputedTransactions"]]
        sources += [m["transactionSourceRef"] for m in records(shop, "commerce-transactions") if m["type"] != "Payout"]
        assert all(source["id"] in ids[source["type"]] for source in sources)


def test_lines_and_charges_are_as_codat_describes_them(shops: list[Connection]) -> None:
    """Prices and discounts are net, amounts are with tax, and the taxes one by one make the whole."""
    for shop in shops:
        for order in records(shop, "commerce-orders"):
            lines, charges = order["orderLineItems"], order["serviceCharges"]
            for line in lines:
                net = line["quantity"] * line["unitPrice"] - total(line["discountAllocations"])
                assert near(line["totalTaxAmount"], net * line["taxPercentage"] / 100)
                assert near(line["totalAmount"], net + line["totalTaxAmount"])
            for charge in charges:
                net = charge["totalAmount"] - charge["taxAmount"]
                assert near(charge["taxAmount"], net * charge["taxPercentage"] / 100)
            taxes = [(line["taxes"], line["totalTaxAmount"]) for line in lines]
            taxes += [(charge["taxes"], charge["taxAmount"]) for charge in charges]
            for parts, tax in taxes:
                assert near(total(parts, "taxAmount"), tax if parts else 0)
                assert all(part["rate"] == part["taxAmount"] for part in parts), "it is an amount"
            assert near(order["totalTaxAmount"], total(lines, "totalTaxAmount") + total(charges, "taxAmount"))
            assert near(order["totalDiscount"], total(d for line in lines for d in line["discountAllocations"]))


def test_the_money_adds_up(shops: list[Connection]) -> None:
    for shop in shops:
        given_back = {}
        for order in records(shop, "commerce-orders"):
            sold = total(order["orderLineItems"]) + total(order["serviceCharges"])
            assert near(order["totalAmount"], sold + order["totalRefund"])
            assert near(total(order["payments"], "amount"), sold + order["totalGratuity"])
            assert order["totalRefund"] <= 0 <= order["totalAmount"]
            given_back[order["id"]] = order["totalRefund"]
        assert 0 in {order["totalAmount"] for order in records(shop, "commerce-orders")}, "some are refunded whole"
        refunds = [m for m in records(shop, "commerce-transactions") if m["type"] == "Refund"]
        moved = {m["transactionSourceRef"]["id"]: m["totalAmount"] for m in refunds}
        assert moved == {of: amount for of, amount in given_back.items() if amount}
        open_: dict[str, float] = defaultdict(float)
        for move in records(shop, "commerce-transactions"):
            open_[move["currency"]] += move["totalAmount"]
            if move["type"] == "Payout":
                assert near(open_[move["currency"]], 0), "a payout is what came in since the last one"
        kinds = Counter(move["type"] for move in records(shop, "commerce-transactions"))
        assert kinds.keys() == {"Payment", "PaymentFee", "PaymentFeeRefund", "Refund", "Payout"}


def test_two_years_of_sales(shops: list[Connection]) -> None:
    """Some days sell more, customers return, some shops grow and some decline, some sell in two currencies."""
    changes = []
    for shop in shops:
        moments = sorted(moment(o["createdDate"]) for o in records(shop, "commerce-orders"))
        assert timedelta(days=720) < moments[-1] - moments[0] < timedelta(days=735)
        assert moments[-1] < datetime.now(UTC) + timedelta(days=1)
        weekdays = Counter(m.weekday() for m in moments)
        assert weekdays[5] > 1.3 * weekdays[0]
        middle = moments[0] + timedelta(days=365)
        changes.append(sum(m > middle for m in moments) / sum(m <= middle for m in moments))
        customers = Counter(o["customerRef"]["id"] for o in records(shop, "commerce-orders"))
        assert len(customers) < 0.7 * len(moments)
        assert customers.most_common(1)[0][1] > 0.03 * len(moments)
    assert max(changes) > 1.3
    assert min(changes) < 0.8
    currencies = [{o["currency"] for o in records(shop, "commerce-orders")} for shop in shops]
    assert {len(some) for some in currencies} == {1, 2}
    assert len(set.union(*currencies)) > 2


def test_disputes_rise_in_some_shops_alone() -> None:
    """Of the shops that `codat-mock` has by itself: half a year beside the year before."""
    risen: list[bool] = []
    statuses: set[str] = set()
    for shop in World(companies=3, connections=2, records=400).connections():
        late: list[float] = []
        early: list[float] = []
        for dispute in records(shop, "commerce-disputes"):
            age = datetime.now(UTC) - moment(dispute["createdDate"])
            assert age > timedelta()
            if age < timedelta(days=547):
                (late if age < timedelta(days=182) else early).append(dispute["totalAmount"])
            statuses.add(dispute["status"])
        risen.append(len(late) > 3 * len(early) and sum(late) > 3 * sum(early))
        assert risen[-1] or len(late) <= len(early)
    assert 0 < sum(risen) < len(risen) / 2
    assert len(statuses) > 8


def test_the_same_seed_makes_the_same_shops() -> None:
    until = datetime(2026, 1, 31, tzinfo=UTC)
    one, other, third = (World(companies=1, records=20, seed=seed).connections()[0].merchant for seed in (1, 1, 2))
    for merchant in (one, other, third):
        merchant.sales = type(merchant.sales)(merchant.name, 20, until, merchant.currency)
    assert one.records("commerce-orders", range(20)) == other.records("commerce-orders", range(20))
    assert one.records("commerce-orders", range(20)) != third.records("commerce-orders", range(20))
