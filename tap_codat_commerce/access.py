"""Codat, as the settings have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_codat_commerce.codat.client import Client
from tap_codat_commerce.codat.limits import Limits

if TYPE_CHECKING:
    from tap_codat_commerce.settings import Settings


def client_of(settings: Settings) -> Client:
    """Return a client with the key, the limits and the patience that were set."""
    return Client(
        settings.api_key,
        api_url=settings.api_url,
        timeout=settings.request_timeout,
        max_retries=settings.max_retries,
        max_retry_wait=settings.max_retry_wait,
        limits=Limits(settings.max_concurrent_requests, settings.requests_per_minute),
    )
