"""The part of Codat's query language that the tap uses.

Facts (Codat's documentation, 'Querying'): conditions are joined with `&&` and `||`; a query stays under 2,048
characters; null can't be queried. Tags of companies are asked for by a parameter of their own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LENGTH = 2047
IDS_AT_ONCE = 40
"""Forty conditions on a UUID take 1,638 characters."""


def names(condition: str) -> list[str]:
    """Return the fields that a query names, in order; if it is malformed, those that can be told."""
    return re.findall(r"(?:^|&&|\|\||[{}])\s*([\w.]+)\s*[!=<>~]", condition)


def equals(field: str, value: str) -> str:
    """Return the condition that a field has a value."""
    return f"{field}={value}"


def since(field: str, stamp: str) -> str:
    """Return the condition that a date is not before the given one."""
    return f"{field}>={stamp}"


def after(field: str, stamp: str) -> str:
    """Return the condition that a date is after the given one."""
    return f"{field}>{stamp}"


def any_of(field: str, values: Sequence[str]) -> Iterator[str]:
    """Yield conditions that together match any of the values, each short enough for one query."""
    for first in range(0, len(values), IDS_AT_ONCE):
        yield "||".join(equals(field, value) for value in values[first : first + IDS_AT_ONCE])
