"""Tells the trouble of single companies from one of Codat's as a whole, or of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_codat_commerce.codat.errors import Forbidden
from tap_codat_commerce.codat.retry_policy import RetryLimits

if TYPE_CHECKING:
    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.codat.errors import CodatError

A_FEW = 5
"""With so many companies in trouble and nothing read in between, a request is tried again only after a 429: most would
fail again. With so many in the whole run, none is tried again more than once: shops that hang could fill the night."""
TOO_MANY = 25
"""With so many companies in trouble in a row, the run ends, though some requests were answered."""


class Outage:
    """Counts the companies in trouble, and has their requests tried again less often, the more there are."""

    def __init__(self, client: Client) -> None:
        """Begin without trouble."""
        self._client = client
        self._in_trouble: frozenset[str] = frozenset()
        self._row: set[str] = set()
        self._since_read: set[str] = set()
        self._refused: set[str] = set()
        self._answered = self._answered_before = 0

    def trouble(self, company_id: str, error: CodatError) -> bool:
        """Take note of a failure; say whether the run is to end.

        It is to end after trouble at many companies in a row; after a few if meanwhile nothing at all was answered. An
        error that is not retriable, for example a 404, speaks of its request alone; but if all is refused by 403, the
        key is outdated. A company that was in trouble once is not waited for again: each of its data sets could take
        as long.
        """
        if isinstance(error, Forbidden):
            return self._is_refused(company_id)
        if not error.retriable:
            return False
        if not self._row:
            self._answered = self._client.answered
        self._row.add(company_id)
        self._since_read.add(company_id)
        self._in_trouble |= {company_id}
        self._limit_retries()
        silent = self._client.answered == self._answered
        return len(self._row) >= (A_FEW if silent else TOO_MANY)

    def _is_refused(self, company_id: str) -> bool:
        """Say whether a few companies were refused, and nothing was answered in between."""
        if self._client.answered != self._answered_before:
            self._answered_before = self._client.answered
            self._refused.clear()
        self._refused.add(company_id)
        return len(self._refused) >= A_FEW

    def read(self) -> None:
        """Take note that a data set was read."""
        if self._since_read:
            self._row.clear()
            self._since_read.clear()
            self._limit_retries()

    def company_done(self, company_id: str) -> None:
        """Take note that all of a company has been looked at: without trouble, it ends the row."""
        if company_id not in self._row:
            self._row.clear()

    def _limit_retries(self) -> None:
        most = self._client.retry_limits.rate_limited
        if len(self._in_trouble) >= A_FEW:
            most = min(most, 1)
        failed = most if len(self._since_read) < A_FEW else 0
        self._client.retry_limits = RetryLimits(most, failed, self._in_trouble)
