"""What the user has a say in, as far as it matters to reading."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SyncOptions:
    """Which companies are read, and how: each is the checked value of the setting of that name, or its default."""

    start_date: str | None
    company_ids: tuple[str, ...]
    company_query: str | None
    company_tags: str | None
    integration_keys: frozenset[str]
    connection_statuses: frozenset[str]
    page_size: int
    max_concurrent_requests: int
    sync_wait: int
    on_not_ready: str
    refresh_older_than_hours: int | None
    skip_unchanged: bool
    full_read_every_days: int | None
    shard_index: int
    shard_count: int

    @property
    def fail_if_not_ready(self) -> bool:
        """Whether a run fails if a data set could not be read yet."""
        return self.on_not_ready == "fail"
