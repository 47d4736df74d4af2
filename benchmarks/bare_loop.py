"""The least that can be done: fetch, parse, write, with urllib and orjson.

No schema, no state, no proof, and money in floats.

`python benchmarks/bare_loop.py URL PAGE_SIZE` reads the orders of the first company's first connection.
"""

from __future__ import annotations

import sys
import urllib.request
from datetime import UTC, datetime
from typing import Any

import orjson


def ask(url: str) -> Any:
    """Return a decoded answer."""
    with urllib.request.urlopen(url) as response:  # noqa: S310 - the benchmark's own server
        return orjson.loads(response.read())


def main(api: str, page_size: str) -> None:
    """Write a RECORD for each order."""
    company = ask(f"{api}/companies")["results"][0]
    ids = {"companyId": company["id"], "connectionId": company["dataConnections"][0]["id"]}
    path = f"/companies/{ids['companyId']}/connections/{ids['connectionId']}/data/commerce-orders"
    url, out = f"{api}{path}?page=1&pageSize={page_size}", sys.stdout.buffer
    while url:
        page = ask(url)
        for record in page["results"]:
            message = {
                "type": "RECORD",
                "stream": "orders",
                "record": ids | record,
                "time_extracted": datetime.now(UTC),
            }
            out.write(orjson.dumps(message) + b"\n")
        following = page["_links"].get("next")
        url = api + following["href"] if following else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
