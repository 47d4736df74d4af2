"""What the user has a say in, as far as it matters to reading."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SyncOptions:
    """Which companies are read, and how. Each is the checked value of the setting of that name."""

    start_date: str | None = None
    company_ids: tuple[str, ...] = ()
    company_query: str | None = None
    company_tags: str | None = None
    integration_keys: frozenset[str] = frozenset()
    connection_statuses: frozenset[str] = frozenset({"Linked", "Deauthorized", "Unlinked"})
    page_size: int = 1000
    max_concurrent_requests: int = 10
    sync_wait: int = 300
    fail_if_not_ready: bool = False
    refresh_older_than_hours: int | None = None
    skip_unchanged: bool = True
    full_read_every_days: int | None = None
    shard_index: int = 0
    shard_count: int = 1
