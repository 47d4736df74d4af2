"""Stream maps: what is checked before the first request, what expressions see, and why one of them fails."""

from __future__ import annotations

import ast
import re
from collections import Counter
from difflib import get_close_matches
from fnmatch import fnmatch
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MapExpressionError
from singer_sdk.mapper import NULL_STRING, CustomStreamMap, RemoveRecordTransform

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records.fields import alternatives
from tap_codat_commerce.singer.errors import SettingsError, did_you_mean, no_such_stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from singer_sdk.mapper import StreamMap

    from tap_codat_commerce.records.fields import Schema

Path = tuple[str, ...]
"""Names of fields, each within the one before."""
OPTIONS = {"__filter__", "__source__", "__alias__", "__else__", "__key_properties__"}
METHODS = set(dir(dict))
ALIKE = 0.85
"""From there on, a name may be another one, misspelt."""
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

    def __init__(self, schema: Schema, read: Collection[str] | None = None) -> None:
        """Plan it, for the fields that are read; for all if that is None."""
        self._known = frozenset(schema.get("properties", ()))
        self._within = {
            name: View(inner)
            for name, field in schema.get("properties", {}).items()
            if read is None or name in read
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
    problems = [*_named_twice(maps, schemas)]
    for name, fields in maps.items():
        source = _source(name, fields)
        if isinstance(fields, dict) and {"__source__", "__alias__"} <= fields.keys():
            problems.append(
                f"stream_maps: {name}: beside __source__, the entry's own name is the stream's: take __alias__ out"
            )
        mapped = {stream: set(schema["properties"]) for stream, schema in schemas.items() if fnmatch(stream, source)}
        if not mapped and source != "__else__":
            problems.append(f"stream_maps: {no_such_stream(source, schemas)}")
        for field, expression in fields.items() if mapped and isinstance(fields, dict) else ():
            problems += [f"stream_maps: {name}: {what}" for what in _unknown(field, expression, mapped)]
    if problems:
        raise SettingsError(problems)


def _unknown(field: str, expression: Any, mapped: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield what an entry of a stream map names and is not there, by the fields of the streams that it is of.

    A field that is taken out may be that of one of them; what an expression goes by has to be a field of each.
    """
    known = set().union(*mapped.values())
    if field.startswith("__") and field not in OPTIONS:
        yield f"there is no option {field!r}{did_you_mean(field, OPTIONS)}"
    elif expression in (None, NULL_STRING):
        if field not in {*known, *OPTIONS}:
            yield f"there is no field {field!r} to take out{did_you_mean(field, known)}"
    elif field == "__filter__" or field not in OPTIONS:
        try:
            names = {path[0] for path in _paths(expression)}
        except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
            yield f"{field}: {str(expression)[:50]!r} is no expression: {getattr(exc, 'msg', exc)}"
            return
        library = {"fake"} if find_spec("faker") else set()
        there = {*GIVEN, *FUNCTIONS, *library}
        for name in sorted(names - there):
            wanted = field if name == "self" else name
            lacking = [stream for stream, fields in mapped.items() if wanted not in fields]
            if name == "fake":
                yield f"{field}: {name} is of the library Faker, which is not there: install it beside the tap"
            elif lacking:
                more = f" in {', '.join(lacking)}" if wanted in known else did_you_mean(name, known | there)
                yield f"{field}: there is no field {name!r} to go by{more}"


def doubts(maps: Mapping[str, Any], stream: str, schema: Schema, deselected: Collection[Path]) -> Iterator[str]:
    """Yield what may not be meant of the maps of a stream.

    Args:
        maps: the setting `stream_maps`.
        stream: the stream's name.
        schema: of the stream.
        deselected: paths of fields that are not selected: an expression finds them null.
    """
    for fields in _of_stream(maps, stream):
        paths = {path for one in _expressions(fields) for path in _paths(one)}
        for field in sorted(d for d in deselected if any(path[: len(d)] == d for path in paths)):
            yield (
                f"expressions find {'.'.join(field)} null, as it is not selected. To use it and not to write it, "
                f"select it, and take it out: {field[0]}: __NULL__."
            )
        for field in sorted(fields.keys() - schema["properties"].keys() - OPTIONS):
            if near := get_close_matches(field, schema["properties"], n=1, cutoff=ALIKE):
                yield f"{field} is a new column, and {near[0]} goes out as it is. Is that meant?"


def entries_of(maps: Mapping[str, Any], stream: str) -> list[str]:
    """Return the names of the entries that are of this stream alone, those apart that take it out."""
    return [name for name, fields in maps.items() if isinstance(fields, dict) and _source(name, fields) == stream]


def mapped_fields(maps: Mapping[str, Any], stream: str) -> set[str]:
    """Return the fields of a stream that maps change or take out."""
    return {field for fields in _of_stream(maps, stream) for field in fields if field not in OPTIONS}


def read_fields(maps: Mapping[str, Any], stream: str) -> set[str] | None:
    """Return the fields of a stream that maps change or expressions name; None if an expression may read any."""
    read = mapped_fields(maps, stream)
    for fields in _of_stream(maps, stream):
        for expression in _expressions(fields):
            nodes = list(ast.walk(ast.parse(expression, mode="eval")))
            names = [node.id for node in nodes if isinstance(node, ast.Name)]
            of_record = [path[1] for path in map(_path, nodes) if len(path) == 2 and path[0] in RECORD]  # noqa: PLR2004
            if sum(name in RECORD for name in names) > sum(name not in METHODS for name in of_record):
                return None
            read.update(names, of_record)
    return read


def decoded(record: bytes | bytearray, read: Collection[str] | None) -> dict[str, Any]:
    """Return a record: what is read as values, all else as its own bytes, which costs less and changes nothing."""
    if read is None:
        return lossless_json.decode_object(record)
    found: dict[str, Any] = lossless_json.members(record)
    for name in read & found.keys():
        found[name] = lossless_json.decode(found[name])
    return found


def without(unmapped: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Return what `unmapped` holds but for values of these fields: a map has changed them, or taken them out."""
    return {path: value for path, value in unmapped.items() if re.split(r"[.\[]", path)[0] not in fields}


def _of_stream(maps: Mapping[str, Any], stream: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of a stream."""
    for name, fields in maps.items():
        if isinstance(fields, dict) and fnmatch(stream, _source(name, fields)):
            yield fields


def _expressions(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the expressions of an entry."""
    for field, one in fields.items():
        if isinstance(one, str) and one != NULL_STRING and (field == "__filter__" or field not in OPTIONS):
            yield one


def _source(name: str, fields: Any) -> str:
    """Return of which streams an entry is: a name, or a pattern of names."""
    source: str = fields.get("__source__", name) if isinstance(fields, dict) else name
    return source


def _paths(expression: str) -> set[Path]:
    """Return what an expression names: a field, or one within it, as `("customerRef", "name")`.

    Raises:
        SyntaxError: it is no expression. ValueError, RecursionError, MemoryError: Python can't read it.
    """
    nodes = list(ast.walk(ast.parse(expression, mode="eval")))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    paths = {path for node in nodes if (path := _path(node)) and path[0] not in own}
    of_record = {path[1:] for path in paths if path[0] in RECORD and path[1:]}
    return {path for path in paths if path[0] not in RECORD} | {path for path in of_record if path[0] not in METHODS}


def _path(node: ast.AST) -> Path:
    """Return what a part of an expression names; nothing if it is anything else."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=of, attr=name) | ast.Subscript(value=of, slice=ast.Constant(value=str() as name)):
            return (*above, name) if (above := _path(of)) else ()
        case ast.Call(func=ast.Attribute(value=of, attr="get"), args=[ast.Constant(value=str() as name), *_]):
            return (*above, name) if (above := _path(of)) else ()
    return ()


def _named_twice(maps: Mapping[str, Any], streams: Collection[str]) -> Iterator[str]:
    """Yield a line for each stream that several entries are of: the SDK goes by the last of them alone."""
    for stream in streams:
        names = [name for name, fields in maps.items() if _source(name, fields) == name and fnmatch(stream, name)]
        if len(names) > 1:
            yield f"stream_maps: {' and '.join(map(repr, names))} are both of {stream}; put them into one entry"


def check_names(made: Iterable[StreamMap]) -> None:
    """Check that no two streams get one name: a target would take them for one.

    Args:
        made: all stream maps of all streams.

    Raises:
        SettingsError: they do.
    """
    names = Counter(one.stream_alias for one in made if not isinstance(one, RemoveRecordTransform))
    twice = [(name, number) for name, number in names.items() if number > 1]
    if twice:
        line = "stream_maps: {1} streams would have the name {0!r}; give each one of its own"
        raise SettingsError([line.format(*one) for one in twice])


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
