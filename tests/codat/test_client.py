"""The key as it may be given, and the links that are followed."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tap_codat_commerce.codat.client import Client, authorization
from tap_codat_commerce.codat.errors import NoAnswer, UnsafeLink


@pytest.mark.parametrize("key", ["Basic a2V5", "basic a2V5", " Basic  a2V5 "])
def test_a_key_that_is_the_whole_header(key: str) -> None:
    assert authorization(key) == "Basic a2V5"


@pytest.mark.parametrize("key", ["key", "a key", "Basic", "Bearer a2V5"])
def test_a_raw_key(key: str) -> None:
    assert authorization(f" {key} ") == f"Basic {b64encode(key.encode()).decode()}"


@pytest.mark.parametrize(
    ("api_url", "link"),
    [
        ("http://127.0.0.1:80", "http://127.0.0.1/companies"),
        ("http://127.0.0.1", "http://127.0.0.1:80/companies"),
        ("https://127.0.0.1:443", "https://127.0.0.1/companies"),
        ("http://127.0.0.1:1/api", "/companies"),
        ("http://127.0.0.1:1/api/", "companies"),
    ],
)
def test_a_link_to_the_same_origin_is_followed(api_url: str, link: str) -> None:
    with pytest.raises(NoAnswer):  # as nothing listens there
        Client("key", api_url=api_url, max_retries=0).follow(link)


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1/companies",
        "https://127.0.0.1:1/companies",
        "http://127.0.0.2:1/companies",
        "//127.0.0.2:1/companies",
        "http://127.0.0.1:one/companies",
        "http://[::1/companies",
    ],
)
def test_a_link_to_elsewhere_is_refused(link: str) -> None:
    with pytest.raises(UnsafeLink):
        Client("key", api_url="http://127.0.0.1:1", max_retries=0).follow(link)
