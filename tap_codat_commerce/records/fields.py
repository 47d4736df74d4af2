"""The kinds of fields that records are made of, as JSON Schema.

Only keys are required; everything else may be null, array items included. The SDK's typing helpers are not used, so
that this wing does without Singer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Field:
    """A field with a name: its JSON Schema, and whether every record has it."""

    name: str
    schema: Schema
    required: bool = False


def text(name: str, description: str, *known: str, key: bool = False) -> Field:
    """Return a string field; the values that are known of it are not all that there may be."""
    if known:
        description = f"{description.removesuffix('.')}: {', '.join(known)}, or what Codat adds."
    return Field(name, {"type": ["string"] if key else ["string", "null"], "description": description}, required=key)


def date(name: str, description: str, *, key: bool = False) -> Field:
    """Return a field with a date in UTC."""
    kinds = ["string"] if key else ["string", "null"]
    return Field(name, {"type": kinds, "format": "date-time", "description": description}, required=key)


def decimal(name: str, description: str) -> Field:
    """Return a field with a number of any precision."""
    return Field(name, {"type": ["number", "null"], "description": description})


def integer(name: str, description: str) -> Field:
    """Return a field with a whole number."""
    return Field(name, {"type": ["integer", "null"], "description": description})


def flag(name: str, description: str) -> Field:
    """Return a field that is true or false."""
    return Field(name, {"type": ["boolean", "null"], "description": description})


def group(name: str, description: str, *fields: Field) -> Field:
    """Return a field with an object of named fields."""
    return Field(name, {**_object(fields), "description": description})


def rows(name: str, description: str, *fields: Field) -> Field:
    """Return a field with an array of objects."""
    return Field(name, {"type": ["array", "null"], "items": _object(fields), "description": description})


def texts(name: str, description: str) -> Field:
    """Return a field with an array of strings."""
    items = {"type": ["string", "null"]}
    return Field(name, {"type": ["array", "null"], "items": items, "description": description})


def texts_by_name(name: str, description: str) -> Field:
    """Return a field with an object of strings, under names of the user's or the platform's own."""
    return _free(name, description, {"type": ["string", "null"]})


def anything(name: str, description: str) -> Field:
    """Return a field with an object of free content."""
    return _free(name, description, values=True)


def record(*fields: Field) -> Schema:
    """Return a stream's schema."""
    required = [f.name for f in fields if f.required]
    return {"type": "object", "properties": properties(*fields), "required": required, "$schema": DIALECT}


def reference(name: str, to: str) -> Field:
    """Return a field that refers to a record of another stream."""
    return group(name, f"The {to}.", text("id", f"Id of the {to}."), text("name", f"Name of the {to}."))


def typed_reference() -> tuple[Field, ...]:
    """Return the fields of a reference to a record whose stream varies."""
    kinds = text("type", "What kind of record it is.", "Order", "Payment", "Fee", "ServiceCharge", "Unknown")
    return text("id", "Id of the record."), kinds


def properties(*fields: Field) -> Schema:
    """Return the schemas of fields, by name."""
    return {f.name: f.schema for f in fields}


def alternatives(schema: Schema) -> list[Schema]:
    """Return the schemas, each of one type, of which a value has to fit one; none if it may be anything.

    Without null, unless there is nothing else: every null is passed on.
    """
    if parts := schema.get("anyOf") or schema.get("oneOf"):
        around = {word: value for word, value in schema.items() if word not in {"anyOf", "oneOf"}}
        choices = [alternatives({**around, **part}) for part in parts]
        single = [one for choice in choices for one in choice] if all(choices) else []
    else:
        implied = "object" if "properties" in schema else "array" if "items" in schema else []
        kinds = schema.get("type", implied)
        single = [{**schema, "type": kind} for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return [one for one in single if one["type"] != "null"] or single


def plain(schema: Schema) -> Schema:
    """Return the schema of the one type that a value may have, an empty one if there are several or none is said."""
    choices = alternatives(schema)
    return choices[0] if len(choices) == 1 else {}


def trimmed(own: Schema, given: Schema) -> dict[str, Any]:
    """Return the fields of a schema that another one, made of it, has no more, by name; those within likewise.

    A field that is to be left out has an empty object; nothing is left out of what may have other fields now.
    """
    found: dict[str, Any] = {}
    if "properties" not in given or given.get("additionalProperties"):
        return found
    for name, field in own.get("properties", {}).items():
        kept = given["properties"].get(name)
        within = {} if kept is None else trimmed(*(_of_items(plain(one)) for one in (field, kept)))
        if kept is None or within:
            found[name] = within
    return found


def _of_items(schema: Schema) -> Schema:
    return plain(schema["items"]) if "items" in schema else schema


def _object(fields: tuple[Field, ...]) -> Schema:
    return {"type": ["object", "null"], "properties": properties(*fields)}


def _free(name: str, description: str, values: object) -> Field:
    # Without `properties`: the SDK's flattening drops a field of empty ones.
    return Field(name, {"type": ["object", "null"], "additionalProperties": values, "description": description})
