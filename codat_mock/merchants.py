"""Shops that look real: products, customers, orders and what follows from them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from codat_mock.platforms import NO_DATE, Platform, written

if TYPE_CHECKING:
    from collections.abc import Callable

Fields = dict[str, Any]

FIRST_NAMES = ("Amara", "Björn", "Chiara", "Dmitri", "Elif", "Fionn", "Gráinne", "Hiro", "Inés", "Jonas")
LAST_NAMES = ("Adeyemi", "Castellano", "Demir", "Eriksen", "Fitzgerald", "Grünwald", "Ito", "Kowalska", "O'Neill")
TRADES = ("Cycles", "Ceramics", "Coffee", "Books", "Tea", "Outdoors", "Bakery", "Records", "Garden", "Lighting")
PLACES = (("Leeds", "GB", "GBP"), ("Porto", "PT", "EUR"), ("Austin", "US", "USD"), ("Malmö", "SE", "SEK"))
GOODS = ("Mug", "Lamp", "Bell", "Trowel", "Teapot", "Notebook", "Saddle", "Grinder", "Scarf", "Basket")
COLOURS = ("Red", "Slate", "Olive", "Sand", "Indigo")
OPENED = datetime(2023, 4, 3, 9, 30, tzinfo=UTC)


class Merchant:
    """One shop on one platform: makes its records, the same for the same seed."""

    def __init__(self, seed: str, platform: Platform) -> None:
        """Choose the shop's name, place and currency."""
        self.random = random.Random(seed)  # noqa: S311 - made-up shops, no secrets
        self.platform = platform
        self.owner = f"{self.random.choice(FIRST_NAMES)} {self.random.choice(LAST_NAMES)}"
        self.name = f"{self.owner.split()[1]} {self.random.choice(TRADES)}"
        self.city, self.country, self.currency = self.random.choice(PLACES)
        self._base = self.random.randrange(3, 7) * 10**12 + self.random.randrange(10**9)

    def records(self, data_type: str, numbers: range) -> list[Fields]:
        """Return the records of a data type with the given numbers, without their modifiedDate."""
        return [DATA_TYPES[data_type](self, n) for n in numbers]

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

    def when(self, number: int) -> datetime:
        """Return the time at which the shop made its record of this number."""
        return OPENED + timedelta(hours=7 * number, seconds=13 * number, microseconds=(number * 280_551) % 10**6)

    def dated(self, number: int) -> Fields:
        """Return the dates that the platform itself gives a record. Some do not tell when it was changed."""
        style = self.platform.dates
        dates = {"createdDate": written(self.when(number), style)}
        if self.platform.ids != "prefixed":
            dates["sourceModifiedDate"] = written(self.when(number + 1), style) if number % 5 else NO_DATE
        return dates

    @staticmethod
    def supplemental(number: int) -> Fields:
        """Return what an account may have set up to be fetched beside the standard fields; most records have none."""
        if number % 5:
            return {}
        return {"supplementalData": {"content": {"shop": {"channel": "web", "rank": number}} if number % 2 else None}}

    def money(self) -> float:
        """Return an amount."""
        return self.random.randrange(50, 25_000) / 100

    def address(self, use: str) -> Fields:
        """Return an address in the shop's town."""
        street = f"{self.random.randrange(1, 120)} {self.random.choice(LAST_NAMES)} Street"
        return {"type": use, "line1": street, "city": self.city, "country": self.country, "postalCode": "X1 2YZ"}

    def ref(self, kind: str, number: int) -> Fields:
        """Return a reference to a record."""
        return {"id": self.id(kind, number), "name": f"{kind} {number}"}

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
            "createdDate": written(OPENED, self.platform.dates),
            "sourceModifiedDate": written(self.when(50), self.platform.dates),
        }

    def customer(self, number: int) -> Fields:
        """Return a customer."""
        name = f"{self.random.choice(FIRST_NAMES)} {self.random.choice(LAST_NAMES)}"
        return {
            "id": self.id("customer", number),
            "customerName": name,
            "emailAddress": f"{name.split(maxsplit=1)[0].lower()}.{number}@example.com",
            "phone": None if number % 3 else "+44 113 496 0000",
            "defaultCurrency": self.currency,
            "addresses": [self.address("Billing"), self.address("Delivery")],
            "note": "" if number % 4 else "Rings twice.",
            **self.dated(number),
        }

    def dispute(self, number: int) -> Fields:
        """Return a dispute."""
        return {
            "id": self.id("dispute", number),
            "disputedTransactions": [{"id": self.id("transaction", number), "type": "Payment"}],
            "totalAmount": self.money(),
            "currency": self.currency,
            "status": self.random.choice(("Won", "Lost", "EvidenceRequired", "Processing")),
            "reason": "product_not_received",
            "dueDate": NO_DATE if number % 2 else written(self.when(number + 30), self.platform.dates),
            **self.dated(number),
        }

    def location(self, number: int) -> Fields:
        """Return a location."""
        dated = self.dated(number)
        dated.pop("createdDate")
        place = {"name": f"{self.city} {number + 1}", "address": self.address("Inventory")}
        return {"id": self.id("location", number), **place, **dated}

    def order(self, number: int) -> Fields:
        """Return an order, with its lines, payments and charges."""
        lines = [self._line(number, position) for position in range(1 + number % 3)]
        total = round(sum(line["totalAmount"] for line in lines) + 3.5, 2)
        return {
            "id": self.id("order", number),
            "orderNumber": str(1000 + number),
            "country": f"{self.country} " if self.platform.ids == "short" else self.country,
            "currency": self.currency,
            "closedDate": NO_DATE if number % 3 else written(self.when(number + 2), self.platform.dates),
            "totalAmount": total,
            "totalRefund": 0,
            "totalTaxAmount": round(total / 6, 4),
            "totalDiscount": 0.9 if number % 4 == 0 else 0,
            "totalGratuity": 0,
            "orderLineItems": lines,
            "payments": [self._order_payment(number)],
            "serviceCharges": [
                {
                    "description": "Postage",
                    "totalAmount": 3.5,
                    "taxPercentage": 0,
                    "taxAmount": 0,
                    "taxes": [],
                    "quantity": 1,
                    "type": "Shipping",
                }
            ],
            "locationRef": self.ref("location", 0),
            "customerRef": self.ref("customer", number % 7),
            **self.supplemental(number),
            **self.dated(number),
        }

    def _order_payment(self, number: int) -> Fields:
        payment = self.payment(number)
        for name in ("paymentMethodRef", "supplementalData"):
            payment.pop(name, None)
        return {**payment, "modifiedDate": written(self.when(number), self.platform.dates)}

    def _line(self, number: int, position: int) -> Fields:
        price = self.money()
        quantity = 1 + (number + position) % 4
        tax = {"taxComponentRef": self.ref("tax", 0), "rate": 5e-07 if number % 11 == 0 else 0.2}
        return {
            "id": self.id("line", 10 * number + position),
            "quantity": quantity,
            "taxPercentage": 20,
            "totalAmount": round(price * quantity, 2),
            "totalTaxAmount": round(price * quantity / 6, 4),
            "unitPrice": price,
            "taxes": [{**tax, "taxAmount": round(price / 6, 4)}],
            "productRef": self.ref("product", position),
            "productVariantRef": self.ref("variant", position),
            "discountAllocations": [{"name": "Spring", "totalAmount": 0.9}] if number % 4 == 0 else [],
        }

    def payment(self, number: int) -> Fields:
        """Return a payment."""
        return {
            "id": self.id("payment", number),
            "amount": self.money(),
            "currency": self.currency,
            "type": self.random.choice(("Card", "Cash", "OnlineCard", "Unknown")),
            "paymentMethodRef": self.ref("method", number % 2),
            "status": self.random.choice(("Paid", "Paid", "Failed", "Pending")),
            "paymentProvider": f"{self.platform.name} Payments",
            "dueDate": NO_DATE,
            **self.supplemental(number),
            **self.dated(number),
        }

    def payment_method(self, number: int) -> Fields:
        """Return a payment method."""
        method = {"id": self.id("method", number), "name": ("Card", "Cash", "Voucher")[number % 3], "status": "Active"}
        dated = self.dated(number)
        dated.pop("createdDate")
        return method | dated

    def product(self, number: int) -> Fields:
        """Return a product with its variants."""
        name = f"{self.random.choice(COLOURS)} {GOODS[number % len(GOODS)]}"
        return {
            "id": self.id("product", number),
            "name": name,
            "description": "",
            "categorization": self.random.choice(TRADES),
            "productCategoryRefs": [self.ref("category", number % 3)],
            "isGiftCard": number % 9 == 0,
            "status": "Published",
            **self.supplemental(number),
            "variants": [self._variant(name, number, position) for position in range(1 + number % 2)],
            **self.dated(number),
        }

    def _variant(self, name: str, number: int, position: int) -> Fields:
        return {
            "id": self.id("variant", 10 * number + position),
            "name": f"{name}, size {position + 1}",
            "quantity": self.random.randrange(90),
            "isTaxEnabled": True,
            "sku": f"SKU-{number:04d}-{position}",
            "barcode": "",
            "unitOfMeasure": "pc",
            "vatPercentage": 12.5,
            "prices": [{"currency": self.currency, "unitPrice": self.money()}],
            "inventory": {
                "totalQuantity": 17,
                "locations": [{"quantity": 17, "locationRef": self.ref("location", 0)}],
            },
            "shippingRequired": True,
            "status": "Published",
            "createdDate": written(self.when(number), self.platform.dates),
        }

    def product_category(self, number: int) -> Fields:
        """Return a product category; all but the first lie below the first."""
        above = (
            [{"id": self.id("category", 0), "name": TRADES[0], "type": "commerce-productCategories"}] if number else []
        )
        category = {"name": TRADES[number % len(TRADES)], "ancestorRefs": above, "hasChildren": not number}
        dated = self.dated(number)
        dated.pop("createdDate")
        return {"id": self.id("category", number), **category, **dated}

    def tax_component(self, number: int) -> Fields:
        """Return a tax component."""
        dated = self.dated(number)
        dated.pop("createdDate")
        tax = {"name": f"Tax {number}", "rate": (0.2, 0.055, 0)[number % 3], "isCompound": number % 2 == 1}
        return {"id": self.id("tax", number), **tax, **dated}

    def transaction(self, number: int) -> Fields:
        """Return a transaction; every second one is the fee of the one before."""
        fee = number % 2 == 1
        amount = -self.random.randrange(10, 900) / 100 if fee else self.money()
        return {
            "id": self.id("transaction", number - fee) + (":Fee" if fee else ""),
            "totalAmount": amount,
            "currency": self.currency,
            "type": "PaymentFee" if fee else "Payment",
            "subType": "charge",
            "transactionSourceRef": {"id": self.id("order", number), "type": "Order"},
            **self.supplemental(number),
            "sourceCreatedDate": written(self.when(number), self.platform.dates),
            **self.dated(number),
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
