"""What every run must hold to: each record fits the schema that was sent before it, and no key comes twice."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from jsonschema import Draft7Validator, FormatChecker

from codat_mock.language import ticks
from conftest import DATA_SETS

if TYPE_CHECKING:
    from conftest import Run

KEYS = {
    "companies": ("id",),
    "connections": ("companyId", "id"),
    "data_status": ("companyId", "dataType"),
    "reads": ("companyId", "connectionId", "dataType", "startedAt"),
    "company_info": ("companyId", "connectionId"),
    **{s: ("companyId", "connectionId", "id") for s in DATA_SETS if s != "company_info"},
}


def same_form(value: Any, name: str = "") -> Any:
    """Return a value with its dates as points in time, so that both sides can be compared; the year 1 is no date."""
    if isinstance(value, dict):
        return {k: same_form(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [same_form(v, name) for v in value]
    if name.endswith("Date") and isinstance(value, str):
        return None if value.startswith("0001") else (ticks(value) or 0) // 10
    return value


def assert_valid(run: Run) -> None:
    """Check every record against the schema that was sent before it, dates included."""
    checkers: dict[str, Draft7Validator] = {}
    fields = {m["stream"]: m["schema"]["properties"].keys() for m in run.schemas}
    for message in run.messages:
        if message["type"] == "SCHEMA":
            assert message["stream"] not in checkers, "SCHEMA more than once"
            checkers[message["stream"]] = Draft7Validator(message["schema"], format_checker=FormatChecker())
            assert tuple(message["key_properties"]) == KEYS[message["stream"]]
            assert sorted(message["schema"]["required"]) == sorted(KEYS[message["stream"]])
    for line in run.out.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            checkers[message["stream"]].validate(message["record"])
            assert message["record"].keys() <= fields[message["stream"]]


def assert_unique(run: Run) -> None:
    """Check that no key comes twice."""
    for stream, records in run.records.items():
        keys = Counter(tuple(r[k] for k in KEYS[stream]) for r in records)
        assert max(keys.values()) == 1, stream
