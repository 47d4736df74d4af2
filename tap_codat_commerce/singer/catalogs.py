"""The catalog that a run is given: what the tap can't go by is refused before the first request."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_codat_commerce.records.fields import plain
from tap_codat_commerce.singer.errors import InputError, did_you_mean, no_such_stream
from tap_codat_commerce.singer.inputs import described

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from singer_sdk.singerlib import Catalog, CatalogEntry

    from tap_codat_commerce.records.fields import Schema

FULL_TABLE = "FULL_TABLE"
METHOD = {"enum": [FULL_TABLE, "INCREMENTAL", None]}
METADATA = {
    "type": "object",
    "required": ["breadcrumb", "metadata"],
    "properties": {
        "breadcrumb": {"type": "array", "items": {"type": "string"}},
        "metadata": {
            "type": "object",
            "properties": {
                "replication-method": METHOD,
                "forced-replication-method": METHOD,
                "selected": {"type": ["boolean", "null"]},
                "table-key-properties": {"type": ["array", "null"], "items": {"type": "string"}},
            },
        },
    },
}
ENTRY = {
    "type": "object",
    "required": ["tap_stream_id", "schema"],
    "properties": {
        "tap_stream_id": {"type": "string"},
        "stream": {"type": ["string", "null"]},
        "schema": {
            "type": "object",
            "required": ["properties"],
            "$ref": "https://json-schema.org/draft/2020-12/schema",
        },
        "key_properties": {"type": ["array", "null"], "items": {"type": "string"}},
        "replication_method": METHOD,
        "metadata": {"type": "array", "items": METADATA},
    },
}
CATALOG = {
    "type": "object",
    "required": ["streams"],
    "properties": {"streams": {"type": "array", "items": ENTRY}},
}
"""What a catalog has to be, as JSON Schema."""
READ = {"type", "properties", "required", "items", "additionalProperties", "anyOf", "oneOf", "format"}
"""Words of JSON Schema that records are made by. By the others they can't be: they would break them."""
FORMATS = {"date-time", "singer.decimal"}
REMEDY = "--discover makes a new catalog"


def checked(catalog: Any) -> Any:
    """Return a catalog in the form that the SDK takes, FULL_TABLE in its place: Meltano writes it into the metadata.

    Raises:
        InputError: it is no catalog, or has a schema that the tap can't make records by.
    """
    for error in DEFAULT_JSONSCHEMA_VALIDATOR(CATALOG).iter_errors(catalog):
        raise _refusal(catalog, list(error.absolute_path), described(error))
    names = Counter(entry["tap_stream_id"] for entry in catalog["streams"])
    if twice := next((name for name, count in names.items() if count > 1), None):
        msg = f"catalog: {twice}: it is listed twice. {REMEDY}."
        raise InputError(msg)
    for number, entry in enumerate(catalog["streams"]):
        for path, what in _unread(entry["schema"]):
            raise _refusal(catalog, ["streams", number, "schema", *path], what)
        if against := _not_gone_by(entry):
            msg = f"catalog: {entry['tap_stream_id']}: {against}. {REMEDY}."
            raise InputError(msg)
        root = [m["metadata"] for m in entry.get("metadata", ()) if not m["breadcrumb"]]
        if any(FULL_TABLE in (m.get("replication-method"), m.get("forced-replication-method")) for m in root):
            entry["replication_method"] = FULL_TABLE
    return catalog


def _not_gone_by(entry: dict[str, Any]) -> str | None:
    """Return what of an entry is meant to do something, and does not: only its metadata are gone by, each once."""
    if entry.get("stream") not in {None, entry["tap_stream_id"]}:
        return "'stream' gives it no other name: __alias__ in stream_maps does"
    places = [tuple(m["breadcrumb"]) for m in entry.get("metadata", ())]
    if twice := next((place for place, number in Counter(places).items() if number > 1), None):
        return f"two entries of its metadata are of {'.'.join(twice[1::2]) or 'the stream'}"
    gone = {tuple(m["breadcrumb"]) for m in entry.get("metadata", ()) if m["metadata"].get("selected") is False}
    for name, field in entry["schema"]["properties"].items():
        if isinstance(field, dict) and field.get("selected") is False and ("properties", name) not in gone:
            return f"'selected' counts in its metadata alone, not in its schema ({name})"
    if entry.get("selected") is False and () not in gone:  # Meltano writes it in both places
        return "'selected' counts in its metadata alone, not in the stream"
    return None


def check_selection(catalog: Catalog, schemas: Mapping[str, Schema]) -> None:
    """Check that whatever is deselected is there.

    Raises:
        InputError: a breadcrumb leads to no field that can be left out.
    """
    for name, entry in catalog.items():
        for place, metadata in entry.metadata.items():
            if place and metadata.selected is False and name in schemas and not _leads_somewhere(schemas[name], place):
                known = schemas[name]["properties"]
                hint = did_you_mean(place[1] if len(place) > 1 else place[0], known)
                msg = f"catalog: {name}: no field can be left out at {list(place)}{hint}. {REMEDY}."
                raise InputError(msg)


def _leads_somewhere(schema: Schema, place: Sequence[str]) -> bool:
    """Say whether a breadcrumb leads to a field: within arrays, none can be left out."""
    for word, name in zip(place[::2], place[1::2], strict=False):
        if word != "properties" or name not in schema.get("properties", {}):
            return False
        schema = schema["properties"][name]
    return len(place) % 2 == 0


def check_names(catalog: Catalog, streams: Collection[str]) -> None:
    """Check that all that is selected are streams of the tap.

    Raises:
        InputError: one is not.
    """
    for name, entry in catalog.items():
        if name not in streams and entry.metadata.resolve_selection().get((), True):
            msg = f"catalog: {no_such_stream(name, streams)}. {REMEDY}."
            raise InputError(msg)


def check_replication_key(entry: CatalogEntry | None, known: str | None) -> None:
    """Check that the catalog names no other replication key than that of the stream; one without any is read whole.

    Raises:
        InputError: it does, in the entry or in its metadata.
    """
    if entry is None or known is None:
        return
    for key in (entry.replication_key, getattr(entry.metadata.get(()), "replication_key", None)):
        if key not in {None, known}:
            why = f"Codat can be asked for what is new by {known} alone"
            msg = f"catalog: {entry.tap_stream_id}: {key} can't be its replication key, as {why}. Leave that out."
            raise InputError(msg)


def check_keys(stream: str, keys: Collection[str], more: Collection[str], schema: Schema) -> None:
    """Check that a stream's schema has its keys.

    Args:
        stream: the stream's name.
        keys: the stream's own, which are text.
        more: those that the catalog names.
        schema: of the selected fields.

    Raises:
        InputError: it has not.
    """
    fields = schema["properties"]
    for key in (*keys, *more):
        if key not in fields or (key in keys and plain(fields[key]).get("type") != "string"):
            kind = ", of the type string" if key in keys else ""
            msg = f"catalog: {stream}: {key} is a key: it has to be in schema.properties{kind}, and selected. {REMEDY}."
            raise InputError(msg)


def with_nulls(schema: Schema, keys: Collection[str]) -> Schema:
    """Return the schema of a catalog in which only keys are required, and all else may be null: Codat may leave it out.

    Args:
        schema: of a stream, whose fields the user may have edited.
        keys: the stream's.
    """
    fields = {name: field if name in keys else _or_null(field) for name, field in schema["properties"].items()}
    return {**schema, "properties": fields, "required": [name for name in fields if name in keys]}


def _or_null(schema: Schema) -> Schema:
    found = {word: value for word, value in _within(schema).items() if word != "required"}
    kinds = found.get("type", "null")
    if "null" not in kinds:
        found["type"] = [kinds, "null"] if isinstance(kinds, str) else [*kinds, "null"]
    for word in {"anyOf", "oneOf"} & found.keys():
        if not any("null" in part.get("type", "null") for part in found[word]):
            found[word] = [*found[word], {"type": "null"}]
    return found


def _within(schema: Schema) -> Schema:
    """Return a schema in which whatever is within its values may be null."""
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {name: _or_null(field) for name, field in schema["properties"].items()}
    for word in {"items", "additionalProperties"} & schema.keys():
        found[word] = _or_null(schema[word]) if isinstance(schema[word], dict) else schema[word]
    for word in {"anyOf", "oneOf"} & schema.keys():
        found[word] = [{w: v for w, v in _within(part).items() if w != "required"} for part in schema[word]]
    return found


def _unread(schema: Any) -> Iterator[tuple[list[str | int], str]]:
    """Yield the place of each part of a valid JSON Schema that the tap can't make records by, and what it is."""
    if not isinstance(schema, dict):
        yield [], "is true or false, where the tap needs an object: {} for anything"
        return
    for word in sorted((DEFAULT_JSONSCHEMA_VALIDATOR.VALIDATORS.keys() & schema.keys()) - READ):
        yield [], f"has {word}, by which the tap can't make records"
    if schema.get("format", "date-time") not in FORMATS:
        yield [], f"has format {schema['format']}, by which the tap can't make records"
    parts: list[tuple[list[str | int], Any]] = [(["properties", n], s) for n, s in schema.get("properties", {}).items()]
    parts += [([word, n], s) for word in ("anyOf", "oneOf") for n, s in enumerate(schema.get(word, ()))]
    parts += [([word], schema[word]) for word in ("items", "additionalProperties") if word in schema]
    for place, part in parts:
        if place != ["additionalProperties"] or not isinstance(part, bool):
            yield from (([*place, *path], what) for path, what in _unread(part))


def _refusal(catalog: Any, path: list[Any], what: str) -> InputError:
    """Return the error, with the stream by its name where the path leads into one."""
    where = ["catalog"]
    if len(path) > 1:
        entry, path = catalog["streams"][path[1]], path[2:]
        where.append(str(entry.get("tap_stream_id", "a stream")) if isinstance(entry, dict) else "a stream")
    return InputError(": ".join([*where, *filter(None, [".".join(map(str, path))]), f"{what}. {REMEDY}."]))
