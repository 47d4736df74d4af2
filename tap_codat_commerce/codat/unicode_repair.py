"""Replaces what is no Unicode by its number. So it spoils nothing else, and distinct characters stay distinct.

JSON's grammar allows half a surrogate pair alone (RFC 8259, section 8.2), and a gateway may have cut a text in the
middle of a character. Neither can be passed on as it is.
"""

from __future__ import annotations

import codecs
import re

BOM = codecs.BOM_UTF8
PIECE = 65536
"""Bytes that are decoded at once."""
BROKEN = re.compile("[\udc80-\udcff]")
"""What Python decodes bytes to that are no UTF-8, if told to."""
MAYBE_HALF = re.compile(rb"\\u[dD]")
ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one
    rb"|\\."  # any other escape: the second backslash of `\\\\ud83d` begins none
)


def mended(body: bytes) -> tuple[bytes, int]:
    """Return a body of JSON with nothing but Unicode in it, and how many characters were replaced.

    A body in which none is replaced is not copied.
    """
    body, count = body.removeprefix(BOM), 0
    if not _is_utf8(body):
        text, count = BROKEN.subn(_shown, body.decode(errors="surrogateescape"))
        body = text.encode()
    if b"\\" in body and MAYBE_HALF.search(body):
        halves = sum(1 for escape in ESCAPE.finditer(body) if escape[1])
        if halves:
            body = ESCAPE.sub(lambda escape: rb"\\u" + escape[1] if escape[1] else escape[0], body)
        count += halves
    return body, count


def _shown(byte: re.Match[str]) -> str:
    r"""Return the number of a byte as text: `\xe9`, with its backslash escaped."""
    return rf"\\x{ord(byte[0]) - 0xDC00:02x}"


def _is_utf8(body: bytes) -> bool:
    """Say whether a body is UTF-8, without making a text as large as the body."""
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
