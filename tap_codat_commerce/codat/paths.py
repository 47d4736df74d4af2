"""Paths at the API."""

from functools import lru_cache, partial
from urllib.parse import quote

_quoted = lru_cache(maxsize=1000)(partial(quote, safe=""))


def path(*segments: str) -> str:
    """Return the path of these segments: an id that holds a slash, or any other sign, leads nowhere else."""
    return "".join("/" + _quoted(segment) for segment in segments)
