"""Shows what is no Unicode by its number, so that one bad character costs nothing else, and two stay two.

JSON's grammar allows half a surrogate pair alone (RFC 8259, section 8.2), and a gateway may have cut a text within a
character. Neither can be passed on as it is.
"""

from __future__ import annotations

import codecs
import re

BOM = codecs.BOM_UTF8
PIECE = 65536
"""Bytes that are looked at at once."""
BROKEN = re.compile("[\udc80-\udcff]")
"""How Python holds bytes that are no UTF-8."""
MAYBE_HALF = re.compile(rb"\\u[dD]")
ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one
    rb"|\\."  # any other escape: the backslash of `\\\\ud83d` is none of its own
)


def mended(body: bytes) -> tuple[bytes, int]:
    """Return a body of JSON with every character whole, and how many had to be replaced. A good one is not copied."""
    body, count = body.removeprefix(BOM), 0
    if not _is_utf8(body):
        text, count = BROKEN.subn(_shown, body.decode(errors="surrogateescape"))
        body = text.encode()
    if b"\\" in body and MAYBE_HALF.search(body):
        halves = sum(1 for found in ESCAPE.finditer(body) if found[1])
        if halves:
            body = ESCAPE.sub(lambda found: rb"\\u" + found[1] if found[1] else found[0], body)
        count += halves
    return body, count


def _shown(found: re.Match[str]) -> str:
    """Return the number of a byte, after a backslash as JSON has it."""
    return rf"\\x{ord(found[0]) - 0xDC00:02x}"


def _is_utf8(body: bytes) -> bool:
    """Say whether a body is UTF-8, without a text as large as the body."""
    if body.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(body), PIECE):
            decoder.decode(body[start : start + PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
