"""Makes the data dictionary: a page for each stream, of its schema, its catalog entry and a row of the stand-in."""

from __future__ import annotations

import os
import re
import subprocess
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import simplejson

from codat_mock.running import Running
from codat_mock.world import World
from tap_codat_commerce.singer.data_set_stream import DataSetStream
from tap_codat_commerce.tap import TapCodatCommerce
from tools.environments import ROOT
from tools.plugin import TAP, said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ROOT / "docs" / "streams"
COMMERCE, PLATFORM = (f"https://docs.codat.io/{api}-api#/operations/" for api in ("commerce", "platform"))

MEANINGS = {
    "companies": ("A company that the settings let through.", f"{PLATFORM}list-companies"),
    "company_info": ("A shop: its names, addresses and balances.", f"{COMMERCE}get-company-info"),
    "connections": ("A connection of a company, of any kind and status.", f"{PLATFORM}list-connections"),
    "customers": ("A customer of a shop.", f"{COMMERCE}list-customers"),
    "data_status": ("How fresh a data type of a company is.", f"{PLATFORM}get-company-data-status"),
    "disputes": ("A dispute about a payment.", f"{COMMERCE}list-disputes"),
    "locations": ("A place where a shop sells or keeps stock.", f"{COMMERCE}list-locations"),
    "orders": ("An order with its lines, payments and charges.", f"{COMMERCE}list-orders"),
    "payment_methods": ("A way in which a shop is paid.", f"{COMMERCE}list-payment-methods"),
    "payments": ("A payment.", f"{COMMERCE}list-payments"),
    "product_categories": ("A category of products.", f"{COMMERCE}list-product-categories"),
    "products": ("A product with its variants, prices and stock.", f"{COMMERCE}list-products"),
    "reads": ("A read of a data set that was proven complete.", ""),
    "tax_components": ("A tax and its rate.", f"{COMMERCE}list-tax-components"),
    "transactions": ("A movement of money on the platform.", f"{COMMERCE}list-transactions"),
}
"""What a row is, and where Codat describes it."""

KINDS = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false"}
OF = re.compile(r"Id of the (.*?)(?: in Codat)?\.")
"""What is said of an id."""
RECENT = re.compile(r"20(2[4-9]|[3-9]\d)-\d\d-\d\dT[\d:.]+Z")
"""Dates that the stand-in takes from the clock: what its shops have made is older."""
LINK = re.compile(r"http://127\.0\.0\.1:\d+([^?]*).*")
"""A link of the stand-in: its host, its path, and a one-time password."""


def streams() -> list[dict[str, Any]]:
    """Return the streams as the catalog has them, by name."""
    found: list[dict[str, Any]] = said("--discover")["streams"]
    return found


def table(link: str, *, short: bool = False) -> str:
    """Return all streams as a Markdown table.

    Args:
        link: what stands before the name of a page.
        short: whether to leave out how each is read.
    """
    lines = ["| stream | a row is | key |", "|---|---|---|"]
    if not short:
        lines = ["| stream | a row is | key | replication |", "|---|---|---|---|"]
    for stream in streams():
        name = stream["stream"]
        cells = [f"[`{name}`]({link}{name}.md)", MEANINGS[name][0], key(stream)]
        lines.append(f"| {' | '.join(cells if short else [*cells, replication(stream)])} |")
    return "\n".join(lines)


def key(stream: dict[str, Any]) -> str:
    """Return the columns of the key."""
    return ", ".join(f"`{k}`" for k in stream["key_properties"])


def replication(stream: dict[str, Any]) -> str:
    """Return how a stream is read, in Singer's words."""
    by = f" by `{stream['replication_key']}`" if stream.get("replication_key") else ""
    return f"{stream['replication_method']}{by}"


def pages() -> dict[Path, str]:
    """Return the page of each stream."""
    return {FOLDER / f"{stream['stream']}.md": page(stream) for stream in streams()}


def page(stream: dict[str, Any]) -> str:
    """Return the page of a stream."""
    name = stream["stream"]
    meaning, link = MEANINGS[name]
    lines = [f"# {name}", "", meaning, "", f"- Key: {key(stream)}", f"- Replication: {replication(stream)}"]
    made = TapCodatCommerce(config={"api_key": "-"}).streams[name]
    if isinstance(made, DataSetStream):
        lines.append(f"- Data type at Codat: `{made.data_set.data_type}`")
    if link:
        lines.append(f"- In Codat's reference: [{link.rpartition('/')[2]}]({link})")
    lines += ["", "## Columns", "", "| column | type | meaning |", "|---|---|---|"]
    for path, kind_of_it, text in columns(stream["schema"]):
        to = leads_to(path, text)
        lines.append(f"| `{path}` | {kind_of_it} | {text}{f' → [{to}]({to}.md)' if to else ''} |")
    row = simplejson.dumps(rows()[name], indent=2, ensure_ascii=False)
    return "\n".join([*lines, "", "## A row", "", "From the stand-in:", "", "```json", row, "```", ""])


def columns(schema: dict[str, Any], above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield path, type and meaning of each column, and of what is in it."""
    for name, inner in schema.get("properties", {}).items():
        path = f"{above}{name}"
        yield path, kind(inner), inner["description"]
        yield from columns(inner, f"{path}.")
        yield from columns(inner.get("items", {}), f"{path}[].")


def leads_to(path: str, text: str) -> str | None:
    """Return the stream of the record whose id a column holds; None if it is the record's own, or no id."""
    named = OF.fullmatch(text) if path != "id" else None
    to = re.sub("y$", "ie", named[1].removesuffix(" variant").replace(" ", "_")) + "s" if named else None
    return to if to in MEANINGS else None


def kind(schema: dict[str, Any]) -> str:
    """Return the type of a column in plain words."""
    (name,) = (t for t in schema["type"] if t != "null")
    if name == "array":
        return f"list of {kind(schema['items'])}s"
    if name == "object":
        return "object" if "properties" in schema else "object of any names"
    return str(schema.get("format", KINDS[name]))


@lru_cache
def rows() -> dict[str, Any]:
    """Return a row of each stream: of those that the stand-in has, the one with the fewest gaps."""
    found: dict[str, list[dict[str, Any]]] = {}
    with Running(World(companies=1, connections=1), "-key-") as stand_in:
        config = {"TAP_CODAT_COMMERCE_API_KEY": "-key-", "TAP_CODAT_COMMERCE_API_URL": stand_in.url}
        done = subprocess.run(TAP, capture_output=True, check=True, cwd=ROOT, env={**os.environ, **config})
    for line in done.stdout.splitlines():
        message = simplejson.loads(line, use_decimal=True)
        if message["type"] == "RECORD":
            found.setdefault(message["stream"], []).append(message["record"])
    return {stream: timeless(min(records, key=gaps)) for stream, records in found.items()}


def gaps(value: Any) -> int:
    """Return how many nulls and empty texts, lists and objects a value holds."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list) or not value:
        return int(value in (None, "", []))
    return sum(map(gaps, value))


def timeless(value: Any) -> Any:
    """Return a value without what differs from one run to the next."""
    if isinstance(value, dict):
        return {name: timeless(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [timeless(inner) for inner in value]
    if isinstance(value, str):
        return LINK.sub(r"https://example.com\1", RECENT.sub("2026-01-31T06:00:00Z", value))
    return value
