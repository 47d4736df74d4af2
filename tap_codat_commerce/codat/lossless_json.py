"""JSON with every digit kept.

Money must not pass through binary floats, nor change its spelling on the way: `5e-07` stays `5e-07`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Self

import msgspec

from tap_codat_commerce.codat import nesting

MOST_DIGITS = 4300
"""Characters of the longest whole number (with sign) that targets in Python can read. msgspec has the same bound."""
EXACT = "e-000"
"""Is put behind a whole number that would lose its spelling, or be refused, as an integer; taken off by `number`."""
MINUS_ZERO = re.compile(rb"-0(?:(?<=[:\[,\s]-0)|(?<=\A-0))(?![\d.eE])")
"""Only where a value may stand: a string may hold the same. What must be before it is matched last, which is faster."""
STRING = rb'"(?:[^"\\]++|\\.)*+"'
"""Without a way back into it: the engine would keep one for each of its characters."""
TOKEN = re.compile(STRING + rb"|(?<![\d.eE+-])(?:-0|-\d{%d,}|\d{%d,})(?![\d.eE])" % (MOST_DIGITS, MOST_DIGITS + 1))


class Number(Decimal):
    """A decimal that keeps its text: needed for the few that `str(Decimal)` would write differently."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Make the decimal and keep the text."""
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __str__(self) -> str:
        """Return the text, unchanged."""
        return self.text


class Unreadable:
    """A number that readers of JSON refuse: it has too many digits, or is beyond all decimals. Encoded as a string."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """Keep the text."""
        self.text = text

    def __str__(self) -> str:
        """Return the text, unchanged."""
        return self.text


def number(text: str) -> Decimal | Unreadable:
    """Return a decimal whose `str()` is the given text."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        return Unreadable(text)
    if str(value) == text:
        return value
    if text.endswith(EXACT):
        text = text.removesuffix(EXACT)
        return Unreadable(text) if len(text) > MOST_DIGITS else Number(text)
    return Number(text)


def has_long_number(text: Any) -> bool:
    """Say whether there may be a whole number of too many digits: it would fill some block of half its length."""
    if len(text) <= MOST_DIGITS:
        return False
    view, half = memoryview(text), MOST_DIGITS // 2
    return any(bytes(view[n : n + half]).isdigit() for n in range(0, len(view), half))


def _exact(text: Any) -> Any:
    """Return JSON with a mark behind each whole number that would lose its spelling, or be refused, when decoded."""
    nesting.check(text)
    if not (MINUS_ZERO.search(text) or has_long_number(text)):
        return text
    mark = EXACT.encode()
    return TOKEN.sub(lambda token: token[0] if token[0].startswith(b'"') else token[0] + mark, memoryview(text))


def _encode_other(value: object) -> msgspec.Raw | str:
    if isinstance(value, Decimal):
        return msgspec.Raw(str(value).encode())
    if isinstance(value, Unreadable):
        return value.text
    msg = f"{type(value).__name__} is not a JSON type"
    raise TypeError(msg)


_decode = msgspec.json.Decoder(float_hook=number).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_object = msgspec.json.Decoder(dict[str, Any], float_hook=number).decode


def decode(text: Any) -> Any:
    """Return bytes as Python values, numbers with a fraction or an exponent as Decimal.

    Raises:
        TooDeep: they are nested too deeply.
        msgspec.DecodeError: they are no JSON.
    """
    return _decode(_exact(text))


def decode_object(text: Any) -> dict[str, Any]:
    """Return an object, as `decode` does.

    Raises:
        msgspec.ValidationError: it is anything else.
    """
    return _decode_object(_exact(text))


members: Any = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""As `decode_object`, but each value as its own bytes, not parsed."""


def decode_raw(text: bytes) -> msgspec.Raw:
    """Return the same bytes, checked to be JSON; raise errors as `decode` does."""
    nesting.check(text)
    return _decode_raw(text)


_encoder = msgspec.json.Encoder(enc_hook=_encode_other, decimal_format="number")
encode = _encoder.encode
"""Turns Python values into compact bytes, numbers spelled as they were decoded."""
encode_into = _encoder.encode_into
"""As `encode`, in place of what a bytearray holds."""
