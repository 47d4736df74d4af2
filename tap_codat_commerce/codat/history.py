"""How the history of a company's pull operations is asked for; `answers.operations` reads the page."""

from __future__ import annotations

from tap_codat_commerce.codat import pages, paths, query

LATEST_FIRST = "-requested"
SIZE = 1000
"""Operations that are asked for: of two connections some 45 syncs of all data sets."""


def request(company_id: str, connection_id: str | None = None, number: int = 1) -> tuple[str, dict[str, str | int]]:
    """Return path and parameters of a page of a company's operations, or one of its connections'; the latest first."""
    chosen = {"query": of_connection(connection_id)} if connection_id else {}
    return path(company_id), pages.numbered({**chosen, "orderBy": LATEST_FIRST}, number, SIZE)


def path(company_id: str) -> str:
    """Return the path of a company's history."""
    return paths.path("companies", company_id, "data", "history")


def of_connection(connection_id: str) -> str:
    """Return the condition that finds the operations of a connection."""
    return query.equals("connectionId", connection_id)
