"""Makes of the tap's schemas what the dbt package knows of them: its sources, a staging view for each stream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tap_codat_commerce.records.schemas import with_unmapped
from tap_codat_commerce.singer.data_set_stream import DataSetStream
from tap_codat_commerce.tap import TapCodatCommerce
from tools import dictionary
from tools.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODELS = ROOT / "transform" / "models"
MADE = "Made by dev.py docs of the tap's schemas"
KINDS = {"date-time": "timestamp", "string": "text", "object": "json", "array": "json"}
"""Formats and types as the package's macros name them, where JSON Schema has another name."""
RENAMED = {
    "companies": {"id": "company_id"},
    "connections": {"id": "connection_id"},
    "reads": {"full": "is_full", "arrived": "has_arrived"},
}
"""Ids that have another name wherever they are referred to, and flags that SQL has a word for."""
LEFT_OUT = {"companies": {"redirect"}, "connections": {"linkUrl"}}
"""Links by which whoever has them can act for a merchant."""
READ_AT = "When the tap read the row, in UTC; null if it came by BATCH."


def files() -> dict[Path, str]:
    """Return the files as they should be."""
    streams = {stream["stream"]: stream for stream in dictionary.streams()}
    schemas = {name: with_unmapped(stream["schema"]) for name, stream in streams.items()}
    models = [model(name, schema, streams[name]["key_properties"]) for name, schema in schemas.items()]
    views = {MODELS / "staging" / f"stg_codat__{name}.sql": view(name, schema) for name, schema in schemas.items()}
    return {
        **views,
        MODELS.parent / "macros" / "data_sets.sql": data_sets(list(schemas)),
        MODELS / "sources.yml": text({"version": 2, "sources": [sources(schemas)]}),
        MODELS / "staging" / "staging.yml": text({"version": 2, "models": models}),
    }


def text(content: dict[str, Any]) -> str:
    """Return a file of YAML."""
    return f"# {MADE}.\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def sources(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the loader's tables."""
    return {
        "name": "codat",
        "description": "What tap-codat-commerce reads, as the loader has written it.",
        "database": "{{ var('codat_database', 'loaded' if target.type == 'duckdb' else target.database) }}",
        "schema": "{{ var('codat_schema', 'codat') }}",
        "tables": [table(*one) for one in schemas.items()],
    }


def table(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a table of the loader's."""
    said = {name: inner["description"] for name, inner in schema["properties"].items()} | {"_sdc_extracted_at": READ_AT}
    columns = [{"name": name, "description": meaning, "quote": True} for name, meaning in said.items()]
    found = described(name, dictionary.MEANINGS[name][0], columns)
    if name in FRESH:
        found["config"] = {"loaded_at_field": f'"{FRESH[name]}"', "freshness": {**FRESHNESS}}
    return found


FRESH = {"reads": "endedAt", "data_status": "lastSuccessfulSync"}
"""Columns that say how fresh everything is."""
FRESHNESS = {
    "warn_after": {"count": 2, "period": "day"},
    "error_after": {"count": "{{ var('codat_proven_within_days', 7) | int }}", "period": "day"},
}


def described(name: str, meaning: str, columns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is said of a table or a view."""
    return {"name": name, "description": meaning, "columns": columns}


def data_type(stream: str) -> str | None:
    """Return the data type of a stream's data set; None if it is no data set's."""
    made = TapCodatCommerce(config={"api_key": "-"}).streams[stream]
    return made.data_set.data_type if isinstance(made, DataSetStream) else None


def data_sets(streams: list[str]) -> str:
    """Return the macro that tells which streams are data sets."""
    lines = [f"    '{stream}': '{of_type}'," for stream in streams if (of_type := data_type(stream))]
    begin = [f"{{#- {MADE}: the data type at Codat of each stream that is a data set. -#}}", ""]
    return "\n".join([*begin, "{% macro data_sets() %}{{ return({", *lines, "}) }}{% endmacro %}", ""])


def view(stream: str, schema: dict[str, Any]) -> str:
    """Return the SQL of a stream's staging view."""
    lines = [f"    ['{n}', '{kind}', {', '.join(map(repr, path))}]," for n, kind, path, _ in columns(stream, schema)]
    return "\n".join([f"{{{{ codat_commerce.staging('{stream}', [", *lines, "]) }}", ""])


def model(stream: str, schema: dict[str, Any], key: list[str]) -> dict[str, Any]:
    """Return what is said of a stream's staging view, and what is tested."""
    found = list(columns(stream, schema))
    names = {path[0]: name for name, _, path, _ in found if len(path) == 1}
    said = [{"name": n, "description": text, **tests(path, text)} for n, _, path, text in found]
    gone = " Without what is gone." if stream == "connections" or data_type(stream) else ""
    meaning = f"{dictionary.MEANINGS[stream][0]}{gone}"
    model = described(f"stg_codat__{stream}", meaning, [*said, {"name": "extracted_at", "description": READ_AT}])
    return model | {"data_tests": [{"unique_key": {"arguments": {"columns": [names[k] for k in key]}}}]}


def tests(path: list[str], meaning: str) -> dict[str, Any]:
    """Return what is tested of a column: values that are known, references that lead somewhere."""
    if known := re.search(r": (.*), or what Codat adds\.$", meaning):
        values = {"arguments": {"values": known[1].split(", ")}, "config": {"severity": "warn"}}
        return {"data_tests": [{"accepted_values": values}]}
    to = dictionary.leads_to(".".join(path), meaning)
    if to and len(path) > 1 and to not in RENAMED:
        return {"data_tests": [{"refers_to": {"arguments": {"to": f"ref('stg_codat__{to}')"}}}]}
    return {}


def columns(stream: str, schema: dict[str, Any]) -> Iterator[tuple[str, str, list[str], str]]:
    """Yield name, type, path and meaning of each column of a staging view: objects of known names are columns."""
    shown = {n: s for n, s in schema["properties"].items() if n not in LEFT_OUT.get(stream, ())}
    for path, inner in leaves({"properties": shown}):
        (kind,) = (t for t in inner["type"] if t != "null")
        name = "_".join(map(snake, path))
        name = RENAMED.get(stream, {}).get(name, name)
        kind = inner.get("format", kind)
        yield name, KINDS.get(kind, kind), path, inner["description"]


def leaves(schema: dict[str, Any]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield path and schema of all that is no object of known names."""
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            yield from (([name, *path], leaf) for path, leaf in leaves(inner))
        else:
            yield [name], inner


def snake(name: str) -> str:
    """Return a name in snake_case; of a reference without its `Ref`, as its `id` follows."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"Ref$", "", name)).lower()
