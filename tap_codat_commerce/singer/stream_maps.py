"""Stream maps: what is checked before the first request, what expressions see, and why one of them fails."""

from __future__ import annotations

import ast
from collections import Counter
from fnmatch import fnmatch
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MapExpressionError
from singer_sdk.mapper import NULL_STRING, CustomStreamMap

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records.fields import alternatives
from tap_codat_commerce.singer.errors import SettingsError, did_you_mean, no_such_stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from singer_sdk.mapper import StreamMap

    from tap_codat_commerce.records.fields import Schema

RECORD = {"record", "_"}
GIVEN = {*RECORD, "config", "__stream_name__", "__original_stream_name__"}
"""What an expression may name beside fields and functions."""
FUNCTIONS: Collection[str] = vars(CustomStreamMap)["functions"].fget(None)
TELLING = {
    "AttributeDoesNotExist",
    "AttributeError",
    "FeatureNotAvailable",
    "OperatorNotDefined",
    "TypeError",
    "ZeroDivisionError",
}
"""Errors whose words are of types and names. Those of others may hold data."""
AMOUNTS = ("Decimal", "float")


class Fields(dict[str, Any]):
    """An object as expressions see it: it has each field of its schema, null where the answer has none."""

    known: Collection[str] = ()

    def __missing__(self, name: str) -> None:
        """Return null for a field that is absent, and for `self` if that is the field's own name."""
        if name not in self.known and name != "self":
            raise KeyError(name)

    def copy(self) -> Fields:
        """Return a copy, of which the SDK makes the names that an expression knows."""
        return _fields(self, self.known)


class View:
    """Makes `Fields` of the objects of one schema."""

    def __init__(self, schema: Schema) -> None:
        """Plan it."""
        self._known = frozenset(schema.get("properties", ()))
        self._within = {
            name: View(inner)
            for name, field in schema.get("properties", {}).items()
            for one in alternatives(field)
            if "properties" in (inner := one.get("items", one))
        }

    def __call__(self, value: Any) -> Any:
        """Return a value with all that expressions may ask for; what is within an array likewise."""
        if isinstance(value, list):
            return list(map(self, value))
        if not isinstance(value, dict):
            return value
        found = _fields(value, self._known)
        for name in self._within.keys() & value.keys():
            found[name] = self._within[name](value[name])
        return found


def _fields(value: Mapping[str, Any], known: Collection[str]) -> Fields:
    fields = Fields(value)
    fields.known = known
    return fields


def check(maps: Mapping[str, Any], schemas: Mapping[str, Schema]) -> None:
    """Check that stream maps are of streams and fields that there are.

    Args:
        maps: the setting `stream_maps`.
        schemas: those of all streams, by name.

    Raises:
        SettingsError: they are not. What is misspelt would go out as it is, or fail at each record.
    """
    problems = list(_made_twice(maps, schemas))
    for name, fields in maps.items():
        source = fields.get("__source__", name) if isinstance(fields, dict) else name
        mapped = [schema["properties"] for stream, schema in schemas.items() if fnmatch(stream, source)]
        if not mapped and source != "__else__":
            problems.append(f"stream_maps: {no_such_stream(source, schemas)}")
        known = {field for properties in mapped for field in properties}
        for field, expression in fields.items() if mapped and isinstance(fields, dict) else ():
            problems += [f"stream_maps: {name}: {what}" for what in _unknown(field, expression, known)]
    if problems:
        raise SettingsError(problems)


def _unknown(field: str, expression: Any, known: Collection[str]) -> Iterator[str]:
    """Yield what an entry of a stream map names and is not there."""
    if expression in (None, NULL_STRING):
        if field not in known and not field.startswith("__"):
            yield f"there is no field {field!r} to take out{did_you_mean(field, known)}"
    elif field == "__filter__" or not field.startswith("__"):
        library = {"fake"} if find_spec("faker") else set()
        there = {*known, *GIVEN, *FUNCTIONS, *library, *({"self"} if field in known else ())}
        for name in sorted(_names(expression) - there):
            if name == "fake":
                yield f"{field}: {name} is of the library Faker, which is not there: install it beside the tap"
            else:
                yield f"{field}: there is no field {name!r} to go by{did_you_mean(name, there)}"


def lacking(maps: Mapping[str, Any], stream: str, deselected: Collection[str]) -> Iterator[str]:
    """Yield each field that expressions over a stream name, though it is not selected: it is null there."""
    for name, fields in maps.items():
        if isinstance(fields, dict) and fnmatch(stream, fields.get("__source__", name)):
            yield from sorted({n for one in fields.values() for n in _names(one)} & {*deselected})


def _names(expression: Any) -> set[str]:
    """Return the names that an expression needs; none of one that is no Python, which the SDK refuses."""
    try:
        nodes = list(ast.walk(ast.parse(expression))) if isinstance(expression, str) else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    parts = [
        (n.value, n.slice.value) for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
    ]
    of_record = {part for of, part in parts if isinstance(of, ast.Name) and of.id in RECORD and isinstance(part, str)}
    return ({node.id for node in names} - own) | of_record


def _made_twice(maps: Mapping[str, Any], streams: Collection[str]) -> Iterator[str]:
    """Yield a line for each name that several streams would have: a target would take them for one."""
    some = {name: fields for name, fields in maps.items() if isinstance(fields, dict)}
    sources = [fields.get("__source__", name) for name, fields in some.items()]
    kept = [s for s in streams if maps.get(s, s) is not None and "__else__" not in maps]
    others = [s for s in kept if not any(fnmatch(s, source) for source in sources)]
    named = [fields.get("__alias__", name) for name, fields in some.items() if "*" not in name]
    for name, number in Counter([*others, *named]).items():
        if number > 1:
            yield f"stream_maps: {number} streams would have the name {name!r}; give each one of its own"


def why(error: Exception, one: StreamMap, mapped: Mapping[str, Any] | None) -> str:
    """Return what of a stream map fails, why, and what to do; without the data.

    Args:
        error: what was raised.
        one: the stream map.
        mapped: what it has made of the record, if it came that far.
    """
    cause = error.__cause__ if isinstance(error, MapExpressionError) and error.__cause__ else error
    kind = type(cause).__name__
    words = f"{kind}: {cause}" if kind in TELLING else kind
    exact = "amounts are Decimal: write float(…) around them" if all(number in words for number in AMOUNTS) else ""
    return f"{_failed(one, mapped)}: {words}. Mend it; {exact or 'all fields but the keys may be null'}."


def _failed(one: StreamMap, mapped: Mapping[str, Any] | None) -> str:
    """Return what of a stream map failed: the field that is no JSON, or the expression that was evaluated last."""
    for name, value in (mapped or {}).items():
        try:
            lossless_json.encode(value)
        except Exception:  # noqa: BLE001 - as many kinds as there are values
            return f"what it makes of {name} is no JSON"
    return f"{one.expr_evaluator.expr} fails" if isinstance(one, CustomStreamMap) else "fails"
