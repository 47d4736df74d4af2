"""Which companies and connections a run reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import pages, query
from tap_codat_commerce.codat.errors import BadRequest, CodatError, UnreadableAnswer

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.settings import Settings

COMMERCE = "Commerce"
PATH = "/companies"
READS = 3
"""How often the list is read if it changes while it is being read."""


class Scope:
    """The companies and connections that the settings ask for."""

    def __init__(self, client: Client, settings: Settings, logger: logging.Logger) -> None:
        """Begin without a request."""
        self._client, self._settings, self._logger = client, settings, logger

    def companies(self) -> list[dict[str, Any]]:
        """Return the companies as they came, each with its connections in `dataConnections`.

        The whole list is read before the first company is used: were it read page by page while hours pass, a
        company removed meanwhile would make another slip through between two pages.

        Raises:
            CodatError: a request failed.
        """
        wanted = set(self._settings.company_ids)
        try:
            found = {i: c for q in self._queries() for i, c in self._matching(q).items()}
        except CodatError as exc:
            exc.at("company_query" if isinstance(exc, BadRequest) and self._settings.company_query else "companies")
            raise
        for missing in sorted(wanted - found.keys()):
            self._logger.warning(
                "company %s: in company_ids, but Codat knows no such company%s. Check company_ids.",
                missing,
                " that matches company_query" if self._settings.company_query else " for this key",
            )
        return [c for i, c in found.items() if not wanted or i in wanted]

    def readable(self, connection: dict[str, Any]) -> bool:
        """Say whether the data sets of a connection are to be read."""
        settings = self._settings
        return (
            is_shop(connection)
            and connection.get("status") in settings.connection_statuses
            and (not settings.integration_keys or connection.get("integrationKey") in settings.integration_keys)
        )

    def _queries(self) -> Iterator[str | None]:
        """Yield the queries that together find the companies: a query that was set, else one over ids, else none."""
        if self._settings.company_ids and not self._settings.company_query:
            yield from query.any_of("id", self._settings.company_ids)
        else:
            yield self._settings.company_query

    def _matching(self, condition: str | None) -> dict[str, dict[str, Any]]:
        """Return the companies that match, by id; read again if the list changed while it was read."""
        params: dict[str, str | int] = {"query": condition} if condition else {}
        for _ in range(READS):
            found, totals = {}, set()
            for page in pages.by_number(self._client, PATH, params, self._settings.page_size):
                totals.add(page.total)
                found.update({_id(company): company for company in page.results})
            if totals == {len(found)}:
                return found
        what = f"GET {PATH}: {len(found)} different companies came, but the pages spoke of {sorted(totals)}"
        raise UnreadableAnswer(what)


def is_shop(connection: dict[str, Any]) -> bool:
    """Say whether a connection is one to a shop."""
    return connection.get("sourceType") == COMMERCE


def _id(company: dict[str, Any]) -> str:
    if not isinstance(company.get("id"), str):
        what = f"GET {PATH} answered with a company that has no id"
        raise UnreadableAnswer(what)
    return str(company["id"])
