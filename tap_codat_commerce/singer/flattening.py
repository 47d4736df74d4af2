"""Flattening of null objects, for which the SDK leaves a field that no column has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Record

    from tap_codat_commerce.records.fields import Schema


def filled(record: Record, schema: Schema, depth: int) -> Record:
    """Return a record with objects of nulls in place of null objects, down to the depth of flattening.

    The SDK keeps a null object under its own name, which the flattened schema does not have. Some targets refuse
    such a record; and the object's columns are missing, where they should be null.
    """
    found = dict(record)
    for name, field in schema["properties"].items() if depth else ():
        if name in found and (fields := field.get("properties")):
            found[name] = filled(found[name] or dict.fromkeys(fields), field, depth - 1)
    return found
