"""Checks the settings before the first request. Each problem is one line, which names the setting."""

from __future__ import annotations

import base64
import ipaddress
import re
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk.plugin_base import JSONSchemaValidator

from tap_codat_commerce.codat import query
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.records.dates import utc
from tap_codat_commerce.records.schemas import COMPANIES
from tap_codat_commerce.singer import batches
from tap_codat_commerce.singer.errors import did_you_mean
from tap_codat_commerce.singer.inputs import described

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError

CONNECTION_STATUSES = ("Linked", "Deauthorized", "Unlinked", "PendingAuth")

LONGEST_KEY = 1000


def all_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return a line for each problem of a configuration.

    Args:
        config: the settings as given.
        schema: the JSON schema of all settings, the SDK's own included.
    """
    try:
        misfits = [shape_problem(error) for error in JSONSchemaValidator(schema).iter_errors(config)]
    except AttributeError:  # where the SDK's schema of stream_maps is none: only __else__ gets there
        misfits = ["stream_maps: __else__ may only be null"]
    return misfits or list(problems(config, schema["properties"]))


def shape_problem(error: ValidationError) -> str:
    """Return the line for a value that does not fit the settings' JSON schema."""
    what = described(error)
    if not error.path:
        how = (
            "set TAP_CODAT_COMMERCE_API_KEY, or put it into a file, and name that with --config: "
            "beside a file, the environment is read only with --config ENV"
        )
        return what.replace(" is missing", f": is required but not set; {how}")
    return f"{'.'.join(map(str, error.path))}: {what}"


def problems(config: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each problem that the JSON schema does not find.

    Args:
        config: the settings as given, already of the right types.
        known: all settings by name, the SDK's own included.
    """
    for name in config.keys() - known.keys():
        yield f"{name}: there is no such setting{did_you_mean(name, known)}"
    for name, check in CHECKS.items():
        if config.get(name) is not None and (problem := check(config[name])):
            yield f"{name}: {problem}"
    if config.get("flattening_enabled") and (config.get("flattening_max_depth") or 0) < 1:
        yield "flattening_max_depth: has to be at least 1, as flattening_enabled is true"
    index, count = config.get("shard_index") or 0, config.get("shard_count") or 1
    if index >= count:
        yield f"shard_index: {index} is none of the {count} shards (shard_count), which are counted from 0"


def _api_key(value: str) -> str | None:
    if not value.strip():
        return "is empty; set it to a Codat API key (Codat Portal, Developers, API keys)"
    scheme, _, encoded = value.strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            base64.b64decode(encoded.strip(), validate=True)
        except ValueError:
            return "starts with 'Basic' but what follows is no base64; copy the whole header, or the raw key"
        return None if encoded.strip() else "holds only the word 'Basic'; copy the whole header, or the raw key"
    if len(value) > LONGEST_KEY:
        return f"is longer than {LONGEST_KEY} characters; copy the key alone"
    if not value.strip().isascii() or not value.strip().isprintable() or " " in value.strip():
        return "holds blanks or characters that no key has; copy it again"
    return None


def _api_url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        return f"is no URL ({exc})"
    if parts.scheme not in {"http", "https"} or not host:
        return "is no URL of the form https://host"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "may hold only scheme, host, port and path"
    if parts.scheme == "http" and not _is_loopback(host):
        return "is plain http, which would send the key unencrypted; use https"
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _start_date(value: str) -> str | None:
    try:
        begin = utc(value)
    except ValueError:
        return "is no date, for example 2026-01-31 or 2026-01-31T06:00:00Z"
    if begin and datetime.fromisoformat(begin) > utc_now() + timedelta(days=1):
        return "is in the future, so that nothing would be read; check the year"
    return None if begin else "is empty"


def _company_ids(values: list[str]) -> str | None:
    for number, value in enumerate(values, start=1):
        try:
            uuid.UUID(value)
        except ValueError:
            return f"item {number} is no UUID"
    return None if values else "is an empty list, which would read nothing; leave it out to read all companies"


def _company_tags(value: str) -> str | None:
    if not value.strip():
        return "is empty; leave it out to read all companies"
    if not value.isprintable():
        return "holds a character that can't be sent"
    return f"has more than {query.MAX_LENGTH} characters" if len(value) > query.MAX_LENGTH else None


def _company_query(value: str) -> str | None:
    fields = {name.lower() for name in (*COMPANIES["properties"], "dataConnections")} - {"tags"}
    for name in query.names(value):
        if name.partition(".")[0].lower() not in fields:
            return f"companies have no field {name}; conditions on their tags go into company_tags"
    return _company_tags(value)


def _integration_keys(values: list[str]) -> str | None:
    for number, value in enumerate(values, start=1):
        if not re.fullmatch("[a-z]{4}", value):
            return f"item {number} is no platform key: four small letters, for example fztf for Shopify"
    return None if values else "is an empty list, which would read nothing; leave it out to read all platforms"


def _connection_statuses(values: list[str]) -> str | None:
    for number, value in enumerate(values, start=1):
        if value not in CONNECTION_STATUSES:
            return f"item {number} is none of {', '.join(CONNECTION_STATUSES)}"
    return None if values else "is an empty list, which would read nothing"


def _stream_maps(value: dict[str, Any]) -> str | None:
    for name, mapped in value.items():
        if mapped == {} and "__else__" not in value:  # beside that, it is how a stream is kept
            return (
                f"{name} says nothing to do. Meltano drops null within objects: "
                "write __NULL__ instead of null to leave a field out"
            )
    return None


CHECKS: dict[str, Any] = {
    "api_key": _api_key,
    "api_url": _api_url,
    "start_date": _start_date,
    "company_ids": _company_ids,
    "company_query": _company_query,
    "company_tags": _company_tags,
    "integration_keys": _integration_keys,
    "connection_statuses": _connection_statuses,
    "batch_config": batches.problem,
    "stream_maps": _stream_maps,
}
