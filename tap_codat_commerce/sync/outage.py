"""Tells the trouble of single shops from one of Codat's as a whole, or of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.codat.errors import CodatError

A_FEW = 5
"""Companies in trouble, with nothing read in between: then each request is tried once only, as most fail anyway.

In the whole run: then each is tried twice at most, as shops that hang could fill the night."""
TOO_MANY = 25
"""Companies in a row in trouble: then the run ends, though some requests were answered."""


class Outage:
    """Counts the companies in trouble: in a row, and since something was read."""

    def __init__(self, client: Client) -> None:
        """Begin without trouble."""
        self._client = client
        self._row: set[str] = set()
        self._since_read: set[str] = set()
        self._answered = 0

    def trouble(self, company_id: str, error: CodatError) -> bool:
        """Take note of a failure; say whether the run is to end.

        It is after trouble at many companies in a row; and after a few if nothing at all was answered meanwhile. What
        is not tried again, for example a 404, speaks of its request alone. A company that is in trouble once is not
        waited for again: each of its data sets could take as long.
        """
        if not error.retriable:
            return False
        if not self._row:
            self._answered = self._client.answered
        self._row.add(company_id)
        self._since_read.add(company_id)
        self._client.hopeless.add(company_id)
        self._client.weary = len(self._client.hopeless) >= A_FEW
        self._client.patient = len(self._since_read) < A_FEW
        silent = self._client.answered == self._answered
        return len(self._row) >= (A_FEW if silent else TOO_MANY)

    def read(self) -> None:
        """Take note that a data set was read."""
        self._row.clear()
        self._since_read.clear()
        self._client.patient = True

    def company_done(self, company_id: str) -> None:
        """Take note that all of a company has been looked at: without trouble, it ends the row."""
        if company_id not in self._row:
            self._row.clear()
