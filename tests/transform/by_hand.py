"""The marts, worked out a second time from the tap's records: in another language, knowing nothing of their SQL."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Row = dict[str, Any]
NEAR = 1e-3
SCHEMA = "commerce"
OF_COMPLETE_MONTHS = {"net_sales_mean_3_months", "net_sales_growth_on_year_3_months"}
"""Null where a month is not complete: the unit tests of dbt say when."""


def differences(records: Mapping[str, Iterable[Row]], ask: Callable[[str], list[Row]]) -> tuple[int, list[str]]:
    """Return how many values were compared, and those that differ.

    Args:
        records: the current ones, by stream, as the tap writes them.
        ask: what answers a query with rows.
    """
    shops: dict[tuple[str, str], Shop] = {}
    for order in records["orders"]:
        key = order["connectionId"], order["currency"]
        shops.setdefault(key, Shop()).orders.append(order)
    first: dict[tuple[str, str], date] = {}
    for (connection, _), shop in shops.items():
        for order in shop.orders:
            key = connection, order["customerRef"]["id"]
            first[key] = min(first.get(key, date.max), day(order["createdDate"]))
    for transaction in records["transactions"]:
        shops[transaction["connectionId"], transaction["currency"]].transactions.append(transaction)
    for dispute in records["disputes"]:
        shops[dispute["connectionId"], dispute["currency"]].raised.append(day(dispute["createdDate"]))
    for (connection, _), shop in shops.items():
        shop.since = {customer: at for (of, customer), at in first.items() if of == connection}
    compared, found = 0, []
    for table, period, figures in (
        ("monthly_metrics", "month", Shop.months),
        ("disputes", "month", Shop.disputes),
        ("cash_flow", "week", Shop.weeks),
        ("customer_concentration", "last_day", Shop.year),
    ):
        rows = ask(f"select *, cast({period} as text) as period from {SCHEMA}.{table}")
        for row in rows:
            shop = shops[row["connection_id"], row["currency"]]
            wanted = figures(shop, date.fromisoformat(row["period"]))
            compared += len(wanted)
            found += [
                f"{table} {row['connection_id']} {row['period']} {name}: {row[name]}, by hand {value}"
                for name, value in wanted.items()
                if not (near(row[name], value) or (row[name] is None and name in OF_COMPLETE_MONTHS))
            ]
    return compared, found


def near(one: Any, other: Any) -> bool:
    """Say whether two numbers are the same but for rounding."""
    if one is None or other is None:
        return one is other
    return math.isclose(float(one), float(other), rel_tol=NEAR, abs_tol=NEAR)


def day(moment: str) -> date:
    """Return the day of a moment."""
    return date.fromisoformat(moment[:10])


def earlier(month: date, months: int) -> date:
    """Return the month that was so many months earlier."""
    years, before = divmod(month.month - 1 - months, 12)
    return date(month.year + years, before + 1, 1)


def number(value: Any) -> Decimal:
    """Return a number of a record."""
    return Decimal(str(value))


def part(one: Any, whole: Any) -> Decimal | None:
    """Return a part of a whole."""
    return Decimal(one) / Decimal(whole) if whole else None


def of_lines(order: Row) -> Decimal:
    """Return what the lines of an order come to, before tax and discounts."""
    lines = order["orderLineItems"]
    return sum((number(line["quantity"]) * number(line["unitPrice"]) for line in lines), Decimal(0))


def left(order: Row) -> Decimal:
    """Return what part of an order was not given back."""
    amounts = (*order["orderLineItems"], *order["serviceCharges"])
    return 1 + number(order["totalRefund"]) / sum(number(one["totalAmount"]) for one in amounts)


class Shop:
    """A shop in one currency."""

    def __init__(self) -> None:
        self.orders: list[Row] = []
        self.transactions: list[Row] = []
        self.raised: list[date] = []
        self.since: dict[str, date] = {}

    def customers(self, month: date) -> set[str]:
        """Return who bought in a month."""
        return {order["customerRef"]["id"] for order in self.within(month)}

    def within(self, month: date) -> Iterator[Row]:
        """Yield the orders of a month."""
        return (order for order in self.orders if day(order["createdDate"]).replace(day=1) == month)

    def net_sales(self, month: date) -> Decimal:
        """Return what a month's orders come to, without discounts, refunds and tax."""
        net = (left(order) * (of_lines(order) - number(order["totalDiscount"])) for order in self.within(month))
        return sum(net, Decimal(0))

    def disputes(self, month: date) -> Row:
        """Return disputes and orders of three months, and of the twelve before."""
        row: Row = {}
        for span, first, last in (("3_months", 2, 0), ("12_months_before", 14, 3)):
            begin, end = earlier(month, first), earlier(month, last - 1)
            disputes = sum(begin <= on < end for on in self.raised)
            orders = sum(begin <= day(order["createdDate"]) < end for order in self.orders)
            row |= {f"disputes_{span}": disputes, f"orders_{span}": orders}
            row[f"dispute_rate_{span}"] = part(disputes, orders)
        return row

    def months(self, month: date) -> Row:
        """Return the metrics of a month."""
        orders = list(self.within(month))
        customers, before = self.customers(month), self.customers((month - timedelta(days=1)).replace(day=1))
        existing = {customer for customer in customers if self.since[customer] < month}
        revenue = sum(map(of_lines, orders))
        refunds = sum(abs(number(order["totalRefund"])) for order in orders)
        value = sum((number(order["totalAmount"]) for order in orders), Decimal(0))
        three, year_before = (
            sum(self.net_sales(earlier(month, months)) for months in range(ago, ago + 3)) for ago in (0, 12)
        )
        lives: dict[str, list[date]] = defaultdict(list)
        for order in self.orders:
            if day(order["createdDate"]).replace(day=1) <= month:
                lives[order["customerRef"]["id"]].append(day(order["createdDate"]))
        lifespan = Decimal(sum((max(days) - min(days)).days for days in lives.values())) / len(lives)
        lifetime = value / len(customers) * lifespan / Decimal("30.4375") if orders else None
        return {
            "orders": len(orders),
            "revenue": revenue,
            "refunds": refunds,
            "net_sales": self.net_sales(month),
            "net_sales_mean_3_months": three / Decimal(3),
            "net_sales_growth_on_year_3_months": part(three - year_before, abs(year_before)),
            "order_value": value,
            "refund_rate": part(sum(order["totalRefund"] != 0 for order in orders), len(orders)),
            "new_customers": len(customers - existing),
            "retention_rate": part(len(existing), len(before)),
            "kept_rate": part(len(customers & before), len(before)),
            "repeat_rate": part(len(existing), len(customers)),
            "lifespan_days": lifespan,
            "lifetime_value": lifetime,
        }

    def weeks(self, week: date) -> Row:
        """Return the movements of a week."""
        moved: dict[str, Decimal] = defaultdict(Decimal)
        so_far = Decimal(0)
        for transaction in self.transactions:
            on, amount = day(transaction["sourceCreatedDate"]), number(transaction["totalAmount"])
            so_far += amount if on < week + timedelta(days=7) else 0
            if on - timedelta(days=on.weekday()) == week:
                moved[transaction["type"]] += amount
        fees = -moved["PaymentFee"] - moved["PaymentFeeRefund"]
        return {
            "payments": moved["Payment"],
            "fees": fees,
            "refunds": -moved["Refund"],
            "payouts": -moved["Payout"],
            "not_paid_out_so_far": so_far,
            "fee_rate": part(fees, moved["Payment"]),
        }

    def year(self, last_day: date) -> Row:
        """Return what part the largest customers are of a year."""
        bought: dict[str, Decimal] = defaultdict(Decimal)
        for order in self.orders:
            if last_day - timedelta(days=365) < day(order["createdDate"]) <= last_day:
                bought[order["customerRef"]["id"]] += number(order["totalAmount"])
        values = sorted((max(value, Decimal(0)) for value in bought.values()), reverse=True)
        total = sum(values)
        return {
            "buyers": len(values),
            "order_value": total,
            "top_customer_share": part(values[0], total),
            "top_5_customers_share": part(sum(values[:5]), total),
            "top_10_percent_share": part(sum(values[: math.ceil(len(values) / 10)]), total),
            "herfindahl_index": sum((value / total) ** 2 for value in values),
        }
