"""A server of made-up shops that costs next to nothing, so that it is not what is measured.

`python benchmarks/server.py --companies 40 --orders 100 --latency 0.15` prints where it listens. It knows the paths
that a tap asks for, and nothing of keys, queries or errors: for those there is codat-mock. `/_stats` tells when
requests came and how many were open at once, and forgets it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

SYNCED = "2026-11-20T02:{minute:02d}:09.2805505Z"
"""Codat's own form: seven digits of fraction."""
TYPES = {
    "commerce-customers": "commerce-customers",
    "commerce-disputes": "commerce-disputes",
    "commerce-info": "commerce-companyInfo",
    "commerce-locations": "commerce-locations",
    "commerce-orders": "commerce-orders",
    "commerce-payments": "commerce-payments",
    "commerce-paymentMethods": "commerce-paymentMethods",
    "commerce-products": "commerce-products",
    "commerce-productCategories": "commerce-productCategories",
    "commerce-taxComponents": "commerce-taxComponents",
    "commerce-transactions": "commerce-transactions",
}
BEGAN = datetime(2022, 1, 2, 8, 30, 13)  # noqa: DTZ001 - a time of day in the shop
MADE, PAID, CHANGED = "@made", "@paid", "@changed"
"""Stand for the dates of an order."""
KINDS = 997
"""So many different orders there are, but for their ids and stamps."""
STAMPED_TOGETHER = 5000
"""So many records share one `modifiedDate`, as those of one sync do."""


def order(number: int) -> dict[str, object]:
    """Return all of an order but for its id and its dates; 1.5 KB of JSON."""
    lines = [
        {
            "quantity": 1 + (number + line) % 7,
            "unitPrice": round(3.35 + (number * 7 + line) % 90, 2),
            "taxPercentage": 20,
            "totalAmount": round(4.02 + (number * 11 + line) % 400, 2),
            "totalTaxAmount": round(0.67 + (number + line) % 60, 2),
            "taxes": [
                {"taxComponentRef": {"id": f"tax-{line}", "name": "VAT"}, "rate": 0.2, "taxAmount": 0.67},
            ],
            "productRef": {"id": str(6_700_000_000 + number * 3 + line), "name": f"Flat white, {number % 12} oz"},
            "productVariantRef": {"id": str(39_400_000_000 + number + line), "name": "Default"},
            "discountAllocations": [{"name": "Regulars", "totalAmount": 0.5}] if (number + line) % 3 == 0 else [],
        }
        for line in range(2)
    ]
    return {
        "orderNumber": str(1000 + number),
        "country": "GB",
        "currency": "GBP",
        "createdDate": MADE,
        "closedDate": "0001-01-01T00:00:00" if number % 4 else CHANGED,
        "totalAmount": round(8.04 + number % 800, 2) if number % 9 else 1234567.123456789 + number,
        "totalTaxAmount": round(1.34 + number % 90, 2),
        "totalDiscount": 0.9,
        "totalGratuity": 0,
        "totalRefund": 0.0000005 if number % 50 == 0 else 0,
        "orderLineItems": lines,
        "payments": [
            {
                "id": f"pay-{number}",
                "amount": round(8.04 + number % 800, 2),
                "currency": "GBP",
                "type": "Card",
                "status": "Paid",
                "paymentProvider": "Stripe",
                "createdDate": PAID,
                "sourceModifiedDate": CHANGED,
            }
        ],
        "serviceCharges": [{"description": "Shipping", "totalAmount": 4.5, "type": "Delivery"}],
        "locationRef": {"id": "loc-1", "name": "High Street"},
        "customerRef": {"id": f"cust-{number % 300}", "name": f"Zoë O'Neill {number % 300}"},
        "sourceModifiedDate": CHANGED,
    }


def dated(body: bytes, number: int) -> bytes:
    """Return an order with its dates. No two orders share one: some are without a zone, some with seven digits."""
    made = BEGAN + timedelta(seconds=97 * number)
    ticks = f".{number * 2_805_505 % 10**7:07d}Z" if number % 3 == 0 else "Z"
    return (
        body.replace(MADE.encode(), made.isoformat().encode())
        .replace(PAID.encode(), (made + timedelta(seconds=1)).isoformat().encode())
        .replace(CHANGED.encode(), f"{(made + timedelta(seconds=2)).isoformat()}{ticks}".encode())
    )


SHAPES: dict[str, dict[str, object]] = {
    "plain": {},
    "custom": {
        "supplementalData": {
            "content": {
                "gift": {"note": "For Zoë", "ship": {"date": "2026-11-20", "to": [{"name": "Zoë", "floor": 3}]}},
                "score": 1.5,
                "tags": ["a", "b"],
            }
        }
    },
    "undeclared": {"loyalty": {"points": 15, "tier": "gold"}},
    "number": {},
}
"""What orders have beside: custom data; fields that the tap does not know, within lines too; an id that is a number."""

CREATED = {"createdDate": "2026-02-10T05:30:13"}
SOURCE = {"sourceModifiedDate": "2026-02-11T05:30:13Z"}
OTHERS: dict[str, dict[str, object]] = {
    "commerce-customers": {"customerName": "Zoë O'Neill", "emailAddress": "zoe@example.com", **CREATED, **SOURCE},
    "commerce-disputes": {"totalAmount": 12.5, "currency": "GBP", "status": "Won", **CREATED, **SOURCE},
    "commerce-info": {"companyName": "O'Neill Bakery", "baseCurrency": "GBP", **CREATED},
    "commerce-locations": {"name": "High Street", **SOURCE},
    "commerce-payments": {"amount": 12.5, "currency": "GBP", "status": "Paid", **CREATED, **SOURCE},
    "commerce-paymentMethods": {"name": "Visa", "status": "Active", **SOURCE},
    "commerce-products": {"name": "Flat white", "description": "Two shots", **CREATED, **SOURCE},
    "commerce-productCategories": {"name": "Coffee", "hasChildren": False, **SOURCE},
    "commerce-taxComponents": {"name": "VAT", "rate": 0.2, **SOURCE},
    "commerce-transactions": {"totalAmount": 12.5, "currency": "GBP", "type": "Payment", **CREATED, **SOURCE},
}


@lru_cache
def endings(segment: str, shape: str) -> list[bytes]:
    """Return what comes after id and stamp in each kind of record."""
    orders = segment == "commerce-orders"
    bodies = [order(n) | SHAPES[shape] for n in range(KINDS)] if orders else [OTHERS[segment]]
    if orders and shape == "undeclared":
        for body in bodies:
            for line in body["orderLineItems"]:  # type: ignore[attr-defined]
                line |= {"fulfilment": {"status": "sent", "by": "bike"}, "weight": 0.25}
    return [json.dumps(b, ensure_ascii=False, separators=(",", ":")).encode()[1:] for b in bodies]


@lru_cache(maxsize=4)
def records(segment: str, shape: str, first: int, last: int) -> bytes:
    """Return records as JSON, separated by commas."""
    after, quote = endings(segment, shape), b"" if shape == "number" else b'"'
    stamps = [SYNCED.format(minute=minute % 60) for minute in range(last // STAMPED_TOGETHER + 1)]
    return b",".join(
        b'{"id":%b%d%b,"modifiedDate":"%s",%s'
        % (quote, 4_000_000_000_000 + n, quote, stamps[n // STAMPED_TOGETHER].encode(), dated(after[n % len(after)], n))
        for n in range(first, last)
    )


class Shops:
    """What the server answers."""

    def __init__(self, companies: int, orders: int, others: int, shape: str) -> None:
        """Prepare companies with one shop each: so many orders of a shape, and records of each other data set."""
        self.companies, self.orders, self.others, self.shape = companies, orders, others, shape

    def answer(self, path: str, query: dict[str, list[str]]) -> bytes:
        """Return the body of an answer."""
        parts = path.strip("/").split("/")
        page, size = int(query.get("page", ["1"])[0]), int(query.get("pageSize", ["100"])[0])
        if parts == ["companies"]:
            last = min(page * size, self.companies)
            some = b",".join(self.company(n) for n in range((page - 1) * size, last))
            return self.envelope(path, some, page, size, self.companies)
        if parts[-1] == "dataStatus":
            return self.status(parts[1])
        if parts[-1] == "commerce-info":
            return json.dumps(OTHERS[parts[-1]]).encode()
        total = self.orders if parts[-1] == "commerce-orders" else self.others
        some = records(parts[-1], self.shape, (page - 1) * size, max((page - 1) * size, min(page * size, total)))
        return self.envelope(path, some, page, size, total)

    @staticmethod
    def company(number: int) -> bytes:
        """Return one of the companies."""
        company, connection = f"{number:08x}-1c0d-4a7a-8000-00000000c0de", f"{number:08x}-5b09-4a7a-8000-00000000c0de"
        return json.dumps(
            {
                "id": company,
                "name": f"Company {number}",
                "platform": "",
                "redirect": f"https://link.example/company/{company}",
                "lastSync": SYNCED.format(minute=1),
                "created": "2023-05-04T15:28:09.2805505Z",
                "tags": {"region": "uk"},
                "dataConnections": [
                    {
                        "id": connection,
                        "integrationId": "5b0945d3-9a64-4d24-8c20-0e6d2b1b8cf9",
                        "integrationKey": "fztf",
                        "sourceId": "27d0945d-9a64-4d24-8c20-0e6d2b1b8cf9",
                        "platformName": "Shopify",
                        "linkUrl": f"https://link.example/company/{company}/connection/{connection}",
                        "status": "Linked",
                        "lastSync": SYNCED.format(minute=1),
                        "created": "2023-05-04T15:28:09.2805505Z",
                        "sourceType": "Commerce",
                    }
                ],
            }
        ).encode()

    @staticmethod
    def status(company: str) -> bytes:
        """Return the data status of a company: all complete."""
        return json.dumps(
            {
                kind: {
                    "dataType": kind,
                    "currentStatus": "Complete",
                    "lastSuccessfulSync": SYNCED.format(minute=1),
                    "latestSyncId": f"{company[:8]}-0000-4000-8000-{position:012x}",
                    "latestSuccessfulSyncId": f"{company[:8]}-0000-4000-8000-{position:012x}",
                }
                for position, kind in enumerate(TYPES.values())
            }
        ).encode()

    @staticmethod
    def envelope(path: str, some: bytes, page: int, size: int, total: int) -> bytes:
        """Return a page of a list."""
        links = {"self": {"href": f"{path}?page={page}"}, "current": {"href": path}}
        if page * size < total:
            links["next"] = {"href": f"{path}?page={page + 1}&pageSize={size}"}
        rest = {"pageNumber": page, "pageSize": size, "totalResults": total, "_links": links}
        return b'{"results":[' + some + b"]," + json.dumps(rest).encode()[1:]


class Server(asyncio.Protocol):
    """HTTP/1.1 as far as GET goes."""

    seen: list[float]
    seen, open_now, most_open = [], 0, 0

    def __init__(self, shops: Shops, latency: float) -> None:
        """Begin a connection."""
        self.shops, self.latency, self.buffer = shops, latency, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request when its latency is over."""
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode())
            if target.path == "/_stats":
                self.send(json.dumps({"seen": Server.seen, "most_open": Server.most_open}).encode())
                Server.seen, Server.most_open = [], 0
                continue
            Server.seen.append(time.monotonic())
            Server.open_now += 1
            Server.most_open = max(Server.most_open, Server.open_now)
            asyncio.get_running_loop().call_later(self.latency, self.reply, target.path, parse_qs(target.query))

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        """Answer one request."""
        Server.open_now -= 1
        self.send(self.shops.answer(path, query))

    def send(self, body: bytes) -> None:
        """Send an answer."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.writelines([head.encode(), body])  # type: ignore[attr-defined]


async def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--companies", type=int, default=40)
    parser.add_argument("--orders", type=int, default=10, help="of each company")
    parser.add_argument("--others", type=int, default=1, help="records of each other data set of each company")
    parser.add_argument("--shape", choices=SHAPES, default="plain", help="of the orders")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    chosen = parser.parse_args()
    shops = Shops(chosen.companies, chosen.orders, chosen.others, chosen.shape)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(shops, chosen.latency), "127.0.0.1", chosen.port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
