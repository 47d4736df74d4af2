"""Replaces what is no Unicode by its number. So it spoils nothing else, and distinct characters stay distinct.

JSON's grammar allows half a surrogate pair alone (RFC 8259, section 8.2), and a gateway may have cut a text in the
middle of a character. Neither can be passed on as it is.
"""

from __future__ import annotations

import codecs
import re
from array import array
from itertools import pairwise

BOM = codecs.BOM_UTF8
BACKSLASH = ord("\\")
PIECE = 65536
"""Bytes that are decoded at once."""
MOST_SHOWN = 1000
"""So many broken characters of an answer are shown by their numbers. The rest of them are `?` or U+FFFD alike."""
BROKEN = re.compile("[\udc80-\udcff]")
"""What Python decodes bytes to that are no UTF-8, if told to."""
MAYBE_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def mended(body: bytes) -> tuple[bytes, int]:
    """Return a body of JSON with nothing but Unicode in it, and how many characters were replaced.

    A body in which none is replaced is not copied. Whatever is replaced, it takes no more memory than some copies.
    """
    body, count = body.removeprefix(BOM), 0
    if not _is_utf8(body):
        body, count = _as_utf8(body)
    if b"\\" in body and (halves := _halves(body)):
        body, count = _whole(body, halves), count + len(halves)
    return body, count


def _as_utf8(body: bytes) -> tuple[bytes, int]:
    r"""Return a body as UTF-8, and how many bytes were replaced: by `\xe9`, or where there are many, by `?`."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    found, count = bytearray(), 0
    for start in range(0, len(body), PIECE):
        text = decoder.decode(body[start : start + PIECE], final=start + PIECE >= len(body))
        here = len(BROKEN.findall(text))
        found += (BROKEN.sub(_shown, text) if count + here <= MOST_SHOWN else text).encode(errors="replace")
        count += here
    return bytes(found), count


def _halves(body: bytes) -> array[int]:
    """Return where escapes of half a surrogate pair begin, which has no other half beside it."""
    found, end = array("Q"), 0
    for escape in MAYBE_HALF.finditer(body):
        at = escape.start()
        before = at
        while before > end and body[before - 1] == BACKSLASH:
            before -= 1
        if at < end or (at - before) % 2:  # the other half of a pair, or a backslash that is escaped itself
            continue
        pair = PAIR.match(body, at)
        end = pair.end() if pair else escape.end()
        if not pair:
            found.append(at)
    return found


def _whole(body: bytes, halves: array[int]) -> bytes:
    """Return a body with a backslash before each of these escapes; where they are many, with U+FFFD in their place."""
    if len(halves) > MOST_SHOWN:
        same_length = bytearray(body)
        for at in halves:
            same_length[at : at + 6] = rb"\ufffd"
        return bytes(same_length)
    edges = [0, *halves, len(body)]
    return b"\\".join(body[begin:end] for begin, end in pairwise(edges))


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
