"""Takes out of a page what can't be read, entry by entry: a record that is no JSON, or too deep, costs no other.

The decoder stops at the first token that is none, as NaN, or a tab within a string, and where its recursion ends. So
the page is cut into its entries by their brackets and quotes alone, and each is tried by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tap_codat_commerce.codat import lossless_json

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = re.compile(rb'"results"\s*:\s*\[')
TOKEN = re.compile(lossless_json.STRING + rb"|[][{},]", re.DOTALL)
"""Strings, whatever they hold, and what tells where an entry begins and ends."""
DEEPER, LESS_DEEP = b"[{", b"]}"


def taken_out(body: bytes) -> tuple[bytes, list[str]]:
    """Return a page with null in the place of each entry that can't be read, and where each stood, and what is wrong.

    As it came, without any place, if it holds no list of entries.
    """
    places: list[str] = []
    pieces: list[bytes] = []
    end = 0
    for number, (first, last) in enumerate(_entries(body), 1):
        try:
            lossless_json.decode_raw(body[first:last])
        except ValueError as exc:
            pieces += [body[end:first], b"null"]
            end = last
            places.append(f"entry {number}, at byte {first}: {exc}")
    return b"".join([*pieces, body[end:]]), places


def _entries(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each entry of the list of results begins and ends."""
    begin = RESULTS.search(body)
    if begin is None:
        return
    depth, first = 0, begin.end()
    for token in TOKEN.finditer(body, begin.end()):
        kind = token[0]
        if kind in DEEPER:
            depth += 1
        elif kind in LESS_DEEP and depth:
            depth -= 1
        elif depth == 0 and kind in b",]":
            if body[first : token.start()].strip():
                yield first, token.start()
            first = token.end()
            if kind == b"]":
                return
