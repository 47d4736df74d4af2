"""Each stream's catalog entry is a reviewed snapshot: a change of it is a change for every warehouse.

`UPDATE_SNAPSHOTS=1 python -m pytest tests/singer/test_catalog.py` writes them anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from conftest import STREAMS
from tap_codat_commerce.tap import TapCodatCommerce

SNAPSHOTS = Path(__file__).parent / "snapshots"


def lines(schema: dict[str, Any], path: str) -> list[str]:
    """Return a schema as a line for each field: its path and type."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = "|".join(kinds) + (f" ({schema['format']})" if "format" in schema else "")
    more = schema.get("additionalProperties")
    free = f" of {'anything' if more is True else '|'.join(more['type'])}" if more else ""
    found = [f"{path}: {kind}{free}"]
    for name, field in schema.get("properties", {}).items():
        found += lines(field, f"{path}.{name}" if path else name)
    if "items" in schema:
        found += lines(schema["items"], path + "[]")
    return found


@pytest.mark.parametrize("stream", STREAMS)
def test_the_catalog_is_as_reviewed(stream: str) -> None:
    tap = TapCodatCommerce(config={"api_key": "x"})
    entry = next(s for s in json.loads(tap.catalog_json_text)["streams"] if s["stream"] == stream)
    head = [f"{k}: {entry.get(k)}" for k in ("key_properties", "replication_method", "replication_key")]
    text = "\n".join([*head, *lines(entry["schema"], "")[1:]]) + "\n"
    snapshot = SNAPSHOTS / f"{stream}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        snapshot.write_text(text)
    assert snapshot.read_text() == text


def test_there_is_no_snapshot_of_a_stream_that_is_gone() -> None:
    assert {p.stem for p in SNAPSHOTS.iterdir()} == set(STREAMS)
