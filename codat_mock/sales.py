"""How a shop sells over two years: when, what, to whom, and what becomes of the money. All from one seed.

Each order is worked out from its number alone, so that orders, payments, refunds and payouts agree wherever they stand.
"""

from __future__ import annotations

import bisect
import itertools
import math
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

DAYS = 730
GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, without what is whole, are spread evenly however many there are."""
WEEK = (0.8, 0.8, 0.9, 1.0, 1.3, 1.5, 0.7)
"""How much is sold on each day of a week, from Monday."""
COURSES = ((0.4, 1.6), (0.8, 1.2), (1.5, 0.5), (1.0, 1.0))
"""How much a shop sells at first, and at last: it grows, or declines, or neither."""
NEW = 0.55
"""How many of a shop's orders are a customer's first."""
TAX = 20
"""In percent of what is net."""
POSTAGE = 3.6
"""Tax included."""
KEPT = 128
LATE, CALM = 40, 60
"""One in so many orders is disputed in shops where disputes rise, mostly late ones, and in the others, whichever."""
BLOCK = 16
"""So many orders go through the same: some are refunded, and after some, what came in is paid out."""
REFUNDED, SOMETIMES_REFUNDED, ABROAD = 4, 10, BLOCK - 1
PAYOUTS = {2: range(3), 5: range(3, 6), 8: range(6, 9), 11: range(9, 12), 14: range(12, 15), 15: range(15, 16)}
"""After which order of a block there is a payout, and of which."""


class Line(NamedTuple):
    """A line of an order: numbers of product and variant, and what it costs. Price and discount are net."""

    product: int
    variant: int
    quantity: int
    price: float
    discount: float

    @property
    def net(self) -> float:
        """What it costs without tax."""
        return self.quantity * self.price - self.discount

    @property
    def tax(self) -> float:
        """What tax there is on that."""
        return round(self.net * TAX / 100, 2)

    @property
    def total(self) -> float:
        """What it costs."""
        return round(self.net + self.tax, 2)


class Sale(NamedTuple):
    """An order: of which customer, when, in which currency; what it costs, and what of that is given back: below 0."""

    customer: int
    when: datetime
    currency: str
    lines: list[Line]
    total: float
    gratuity: float
    refund: float

    @property
    def paid(self) -> float:
        """What is paid for it."""
        return round(self.total + self.gratuity, 2)


class Movement(NamedTuple):
    """A movement of money: its kind, the number of the order that it is about, its amount, currency and time."""

    kind: str
    order: int
    amount: float
    currency: str
    when: datetime


def _template() -> list[tuple[str, int]]:
    """Return the movements of a block, each with the position of its order."""
    found = []
    for position in range(BLOCK):
        found += [("Payment", position), ("PaymentFee", position)]
        found += [("Refund", position)] if position in {REFUNDED, SOMETIMES_REFUNDED} else []
        found += [("Payout", position)] if position in PAYOUTS else []
    return found


TEMPLATE = _template()


@lru_cache(maxsize=64)
def _course(first: float, last: float, peak: int, begin: date) -> list[float]:
    """Return how much of two years' sales has been made by the end of each day."""
    weights = []
    for day in range(DAYS):
        on = begin + timedelta(days=day)
        season = 1 + 0.4 * math.cos((on.timetuple().tm_yday - peak) / 365 * 2 * math.pi)
        weights.append((first + (last - first) * day / DAYS) * season * WEEK[on.weekday()])
    total = sum(weights)
    return [done / total for done in itertools.accumulate(weights)]


class Sales:
    """The orders of one shop, by their numbers from 0."""

    def __init__(self, seed: str, orders: int, until: datetime, currency: str) -> None:
        """Choose the shop's course.

        Args:
            seed: of the shop.
            orders: how many there are in the two years; more follow them.
            until: when the two years end.
            currency: of the shop. Every other shop sells some orders in another one.
        """
        self._seed, self._orders, self.until = seed.encode(), max(orders, 1), until
        self._currency = currency
        self._kept: dict[int, Sale] = {}
        self._foreign = "EUR" if currency != "EUR" and self.share("abroad") < 0.5 else currency  # noqa: PLR2004 - half
        self.disputes = LATE if self.share("trouble") < 0.2 else CALM  # noqa: PLR2004 - few
        course = COURSES[self.pick("course", len(COURSES))]
        begin = (until - timedelta(days=DAYS)).date()
        self._done = _course(*course, 340 if self.share("peak") < 0.7 else 180, begin)  # noqa: PLR2004 - most: before Christmas
        self._midnight = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)

    def share(self, of: str, number: int = 0) -> float:
        """Return a number from 0 to 1 that looks drawn, the same for the same name and number."""
        digest = blake2b(b"%b/%b/%d" % (self._seed, of.encode(), number), digest_size=6).digest()
        return int.from_bytes(digest) / 2**48

    def pick(self, of: str, most: int, number: int = 0) -> int:
        """Return a whole number below the most, likewise."""
        return int(self.share(of, number) * most)

    def when(self, number: int) -> datetime:
        """Return when the order of this number was made."""
        if number >= self._orders:
            return self.until + timedelta(minutes=7 * (number - self._orders), microseconds=number * 280_551 % 10**6)
        done = (number + self.share("moment", number)) / self._orders
        day = min(bisect.bisect_left(self._done, done), DAYS - 1)
        before = self._done[day - 1] if day else 0.0
        within = (done - before) / (self._done[day] - before)
        return self._midnight + timedelta(days=day, hours=8 + 14 * within, microseconds=number * 280_551 % 10**6)

    def first_order(self, customer: int) -> int:
        """Return the number of a customer's first order; of one who never ordered, that of another's."""
        number = math.ceil(customer / NEW)
        return number if number < self._orders else customer % self._orders

    def price(self, product: int, variant: int) -> float:
        """Return what a variant of a product costs."""
        return round(4 + 110 * self.share("price", product) ** 2 + 3 * variant, 2)

    def sale(self, number: int) -> Sale:
        """Return an order; those of a block are kept, as its movements ask for them again and again."""
        if number not in self._kept:
            if len(self._kept) > KEPT:
                self._kept.clear()
            self._kept[number] = self._made(number)
        return self._kept[number]

    def _made(self, number: int) -> Sale:
        position, lines = number % BLOCK, []
        customer = self._customer(number)
        for line in range(1 + self.pick("lines", 3, number)):
            product = int(min(number + 1, 40) * self.share(f"product{line}", number) ** 2)
            variant = product % 2 and line % 2
            quantity = 1 + self.pick(f"quantity{line}", 12 if customer < 2 else 3, number)  # noqa: PLR2004 - two large ones
            price = self.price(product, variant)
            discount = round(price * quantity / 10, 2) if number % 4 == 0 else 0.0
            lines.append(Line(product, variant, quantity, price, discount))
        currency = self._foreign if position == ABROAD else self._currency
        gratuity = 2.5 if number % 7 == 3 else 0.0  # noqa: PLR2004 - of a week of orders, one
        total = round(sum(line.total for line in lines) + POSTAGE, 2)
        refund = self._refund(number, total, lines[0].total)
        return Sale(customer, self.when(number), currency, lines, total, gratuity, refund)

    def _customer(self, number: int) -> int:
        known = math.floor(NEW * number) + 1
        if number == 0 or known > math.floor(NEW * (number - 1)) + 1:
            return known - 1
        return int(known * self.share("customer", number) ** 3)

    def _refund(self, number: int, total: float, first_line: float) -> float:
        position = number % BLOCK
        if position == REFUNDED or (position == SOMETIMES_REFUNDED and number // BLOCK % 2):
            return -total if self.share("refund", number) < 0.4 else -first_line  # noqa: PLR2004 - of refunds
        return 0.0

    def disputed(self, number: int) -> int:
        """Return the number of the order that a dispute is about."""
        place = (number + 0.5) * GOLDEN % 1
        return int(self._orders * (place ** (1 / 8) if self.disputes == LATE else place))

    # Money

    @staticmethod
    def movements(orders: int) -> int:
        """Return how many movements so many orders lead to."""
        blocks, rest = divmod(orders, BLOCK)
        return blocks * len(TEMPLATE) + sum(position < rest for _, position in TEMPLATE)

    @staticmethod
    def orders(movements: int) -> int:
        """Return of how many orders so many movements are."""
        blocks, rest = divmod(movements, len(TEMPLATE))
        return blocks * BLOCK + (TEMPLATE[rest - 1][1] + 1 if rest else 0)

    def movement(self, number: int) -> Movement:
        """Return a movement; a payout takes out what the others since the last one have brought, in one currency."""
        block, place = divmod(number, len(TEMPLATE))
        kind, position = TEMPLATE[place]
        order = block * BLOCK + position
        sale = self.sale(order)
        if kind == "Payout":
            amount = -round(sum(self._net(block * BLOCK + p) for p in PAYOUTS[position]), 2)
        else:
            amount = self._amounts(sale)[kind]
        if kind == "Refund" and not sale.refund:
            kind = "PaymentFeeRefund"
        later = {"Payment": 0, "PaymentFee": 0, "Payout": 40}.get(kind, 30)
        when = sale.when if order >= self._orders else min(sale.when + timedelta(hours=later), self.until)
        return Movement(kind, order, amount, sale.currency, when)

    def _net(self, order: int) -> float:
        amounts = self._amounts(self.sale(order))
        if order % BLOCK not in {REFUNDED, SOMETIMES_REFUNDED}:
            del amounts["Refund"]
        return sum(amounts.values())

    @staticmethod
    def _amounts(sale: Sale) -> dict[str, float]:
        """Return what is moved for an order; where nothing is refunded, its fee may be."""
        fee = round(0.3 + 0.029 * sale.paid, 2)
        return {"Payment": sale.paid, "PaymentFee": -fee, "Refund": sale.refund or round(fee / 2, 2)}
