"""The kinds of fields that records are made of, as Singer JSON Schema.

Only keys are required; everything else may be null, array items included.
"""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

Schema = dict[str, Any]


def text(name: str, description: str, *, key: bool = False) -> th.Property[str]:
    """Return a string field."""
    return th.Property(name, th.StringType, required=key, description=description)


def date(name: str, description: str) -> th.Property[str]:
    """Return a field with a date in UTC."""
    return th.Property(name, th.DateTimeType, description=description)


def decimal(name: str, description: str) -> th.Property[float]:
    """Return a field with a number of any precision."""
    return th.Property(name, th.DecimalType, description=description)


def flag(name: str, description: str) -> th.Property[bool]:
    """Return a field that is true or false."""
    return th.Property(name, th.BooleanType, description=description)


def group(name: str, description: str, *fields: th.Property[Any]) -> th.Property[Any]:
    """Return a field with an object of named fields."""
    return th.Property(name, th.ObjectType(*fields, additional_properties=None), description=description)


def rows(name: str, description: str, *fields: th.Property[Any]) -> th.Property[Any]:
    """Return a field with an array of objects."""
    item = th.ObjectType(*fields, additional_properties=None, nullable=True)
    return th.Property(name, th.ArrayType(item), description=description)


def texts(name: str, description: str) -> th.Property[Any]:
    """Return a field with an array of strings."""
    return th.Property(name, th.ArrayType(th.StringType(nullable=True)), description=description)


def free(values: object) -> th.CustomType:
    """Return an object of any names. It has no `properties`: the SDK's flattening drops a field of empty ones."""
    return th.CustomType({"type": ["object", "null"], "additionalProperties": values})


def texts_by_name(name: str, description: str) -> th.Property[Any]:
    """Return a field with an object whose names are the user's or the platform's own, and whose values are strings."""
    return th.Property(name, free(th.StringType(nullable=True).to_dict()), description=description)


def anything(name: str, description: str) -> th.Property[Any]:
    """Return a field with an object of free content."""
    return th.Property(name, free(values=True), description=description)


def record(*fields: th.Property[Any]) -> Schema:
    """Return a stream's schema."""
    return th.PropertiesList(*fields, additional_properties=None).to_dict()


def reference(name: str, to: str) -> th.Property[Any]:
    """Return a field that points to a record of another stream."""
    return group(name, f"The {to}.", text("id", f"Id of the {to}."), text("name", f"Name of the {to}."))


def typed_reference() -> tuple[th.Property[Any], ...]:
    """Return the fields of a pointer to a record of any of several streams."""
    return text("id", "Id of the record."), text("type", "What kind of record it is, as Order or Payment.")
