"""The platforms that the stand-in's shops are on, each with its habits in ids and dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

OTHER_TYPES = ("chartOfAccounts", "balanceSheet", "bankAccounts", "bills", "company", "invoices", "suppliers")
"""Some of the data types of accounting platforms, as the data status lists them too."""

EAST = timezone(timedelta(hours=2))
NO_DATE = "0001-01-01T00:00:00"

Ids = Literal["long", "short", "prefixed", "mixed"]
Dates = Literal["zulu", "local", "ticks", "offset"]


@dataclass(frozen=True)
class Platform:
    """One of Codat's integrations.

    Attributes:
        key: its four letters.
        ids: `short` ones begin anew with each shop, so that they repeat across connections.
        dates: how it writes the dates that it knows itself.
        one_stamp: whether all records of one sync share their modifiedDate.
        lacks: the data types that it does not offer.
    """

    key: str
    name: str
    source_type: str
    ids: Ids = "long"
    dates: Dates = "zulu"
    one_stamp: bool = True
    lacks: frozenset[str] = frozenset()


SANDBOX = Platform("aiwb", "Commerce Sandbox", "Commerce")
"""A shop of Codat's own, for whoever has none."""
PLATFORMS = (
    Platform("fztf", "Shopify", "Commerce", "long", "local"),
    Platform("zsth", "Square", "Commerce", "mixed", "ticks", one_stamp=False),
    Platform("ltpp", "WooCommerce", "Commerce", "short", "local", one_stamp=False),
    Platform(
        "exgd",
        "Stripe",
        "Commerce",
        "prefixed",
        "zulu",
        lacks=frozenset({"commerce-locations", "commerce-productCategories", "commerce-taxComponents"}),
    ),
    Platform("vqzp", "BigCommerce", "Commerce", "short", "offset"),
    SANDBOX,
    Platform("gbol", "Xero", "Accounting"),
    Platform("qhyg", "QuickBooks Online", "Accounting"),
)
COMMERCE = tuple(p for p in PLATFORMS if p.source_type == "Commerce" and p is not SANDBOX)
BY_KEY = {p.key: p for p in PLATFORMS}


def written(moment: datetime, style: Dates) -> str:
    """Return a date in a platform's style. `ticks` has seven digits of fraction, but not always."""
    if style == "local":
        return moment.isoformat()[:19]
    if style == "offset":
        return f"{moment.astimezone(EAST).isoformat()[:19]}+02:00"
    there = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()
    if style == "ticks" and moment.microsecond:
        return f"{there[:26]}{moment.microsecond % 9 + 1}Z"
    return f"{there[:19]}Z"
