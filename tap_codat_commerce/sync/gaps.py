"""What the settings ask for and Codat does not have: one line for each, with the command that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_codat_commerce.sync.options import SyncOptions

NEVER_AUTHORIZED = "pendingauth"
SHOWN = 50
"""Companies that one line names at most; the others get lines of their own."""


class Gaps:
    """Compares what the settings ask for with what Codat lists."""

    def __init__(self, options: SyncOptions) -> None:
        """Begin before anything is known."""
        self._options = options
        self._companies: int | None = None
        self._chosen = False
        self._missing: list[str] = []
        self._shops: set[tuple[str, str]] = set()

    @property
    def conditions(self) -> str:
        """The settings by which Codat chooses companies, empty if none is set."""
        return " and ".join(name for name in ("company_query", "company_tags") if getattr(self._options, name))

    def note_companies(self, listed: Iterable[str]) -> None:
        """Take note of the ids of all companies that Codat has listed, those that are not asked for included."""
        ids = {company_id.casefold() for company_id in listed}
        wanted = {company_id.casefold() for company_id in self._options.company_ids}
        self._companies, self._chosen = len(ids), bool(ids & wanted if wanted else ids)
        self._missing = sorted(wanted - ids)

    def note_shop(self, status: str, platform: str) -> None:
        """Take note of a connection to a shop: its status, and the key of its platform, in small letters."""
        self._shops.add((status, platform))

    def lines(self) -> Iterator[str]:
        """Yield the lines."""
        among = f" that matches {self.conditions}" if self.conditions else " for this key"
        for first in range(0, len(self._missing), SHOWN):
            yield (
                f"company_ids: Codat knows no such company{among}: {', '.join(self._missing[first : first + SHOWN])}. "
                "Without company_ids, `codat-commerce status` lists all."
            )
        if self._companies == 0 and self.conditions:
            yield f"{self.conditions}: no company matches. Without that, `codat-commerce status` lists all."
        elif self._companies == 0 and not self._missing:
            yield "There is no company yet. `codat-commerce connect NAME --platform KEY` makes one."
        if self._chosen and self._options.shard_count == 1:  # other shards may have what this one has not
            yield from self._of_connections()

    def _of_connections(self) -> Iterator[str]:
        chosen = {key.casefold() for key in self._options.integration_keys}
        platforms = {platform for _, platform in self._shops if platform}
        statuses = {status for status, platform in self._shops if not (chosen and platform) or platform in chosen}
        if not self._shops:
            yield (
                "No company has a connection to a shop yet. "
                "`codat-commerce connect --company NAME --platform KEY` makes one."
            )
        elif statuses == {NEVER_AUTHORIZED}:
            yield "No connection to a shop has been authorised yet. `codat-commerce status --links` shows the links."
        elif statuses and statuses.isdisjoint({status.casefold() for status in self._options.connection_statuses}):
            yield "No connection is in one of connection_statuses. `codat-commerce status` shows in which they are."
        if missing := sorted(chosen - platforms):
            there = f"; there are {', '.join(sorted(platforms))}" if platforms else ""
            yield (
                f"integration_keys: no connection is of the platform {' or '.join(missing)}{there}. "
                "Without integration_keys, `codat-commerce status` lists all."
            )
