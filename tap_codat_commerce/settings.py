"""The settings: which there are, and the form in which the code uses them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from tap_codat_commerce.codat.client import Client
from tap_codat_commerce.codat.rate_limiter import RateLimiter
from tap_codat_commerce.records.dates import utc
from tap_codat_commerce.sync.options import SyncOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_PAGE_SIZE = 5000
DAY = 86400
"""Seconds."""

SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="Codat API key: the raw key, or the whole `Basic …` header that the Portal shows.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://api.codat.io",
        title="API URL",
        description="Where the API is. https only; plain http for addresses of this machine alone.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="First run: read only what Codat has modified since, for example `2026-01-31` or "
        "`2026-01-31T06:00:00Z`.",
    ),
    th.Property(
        "company_ids",
        th.ArrayType(th.StringType),
        title="Companies",
        description="Read only these companies: a list of UUIDs.",
    ),
    th.Property(
        "company_query",
        th.StringType,
        title="Company query",
        description="Read only the companies that match: Codat's query language over their fields, for example "
        "`dataConnections.platformName~Shopify`.",
    ),
    th.Property(
        "company_tags",
        th.StringType,
        title="Company tags",
        description="Read only the companies whose tags match, for example `region=uk && team=x`; "
        "with `=`, `!=` and `~` (contains).",
    ),
    th.Property(
        "integration_keys",
        th.ArrayType(th.StringType),
        title="Platforms",
        description="Read only the connections of these platforms: Codat's four-letter keys, for example `fztf`.",
    ),
    th.Property(
        "connection_statuses",
        th.ArrayType(th.StringType),
        default=["Linked", "Deauthorized", "Unlinked"],
        title="Connection statuses",
        description="Read only connections in one of these statuses. `PendingAuth` holds no data.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE),
        default=1000,
        title="Page size",
        description="Records per request, 1 to 5000.",
    ),
    th.Property(
        "max_concurrent_requests",
        th.IntegerType(minimum=1, maximum=100),
        default=10,
        title="Requests at once",
        description="Requests that are open at once, 1 to 100. Codat allows ten for each connected company.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1, maximum=10**6),
        default=900,
        title="Requests a minute",
        description="Requests that are made in any minute, retries included. Codat's hard limit is 1,000 from one "
        "address, for all that runs there.",
    ),
    th.Property(
        "request_timeout",
        th.IntegerType(minimum=1, maximum=DAY),
        default=120,
        title="Request timeout",
        description="Seconds to wait for a connection, and seconds in which a whole answer has to be there.",
    ),
    th.Property(
        "max_retries",
        th.IntegerType(minimum=0, maximum=1000),
        default=7,
        title="Retries",
        description="How often one request is tried again, after growing pauses. `Retry-After` is obeyed.",
    ),
    th.Property(
        "max_retry_wait",
        th.IntegerType(minimum=0, maximum=7 * DAY),
        default=300,
        title="Longest wait",
        description="Seconds. If Codat asks for a longer wait, the run ends and keeps its state.",
    ),
    th.Property(
        "sync_wait",
        th.IntegerType(minimum=0, maximum=7 * DAY),
        default=300,
        title="Wait for syncs",
        description="Seconds that the whole run may wait for syncs that are under way, or have just ended. "
        "Everything else is read first.",
    ),
    th.Property(
        "on_not_ready",
        th.StringType,
        default="skip",
        allowed_values=["skip", "fail"],
        title="What is not ready",
        description="What to do about data sets that can't be read yet: `skip` them, or `fail`: end the run with 1 "
        "after everything else.",
    ),
    th.Property(
        "refresh_older_than_hours",
        th.IntegerType(minimum=1, maximum=24 * 3650),
        title="Refresh what is old",
        description="Have Codat sync each data set again whose last good sync is older than this. Wait for it within "
        "`sync_wait`. For a run each night, take 20: what was synced last night is not 24 hours old yet.",
    ),
    th.Property(
        "skip_unchanged",
        th.BooleanType,
        default=True,
        title="Skip unchanged",
        description="Do not read a data set again until a new sync of it has ended.",
    ),
    th.Property(
        "full_read_every_days",
        th.IntegerType(minimum=1, maximum=3650),
        title="Full reads",
        description="Read a data set whole when so many days have passed since it last was. Then `reads` tells what "
        "was deleted.",
    ),
    th.Property(
        "unknown_fields",
        th.StringType,
        default="drop",
        allowed_values=["drop", "keep"],
        title="Unknown fields",
        description="What to do with fields that the schema does not know: `drop` them, or `keep` them in an object "
        "`unmapped` of the record.",
    ),
    th.Property(
        "shard_index",
        th.IntegerType(minimum=0, maximum=10**6),
        default=0,
        title="Shard",
        description="Which of the shards this run reads, counted from 0.",
    ),
    th.Property(
        "shard_count",
        th.IntegerType(minimum=1, maximum=10**6),
        default=1,
        title="Shards",
        description="Into how many shards the companies are divided, by a stable hash of their ids.",
    ),
).to_dict()
NAMES = frozenset(SCHEMA["properties"])
"""All of ours. The SDK adds its own to the schema, for stream maps, flattening and BATCH."""


def _company_ids(given: list[str] | None) -> tuple[str, ...]:
    """Return ids in the spelling that Codat uses, each once."""
    return tuple(dict.fromkeys(str(uuid.UUID(company_id)) for company_id in given or ()))


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "api_url": lambda url: url.rstrip("/"),
    "start_date": lambda date: utc(date or ""),
    "company_ids": _company_ids,
    "integration_keys": lambda keys: frozenset(keys or ()),
    "connection_statuses": frozenset,
}
"""How the code wants the settings that it does not take as they are given."""


@dataclass(frozen=True)
class Settings:
    """The checked settings, converted: how Codat is reached and, in `sync`, what is read.

    Each field is the setting of that name.
    """

    api_key: str
    api_url: str
    requests_per_minute: int
    request_timeout: int
    max_retries: int
    max_retry_wait: int
    sync: SyncOptions

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """Convert a configuration that `checks` found nothing wrong with."""
        return cls(**_values(cls, config), sync=SyncOptions(**_values(SyncOptions, config)))

    def client(self) -> Client:
        """Return a client of Codat with the key, the limits and the retries that were set."""
        return Client(
            self.api_key,
            api_url=self.api_url,
            timeout=self.request_timeout,
            max_retries=self.max_retries,
            max_retry_wait=self.max_retry_wait,
            limiter=RateLimiter(self.sync.max_concurrent_requests, self.requests_per_minute),
        )


def _values(kind: type[Settings | SyncOptions], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings among the fields of a class, in its form: as configured, or else the default."""
    values = {}
    for name in [field.name for field in fields(kind) if field.name in SCHEMA["properties"]]:
        given = config.get(name)
        value = SCHEMA["properties"][name].get("default") if given is None else given
        values[name] = CONVERSIONS[name](value) if name in CONVERSIONS else value
    return values
