"""JSON with every digit kept.

Money must not pass through binary floats, nor change its spelling on the way: `5e-07` stays `5e-07`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

import msgspec


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
        """Return the text as it came."""
        return self.text


def number(text: str) -> Decimal | str:
    """Return a decimal whose `str()` is the given text; the text itself if it is beyond all decimals."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        return text
    return value if str(value) == text else Number(text)


def _encode_other(value: object) -> msgspec.Raw:
    if isinstance(value, Decimal):
        return msgspec.Raw(str(value).encode())
    msg = f"{type(value).__name__} is not a JSON type"
    raise TypeError(msg)


decode: Any = msgspec.json.Decoder(float_hook=number).decode
"""Bytes to Python values, numbers with a fraction or an exponent as Decimal. Raises msgspec.DecodeError."""

decode_object: Any = msgspec.json.Decoder(dict[str, Any], float_hook=number).decode
"""As `decode`, for an object. Raises msgspec.ValidationError if it is anything else."""

members: Any = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""As `decode_object`, but each value as it came, not looked into."""

decode_raw: Any = msgspec.json.Decoder(msgspec.Raw).decode
"""Bytes to the same bytes, checked to be JSON."""

encode = msgspec.json.Encoder(enc_hook=_encode_other, decimal_format="number").encode
"""Python values to compact bytes, numbers as they came."""
