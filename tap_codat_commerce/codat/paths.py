"""Paths at the API."""

from urllib.parse import quote


def path(*segments: str) -> str:
    """Return the path of these segments: an id that holds a slash, or any other sign, leads nowhere else."""
    return "".join("/" + quote(segment, safe="") for segment in segments)
