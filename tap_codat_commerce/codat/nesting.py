"""Bounds how deeply JSON may be nested that goes on to others.

Decoders recurse, and leave the bound to Python: a thousand levels in 3.11, several thousand later on. With a bound of
our own, what goes out does not depend on the version, and nothing that comes after it runs out of stack.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LEVELS = 200
"""Arrays and objects in one another: Codat's answers have some ten."""
SHALLOW = 8
"""Levels that an ordinary answer has. They are taken away first, which is quicker than counting them."""
PIECE = 65536
"""Bytes that are looked at at once."""

ESCAPED = re.compile(rb'\\[\\"]')
STRING = re.compile(rb'"[^"]*"?')
STEPS = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")
"""One level deeper, or as a signed byte, one level less deep."""
IRRELEVANT = bytes(set(range(256)) - set(b'[{]}"'))


class TooDeep(ValueError):
    """JSON is nested too deeply."""


def check(text: Any, around: int = 0) -> None:
    """Refuse bytes of JSON that have more levels than MOST_LEVELS, with so many around them.

    Raises:
        TooDeep: they do.
    """
    if len(text) > 2 * (MOST_LEVELS - around) and is_too_deep(text, around):
        msg = "it is nested too deeply"
        raise TooDeep(msg)


def is_too_deep(text: Any, around: int = 0) -> bool:
    """Say whether bytes of JSON have more levels than MOST_LEVELS, with so many around them.

    It takes a time that grows in step with their length.
    """
    steps = b"".join(piece.translate(STEPS, IRRELEVANT) for piece in _pieces(memoryview(text)))
    for quotes in (b'""""', b'""'):  # most strings are empty by now
        steps = steps.replace(quotes, b"")
    steps = STRING.sub(b"", steps)
    for _ in range(SHALLOW):
        steps = steps.replace(b"\1\xff", b"")
    return around + SHALLOW + max(accumulate(array("b", steps)), default=0) > MOST_LEVELS


def _pieces(body: memoryview) -> Iterator[bytes]:
    """Yield JSON without what is escaped: each quote that is left begins or ends a string."""
    start = 0
    while start < len(body):
        piece = bytes(body[start : start + PIECE])
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        if backslashes % 2:  # the next byte belongs to the last one
            piece = bytes(body[start : start + PIECE + 1])
        start += len(piece)
        yield ESCAPED.sub(b"", piece) if b"\\" in piece else piece
