"""Flattening, where the SDK leaves a field that is in no column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Record

    from tap_codat_commerce.records.fields import Schema


def filled(record: Record, schema: Schema, depth: int) -> Record:
    """Return a record whose null objects are objects of nulls, as deep as they are flattened.

    The SDK keeps a null object under its own name, which the flattened schema does not have: some targets refuse
    such a record, and its columns would be missing where they should be null.
    """
    found = dict(record)
    for name, field in schema["properties"].items() if depth else ():
        if name in found and (fields := field.get("properties")):
            found[name] = filled(found[name] or dict.fromkeys(fields), field, depth - 1)
    return found
