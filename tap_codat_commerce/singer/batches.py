"""BATCH: records in files, for targets that load files.

The SDK's writers take objects, where records are JSON already; and that of Parquet keeps only the fields that the first
record has, and drops all others without a word.
"""

from __future__ import annotations

import gzip
import importlib.util
import re
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import fsspec
from singer_sdk.batch import lazy_chunked_generator

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.redaction import quoted
from tap_codat_commerce.records.fields import plain
from tap_codat_commerce.sync.run_summary import RecordError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa
    from singer_sdk.helpers._batch import BatchConfig

    from tap_codat_commerce.records.fields import Schema

TAP = "tap-codat-commerce"
WHOLE, FRACTION = 20, 18
"""Digits before and after the point in the numbers of a Parquet file; more only in files that need them."""
MOST_DIGITS = 76
"""Digits of the longest decimal that pyarrow can write."""

PARTS = {
    "": {"encoding", "storage", "batch_size"},
    "encoding": {"format", "compression"},
    "storage": {"root", "prefix", "params"},
}
"""The keys that `batch_config` may hold, and those of its parts."""


def problem(config: Mapping[str, Any]) -> str | None:
    """Return what can't work about the setting `batch_config`, None if all can; its types are checked already."""
    encoding, root = config.get("encoding") or {}, (config.get("storage") or {}).get("root")
    form, compression = encoding.get("format"), encoding.get("compression")
    if form is None or not root:
        return "needs encoding.format (jsonl or parquet) and storage.root (as file:///var/tmp/codat)"
    if form == "jsonl" and compression != "gzip":
        return "with the format jsonl, encoding.compression has to be gzip: the files always are"
    if form == "parquet" and not importlib.util.find_spec("pyarrow"):
        return "the format parquet needs pyarrow beside the tap: pip install pyarrow"
    for part, known in PARTS.items():
        inside = config[part] if part else config
        if unknown := sorted(inside.keys() - known):
            return f"there is no {unknown[0]} in {part or 'it'}; there are {', '.join(sorted(known))}"
    size = config.get("batch_size", 1)
    if not isinstance(size, int) or size < 1:
        return "batch_size has to be a number of records, at least 1"
    if str(root).startswith("file://") and not str(root).startswith("file:///"):
        return "storage.root: after file: there have to be three slashes; with two, it would be a folder of this one"
    try:
        fsspec.core.url_to_fs(root)
    except Exception as exc:  # noqa: BLE001 - each kind of storage has errors of its own
        return f"storage.root: {_without_login(exc)}"
    return None


def written(
    stream: str, records: Iterable[bytes | bytearray], config: BatchConfig, schema: Schema
) -> Iterator[list[str]]:
    """Write records into files; yield the addresses of files as they are finished.

    Args:
        stream: the stream's name.
        records: as they would be in RECORD messages, as JSON on one line.
        config: format and place of the files.
        schema: the records' schema.

    Raises:
        RecordError: a record has no place in such a file.
        RunError: a file can't be written.
    """
    own: list[Exception] = []

    def passed() -> Iterator[bytes | bytearray]:
        try:
            yield from records
        except Exception as exc:
            own.append(exc)
            raise

    storage, compression = config.storage, config.encoding.compression
    head = f"{storage.prefix or ''}{TAP}--{stream}-{uuid4()}"
    try:
        for number, chunk in enumerate(lazy_chunked_generator(passed(), config.batch_size), start=1):
            table = _table(stream, chunk, schema) if is_parquet(config) else None
            name = f"{head}-{number}.{'json.gz' if table is None else 'parquet'}"
            with storage.open(name, "wb") as file:
                if table is None:
                    _write_lines(file, chunk)
                else:
                    _write_table(file, table, compression)
            yield [storage.get_url(name)]
    except RunError:
        raise
    except Exception as exc:  # each kind of storage has errors of its own
        if exc in own:
            raise
        msg = f"batch_config: a file in {_without_login(config.storage.root)} can't be written: {_without_login(exc)}"
        raise RunError(msg) from exc


def _without_login(text: object) -> str:
    """Return a text on one line, addresses in it without the name and password that may stand before the host."""
    return " ".join(re.sub(r"(?<=//)[^/\s@]*@", "", str(text)).split())


def is_parquet(config: BatchConfig) -> bool:
    """Say whether the files are to be Parquet."""
    return config.encoding.format == "parquet"


def _write_lines(file: IO[bytes], records: Iterable[bytes | bytearray]) -> None:
    with gzip.GzipFile(fileobj=file, mode="wb") as lines:
        lines.writelines(record + b"\n" for record in records)


def _write_table(file: IO[bytes], table: pa.Table, compression: str | None) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    pq.write_table(table, file, compression="gzip" if compression == "gzip" else "snappy")


def _table(stream: str, records: Iterable[bytes | bytearray], schema: Schema) -> pa.Table:
    """Return records, given as JSON, as a table.

    Raises:
        RecordError: one of them fits no Parquet type.
    """
    import pyarrow as pa  # noqa: PLC0415 - an extra

    digits, columns, rows = Digits(), column(schema), []
    where = f"records of {stream} fit"
    try:
        for record in map(lossless_json.decode_object, records):
            where = f"record {quoted(str(record['id']))} of {stream} fits" if record.get("id") else where
            rows.append(prepared(record, columns, digits))
        where = f"records of {stream} fit"
        return pa.Table.from_pylist(rows, schema=pa.schema(list(arrow_type(columns, digits.arrow_type()))))
    except (pa.ArrowException, ArithmeticError, AttributeError, TypeError, ValueError) as exc:
        msg = f"batch_config: {where} no Parquet type, use the format jsonl: {exc}."
        raise RecordError(msg) from exc


class Digits:
    """How many digits the numbers of a file have, before and after the point."""

    def __init__(self) -> None:
        """Begin with the digits that every file has room for."""
        self.whole, self.fraction = WHOLE, FRACTION

    def see(self, number: Decimal) -> Decimal:
        """Take note of a number, and return it.

        Raises:
            ValueError: no decimal is long enough for it and for those before.
        """
        _, digits, exponent = number.as_tuple()
        if isinstance(exponent, int):
            self.fraction = max(self.fraction, -exponent)
            self.whole = max(self.whole, len(digits) + exponent)
        if self.whole + self.fraction > MOST_DIGITS:
            msg = f"a decimal of {self.whole + self.fraction} digits"
            raise ValueError(msg)
        return number

    def arrow_type(self) -> pa.DataType:
        """Return the type that keeps every digit of all numbers seen."""
        import pyarrow as pa  # noqa: PLC0415 - an extra

        precision = self.whole + self.fraction
        return (pa.decimal128 if precision <= WHOLE + FRACTION else pa.decimal256)(precision, self.fraction)


def column(schema: Schema) -> Schema:
    """Return a schema in which every type is the one that Parquet has; none is said where values become JSON text."""
    found = plain(schema)
    kind = found.get("type")
    if kind == "object" and (fields := found.get("properties")):
        return {"type": kind, "properties": {name: column(field) for name, field in fields.items()}}
    if kind == "array" and (items := found.get("items")):
        return {"type": kind, "items": column(items)}
    return {} if kind in {None, "object", "array"} else {"type": kind}


def declared(schema: Schema) -> Schema:
    """Return the schema of a stream's Parquet files, where objects of free content are JSON text."""
    found = plain(schema)
    match column(schema):
        case {"properties": _}:
            return {**schema, "properties": {name: declared(field) for name, field in found["properties"].items()}}
        case {"items": _}:
            return {**schema, "items": declared(found["items"])}
        case {"type": _}:
            return schema
    return {**{k: v for k, v in schema.items() if k == "description"}, "type": ["string", "null"]}


def prepared(value: Any, schema: Schema, digits: Digits) -> Any:
    """Return a value in the form that its column takes.

    Raises:
        ValueError: a field has no column.
    """
    if value is None:
        return None
    kind = schema.get("type")
    if kind == "object":
        fields = schema["properties"]
        if lost := [name for name in value.keys() - fields.keys() if value[name] is not None]:
            msg = f"there is no column for {', '.join(sorted(lost))}"
            raise ValueError(msg)
        return {name: prepared(value[name], field, digits) for name, field in fields.items() if name in value}
    if kind == "array":
        return [prepared(item, schema["items"], digits) for item in value]
    if kind is None:
        return lossless_json.encode(value).decode()
    return digits.see(Decimal(value)) if kind == "number" else value


def arrow_type(schema: Schema, number: pa.DataType) -> pa.DataType:
    """Return the type of a column; dates are text, as in RECORD messages."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    kind = schema.get("type", "")
    if kind == "object":
        return pa.struct([(name, arrow_type(field, number)) for name, field in schema["properties"].items()])
    if kind == "array":
        return pa.list_(arrow_type(schema["items"], number))
    return {"number": number, "integer": pa.int64(), "boolean": pa.bool_()}.get(kind, pa.string())
