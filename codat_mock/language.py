"""Codat's query language: `modifiedDate>=2022-08-23T00:00:00Z && {currency=GBP || currency=EUR}`.

Operators: = != > < >= <= and ~ (contains). Values end at `&&`, `||` or a closing brace; parentheses are no braces. null
can't be asked for. Texts have no greater and less, numbers contain nothing. Of a list, one entry has to fit.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_LENGTH = 2048
TOKEN = re.compile(r"\s*(&&|\|\||[{}]|[^&|{}]+)")
CONDITION = re.compile(r"\s*([\w.]+)\s*(!=|>=|<=|=|>|<|~)\s*(.*?)\s*", re.DOTALL)
DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7})\d*)?)?(Z|[+-]\d\d:\d\d)?)?")
ORDERS = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
TICKS = 10_000_000
EPOCH = datetime(1, 1, 1, tzinfo=UTC)

Fields = dict[str, Any]
Test = Callable[[Fields], bool]
Resolve = Callable[[Fields, str], Any]
Parse = Callable[[list[str], Resolve], tuple[Test, list[str]]]


class QueryError(ValueError):
    """The query can't be parsed, or names a property that is not there."""


class UnknownPropertyError(QueryError):
    """The query names a property that is not there."""


def ticks(text: str) -> int | None:
    """Return a date as a number of 100 nanoseconds, None if the text is no date. Without a zone it counts as UTC."""
    match = DATE.fullmatch(text.strip())
    if not match:
        return None
    *parts, fraction, zone = match.groups()
    year, month, day, hour, minute, second = (int(p or 0) for p in parts)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    since = moment - EPOCH
    if zone and zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        since -= offset if zone[0] == "+" else -offset
    return (since.days * 86400 + since.seconds) * TICKS + int((fraction or "0").ljust(7, "0"))


def comparable(value: Any) -> Any:
    """Return a value that orders as Codat orders: dates by time, numbers by size, texts without regard to case."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value))
    text = str(value)
    when = ticks(text)
    return when if when is not None else text.lower()


def resolve(known: frozenset[str], entity: str) -> Resolve:
    """Return how a property of a record is looked up; one outside `known` is refused."""

    def look_up(fields: Fields, name: str) -> Any:
        first, _, rest = name.partition(".")
        if first not in known:
            msg = f"Could not resolve property {name} on {entity}"
            raise UnknownPropertyError(msg)
        value = fields.get(first)
        for part in filter(None, rest.split(".")):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return look_up


def parse(query: str, look_up: Resolve) -> Test:
    """Return the test that a query stands for.

    Raises:
        QueryError: it is malformed or too long.
    """
    if len(query) >= MAX_LENGTH:
        msg = f"Query is too long: {len(query)} characters"
        raise QueryError(msg)
    tokens = [t.strip() for t in TOKEN.findall(query)]
    if "".join(tokens).replace(" ", "") != query.replace(" ", "") or not tokens:
        msg = "Malformed query"
        raise QueryError(msg)
    test, rest = _either(tokens, look_up)
    if rest:
        msg = f"Malformed query near {rest[0]}"
        raise QueryError(msg)
    return test


def order(records: list[Fields], by: str, look_up: Resolve) -> list[Fields]:
    """Return the records ordered by a property; a leading `-` for descending. Those without it come first."""
    name = by.removeprefix("-")
    with_key = [(look_up(r, name), r) for r in records]
    present = sorted(
        ((comparable(v), r) for v, r in with_key if v is not None),
        key=lambda pair: pair[0],
        reverse=by.startswith("-"),
    )
    return [r for v, r in with_key if v is None] + [r for _, r in present]


def _either(tokens: list[str], look_up: Resolve) -> tuple[Test, list[str]]:
    tests, rest = _joined("||", _all, tokens, look_up)
    return (lambda fields: any(t(fields) for t in tests)), rest


def _all(tokens: list[str], look_up: Resolve) -> tuple[Test, list[str]]:
    tests, rest = _joined("&&", _term, tokens, look_up)
    return (lambda fields: all(t(fields) for t in tests)), rest


def _joined(sign: str, part: Parse, tokens: list[str], look_up: Resolve) -> tuple[list[Test], list[str]]:
    test, rest = part(tokens, look_up)
    tests = [test]
    while rest and rest[0] == sign:
        test, rest = part(rest[1:], look_up)
        tests.append(test)
    return tests, rest


def _term(tokens: list[str], look_up: Resolve) -> tuple[Test, list[str]]:
    if tokens and tokens[0] == "{":
        test, rest = _either(tokens[1:], look_up)
        if not rest or rest[0] != "}":
            msg = "Malformed query: a brace is not closed"
            raise QueryError(msg)
        return test, rest[1:]
    match = CONDITION.fullmatch(tokens[0]) if tokens else None
    if not match or not match[3]:
        msg = "Malformed query"
        raise QueryError(msg)
    return _condition(match[1], match[2], match[3], look_up), tokens[1:]


def _condition(name: str, sign: str, wanted: str, look_up: Resolve) -> Test:
    if wanted.lower() == "null":
        msg = "Malformed query: null can't be queried"
        raise QueryError(msg)
    look_up({}, name)

    def test(fields: Fields) -> bool:
        held = look_up(fields, name)
        return any(fits(value) for value in (held if isinstance(held, list) else [held]) if value is not None)

    def fits(value: Any) -> bool:
        left, right = _pair(value, wanted)
        if (sign == "~" and isinstance(left, Decimal)) or (sign in ORDERS and isinstance(left, str)):
            msg = f"The operator {sign} does not apply to {name}"
            raise QueryError(msg)
        if sign == "~":
            return wanted.lower() in str(value).lower()
        if sign in ORDERS:
            return type(left) is type(right) and bool(ORDERS[sign](left, right))
        return (left == right) is (sign == "=")

    return test


def _pair(value: Any, wanted: str) -> tuple[Any, Any]:
    left = comparable(value)
    if isinstance(left, Decimal):
        try:
            return left, Decimal(wanted)
        except InvalidOperation:
            return left, wanted
    return left, comparable(wanted)
