"""Shops that look real: products, customers, orders and what follows from them."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from codat_mock.platforms import NO_DATE, Platform, written
from codat_mock.sales import POSTAGE, TAX, Sales

if TYPE_CHECKING:
    from collections.abc import Callable

    from codat_mock.sales import Line

Fields = dict[str, Any]

FIRST_NAMES = ("Amara", "Björn", "Chiara", "Dmitri", "Elif", "Fionn", "Gráinne", "Hiro", "Inés", "Jonas")
LAST_NAMES = ("Adeyemi", "Castellano", "Demir", "Eriksen", "Fitzgerald", "Grünwald", "Ito", "Kowalska", "O'Neill")
TRADES = ("Cycles", "Ceramics", "Coffee", "Books", "Tea", "Outdoors", "Bakery", "Records", "Garden", "Lighting")
PLACES = (("Leeds", "GB", "GBP"), ("Porto", "PT", "EUR"), ("Austin", "US", "USD"), ("Malmö", "SE", "SEK"))
GOODS = ("Mug", "Lamp", "Bell", "Trowel", "Teapot", "Notebook", "Saddle", "Grinder", "Scarf", "Basket")
COLOURS = ("Red", "Slate", "Olive", "Sand", "Indigo")
FEW = {"commerce-locations": 2, "commerce-paymentMethods": 2, "commerce-taxComponents": 3}
"""How many a shop has at first of what it has few of, however many orders it has."""
MOST = {"commerce-products": 200, "commerce-productCategories": 200}
LACKING = {"location": "commerce-locations", "category": "commerce-productCategories", "tax": "commerce-taxComponents"}
"""The data types that some platforms lack, by the kinds of their records: nothing leads to what there is not."""
REASONS = ("product_not_received", "fraudulent", "duplicate", "product_unacceptable")
DECIDED = ("Won", "Lost", "Lost", "Accepted", "ChargeRefunded", "InquiryClosed")
OPEN = ("EvidenceRequired", "Processing", "InquiryEvidenceRequired", "InquiryProcessing", "WaitingThirdParty")


class Merchant:
    """One shop on one platform: makes its records, the same for the same seed and day."""

    def __init__(self, seed: str, platform: Platform, orders: int = 12, until: datetime | None = None) -> None:
        """Choose the shop's name, place and currency.

        Args:
            seed: for another shop.
            platform: what it is on.
            orders: how many it has had within two years.
            until: when those end; now, if that is not given.
        """
        self.random = random.Random(seed)  # noqa: S311 - made-up shops, no secrets
        self.platform = platform
        self.owner = f"{self.random.choice(FIRST_NAMES)} {self.random.choice(LAST_NAMES)}"
        self.name = f"{self.owner.split()[1]} {self.random.choice(TRADES)}"
        self.city, self.country, self.currency = self.random.choice(PLACES)
        self._base = self.random.randrange(3, 7) * 10**12 + self.random.randrange(10**9)
        self.orders = max(orders, 1)
        self.sales = Sales(seed, orders, until or datetime.now(UTC), self.currency)

    def records(self, data_type: str, numbers: range) -> list[Fields]:
        """Return the records of a data type with the given numbers, without their modifiedDate."""
        return [DATA_TYPES[data_type](self, n) for n in numbers]

    def more(self, data_type: str, made: int, orders: int) -> range:
        """Return the numbers of the records that so many more orders bring, where some were made before."""
        if data_type == "commerce-transactions":
            return range(made, self.sales.movements(self.sales.orders(made) + orders))
        if orders and not made:
            first = {**FEW, "commerce-disputes": max(3, orders // self.sales.disputes)}
            orders = min(first.get(data_type, orders), MOST.get(data_type, sys.maxsize))
        return range(made, made + orders)

    def id(self, kind: str, number: int) -> str:
        """Return an id in the platform's style."""
        style = self.platform.ids
        if style == "short":
            return str(number + 1)
        if style == "prefixed":
            return f"{kind[:2]}_{random.Random(f'{kind}{number}').getrandbits(64):016x}"  # noqa: S311
        if style == "mixed":
            return f"{kind[:3].upper()}{number:05d}XQ"
        return str(self._base + number * 32768 + sum(map(ord, kind)))

    def written(self, moment: datetime) -> str:
        """Return a date as the platform writes it."""
        return written(moment, self.platform.dates)

    def dated(self, number: int, moment: datetime | None = None) -> Fields:
        """Return the dates that the platform itself gives a record. Some do not tell when it was changed."""
        moment = moment or self.sales.when(number)
        dates = {"createdDate": self.written(moment)}
        if self.platform.ids != "prefixed":
            dates["sourceModifiedDate"] = self.written(moment + timedelta(minutes=9)) if number % 5 else NO_DATE
        return dates

    def undated(self, number: int) -> Fields:
        """Return them without that of the record's creation, which some data types lack."""
        return {name: value for name, value in self.dated(number % self.orders).items() if name != "createdDate"}

    @staticmethod
    def supplemental(number: int) -> Fields:
        """Return what an account may have set up to be fetched beside the standard fields; most records have none."""
        if number % 5:
            return {}
        return {"supplementalData": {"content": {"shop": {"channel": "web", "rank": number}} if number % 2 else None}}

    def address(self, use: str, of: int = 0) -> Fields:
        """Return an address in the shop's town."""
        street = f"{1 + self.sales.pick('house', 120, of)} {self._one_of(LAST_NAMES, 'street', of)} Street"
        return {"type": use, "line1": street, "city": self.city, "country": self.country, "postalCode": "X1 2YZ"}

    def _one_of(self, names: tuple[str, ...], of: str, number: int) -> str:
        return names[self.sales.pick(of, len(names), number)]

    def ref(self, kind: str, number: int) -> Fields | None:
        """Return a reference to a record, null where the platform has none of that kind."""
        if LACKING.get(kind) in self.platform.lacks:
            return None
        return {"id": self.id(kind, number), "name": self.called(kind, number)}

    def called(self, kind: str, number: int) -> str:
        """Return what a record is called."""
        match kind:
            case "customer":
                return f"{self._one_of(FIRST_NAMES, 'first', number)} {self._one_of(LAST_NAMES, 'last', number)}"
            case "location":
                return f"{self.city} {number + 1}"
            case "product":
                return f"{self._one_of(COLOURS, 'colour', number)} {GOODS[number % len(GOODS)]}"
            case "variant":
                return f"{self.called('product', number // 10)}, size {number % 10 + 1}"
            case "category":
                return TRADES[number % len(TRADES)]
            case "method":
                return ("Card", "Cash", "Voucher")[number % 3]
        return f"Tax {number}"

    # Records

    def info(self, _: int = 0) -> Fields:
        """Return the shop's own record, which has no id."""
        return {
            "companyName": self.name,
            "commercePlatformRef": self.id("shop", 0),
            "companyLegalName": f"{self.name} Ltd",
            "addresses": [self.address("Billing")],
            "phoneNumbers": [{"number": "+44 20 7946 0018", "type": "Landline"}],
            "webLinks": [{"type": "Website", "url": f"https://{self.platform.name.lower()}.example"}],
            "registrationNumber": "" if self.platform.ids == "short" else "09118520",
            "baseCurrency": self.currency,
            "accountBalances": [{"available": 1204.5, "pending": 80.25, "reserved": 0, "currency": self.currency}],
            "sourceUrls": {"admin": f"https://{self.platform.name.lower()}.example/admin"},
            "createdDate": self.written(self.sales.when(0) - timedelta(days=9)),
            "sourceModifiedDate": self.written(self.sales.when(0)),
        }

    def customer(self, number: int) -> Fields:
        """Return a customer."""
        name = self.called("customer", number)
        return {
            "id": self.id("customer", number),
            "customerName": name,
            "emailAddress": f"{name.split(maxsplit=1)[0].lower()}.{number}@example.com",
            "phone": None if number % 3 else "+44 113 496 0000",
            "defaultCurrency": self.currency,
            "addresses": [self.address("Billing", number), self.address("Delivery", number)],
            "note": "" if number % 4 else "Rings twice.",
            **self.dated(number, self.sales.when(self.sales.first_order(number))),
        }

    def dispute(self, number: int) -> Fields:
        """Return a dispute about the payment of an order."""
        order = self.sales.disputed(number)
        sale = self.sales.sale(order)
        opened = min(sale.when + timedelta(days=9), self.sales.until)
        outcomes = OPEN if self.sales.until - opened < timedelta(days=60) else DECIDED
        return {
            "id": self.id("dispute", number),
            "disputedTransactions": [{"id": self.id("payment", order), "type": "Payment"}],
            "totalAmount": sale.paid,
            "currency": sale.currency,
            "status": self._one_of(outcomes, "outcome", number),
            "reason": self._one_of(REASONS, "reason", number),
            "dueDate": NO_DATE if number % 2 else self.written(opened + timedelta(days=20)),
            **self.dated(number, opened),
        }

    def location(self, number: int) -> Fields:
        """Return a location."""
        place = {"name": self.called("location", number), "address": self.address("Inventory", number)}
        return {"id": self.id("location", number), **place, **self.undated(number)}

    def order(self, number: int) -> Fields:
        """Return an order, with its lines, payment and charges."""
        sale, postage = self.sales.sale(number), self._postage(number)
        return {
            "id": self.id("order", number),
            "orderNumber": str(1000 + number),
            "country": f"{self.country} " if self.platform.ids == "short" else self.country,
            "currency": sale.currency,
            "closedDate": NO_DATE if number % 3 else self.written(sale.when + timedelta(days=2)),
            "totalAmount": round(sale.total + sale.refund, 2),
            "totalRefund": sale.refund,
            "totalTaxAmount": round(sum(line.tax for line in sale.lines) + postage["taxAmount"], 2),
            "totalDiscount": round(sum(line.discount for line in sale.lines), 2),
            "totalGratuity": sale.gratuity,
            "orderLineItems": [self._line(number, position, line) for position, line in enumerate(sale.lines)],
            "payments": [self._order_payment(number)],
            "serviceCharges": [postage],
            "locationRef": self.ref("location", number % 2),
            "customerRef": self.ref("customer", sale.customer),
            **self.supplemental(number),
            **self.dated(number, sale.when),
        }

    def _postage(self, number: int) -> Fields:
        rate = 0 if number % 3 else TAX
        tax = round(POSTAGE * rate / (100 + rate), 2)
        return {
            "description": "Postage",
            "totalAmount": POSTAGE,
            "taxPercentage": rate,
            "taxAmount": tax,
            "taxes": self._taxes(tax) if tax else [],
            "quantity": 1,
            "type": "Shipping",
        }

    def _taxes(self, *amounts: float) -> list[Fields]:
        components = [self.ref("tax", n) for n in range(len(amounts))]
        taxes = zip(components, amounts, strict=True)
        return [{"taxComponentRef": of, "rate": amount, "taxAmount": amount} for of, amount in taxes if of]

    def _order_payment(self, number: int) -> Fields:
        payment = self.payment(number)
        for name in ("paymentMethodRef", "supplementalData"):
            payment.pop(name, None)
        return {**payment, "modifiedDate": payment["createdDate"]}

    def _line(self, number: int, position: int, line: Line) -> Fields:
        rest = () if number % 11 else (5e-07,)  # as arithmetic leaves it, and as JSON may write it
        return {
            "id": self.id("line", 10 * number + position),
            "quantity": line.quantity,
            "taxPercentage": TAX,
            "totalAmount": line.total,
            "totalTaxAmount": line.tax,
            "unitPrice": line.price,
            "taxes": self._taxes(line.tax, *rest),
            "productRef": self.ref("product", line.product),
            "productVariantRef": self.ref("variant", 10 * line.product + line.variant),
            "discountAllocations": [{"name": "Spring", "totalAmount": line.discount}] if line.discount else [],
        }

    def payment(self, number: int) -> Fields:
        """Return the payment of the order of the same number."""
        sale = self.sales.sale(number)
        return {
            "id": self.id("payment", number),
            "amount": sale.paid,
            "currency": sale.currency,
            "type": ("Card", "Cash", "OnlineCard", "Unknown")[number % 4],
            "paymentMethodRef": self.ref("method", number % 2),
            "status": "Paid",
            "paymentProvider": f"{self.platform.name} Payments",
            "dueDate": NO_DATE,
            **self.supplemental(number),
            **self.dated(number, sale.when),
        }

    def payment_method(self, number: int) -> Fields:
        """Return a payment method."""
        method = {"id": self.id("method", number), "name": self.called("method", number), "status": "Active"}
        return method | self.undated(number)

    def product(self, number: int) -> Fields:
        """Return a product with its variants."""
        category = self.ref("category", number % 3)
        return {
            "id": self.id("product", number),
            "name": self.called("product", number),
            "description": "",
            "categorization": self.called("category", number % 3),
            "productCategoryRefs": [category] if category else [],
            "isGiftCard": number % 9 == 0,
            "status": "Published",
            **self.supplemental(number),
            "variants": [self._variant(number, position) for position in range(1 + number % 2)],
            **self.dated(number, self.sales.when(number % self.orders)),
        }

    def _variant(self, number: int, position: int) -> Fields:
        place, units = self.ref("location", 0), self.sales.pick("stock", 90, number)
        return {
            "id": self.id("variant", 10 * number + position),
            "name": self.called("variant", 10 * number + position),
            "quantity": units,
            "isTaxEnabled": True,
            "sku": f"SKU-{number:04d}-{position}",
            "barcode": "",
            "unitOfMeasure": "pc",
            "vatPercentage": TAX,
            "prices": [{"currency": self.currency, "unitPrice": self.sales.price(number, position)}],
            "inventory": {
                "totalQuantity": units,
                "locations": [{"quantity": units, "locationRef": place}] if place else [],
            },
            "shippingRequired": True,
            "status": "Published",
            "createdDate": self.written(self.sales.when(number % self.orders)),
        }

    def product_category(self, number: int) -> Fields:
        """Return a product category; all but the first lie below the first."""
        first = {"id": self.id("category", 0), "name": self.called("category", 0), "type": "commerce-productCategories"}
        category = {"name": self.called("category", number), "ancestorRefs": [first] if number else []}
        return {"id": self.id("category", number), **category, "hasChildren": not number, **self.undated(number)}

    def tax_component(self, number: int) -> Fields:
        """Return a tax component."""
        tax = {"rate": (TAX / 100, 0.055, 0)[number % 3], "isCompound": number % 2 == 1}
        return {"id": self.id("tax", number), "name": self.called("tax", number), **tax, **self.undated(number)}

    def transaction(self, number: int) -> Fields:
        """Return a movement of money; a fee has the id of its payment, and more."""
        move = self.sales.movement(number)
        fee, order = move.kind == "PaymentFee", self.id("order", move.order)
        source = {"id": self.id("payment", move.order), "type": "Payment"} if fee else {"id": order, "type": "Order"}
        return {
            "id": self.id("transaction", number - fee) + (":Fee" if fee else ""),
            "totalAmount": move.amount,
            "currency": move.currency,
            "type": move.kind,
            "subType": "charge" if move.kind.startswith("Payment") else move.kind.lower(),
            "transactionSourceRef": None if move.kind == "Payout" else source,
            **self.supplemental(number),
            "sourceCreatedDate": self.written(move.when),
            **self.dated(number, move.when),
        }


DATA_TYPES: dict[str, Callable[[Merchant, int], Fields]] = {
    "commerce-companyInfo": Merchant.info,
    "commerce-customers": Merchant.customer,
    "commerce-disputes": Merchant.dispute,
    "commerce-locations": Merchant.location,
    "commerce-orders": Merchant.order,
    "commerce-paymentMethods": Merchant.payment_method,
    "commerce-payments": Merchant.payment,
    "commerce-productCategories": Merchant.product_category,
    "commerce-products": Merchant.product,
    "commerce-taxComponents": Merchant.tax_component,
    "commerce-transactions": Merchant.transaction,
}
"""What makes a record of each commerce data type, by its key in the data status."""
COMMERCE_TYPES = tuple(DATA_TYPES)
