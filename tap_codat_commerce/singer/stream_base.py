"""The base of all streams: what the SDK's stream knows of schema and selection, and how records and files are written.

The SDK's own loop, `Stream.sync`, is not entered: the tap goes from company to company, and hands its records to each
stream.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
from singer_sdk import Stream
from singer_sdk.helpers._catalog import get_selected_schema, pop_deselected_record_properties
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.redaction import quoted
from tap_codat_commerce.records import schemas
from tap_codat_commerce.records.fields import trimmed
from tap_codat_commerce.records.record_pages import IDS
from tap_codat_commerce.records.shaping import UNMAPPED, RecordShaper, StrayFieldCounter
from tap_codat_commerce.singer import batches, catalogs, stream_maps
from tap_codat_commerce.singer.errors import SettingsError
from tap_codat_commerce.singer.flattening import Flattener
from tap_codat_commerce.singer.stream_maps import View
from tap_codat_commerce.sync.run_summary import RecordError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from datetime import datetime

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import Catalog, SchemaMessage

    from tap_codat_commerce.records.fields import Schema
    from tap_codat_commerce.records.shaping import Tree
    from tap_codat_commerce.singer.tap_base import CodatTap

    Json = bytes | bytearray
    """A record, on one line."""


class CodatStream(Stream):
    """A stream of Codat's records."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # `RecordShaper` has done that, and more
    fields: Schema

    tap: CodatTap
    has_records = False
    """Whether a record was written."""

    def __init__(self, tap: CodatTap, name: str | None = None) -> None:
        """Make the stream with its schema, which has `unmapped` if `unknown_fields` is `keep`."""
        self.tap = tap
        schema = schemas.with_unmapped(self.fields) if tap.keeps_unknown_fields else self.fields
        super().__init__(tap, schema=schema, name=name)
        self._own_keys = self.primary_keys
        self._batch_config: BatchConfig | None = None
        self._waiting: list[Json] = []

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take over what a catalog says of the stream; keys that it does not name are those that the tap knows.

        Raises:
            InputError: it names another replication key.
        """
        stamp = self.replication_key
        catalogs.check_replication_key(catalog.get_stream(self.name), stamp)
        super().apply_catalog(catalog)
        self.primary_keys = self.primary_keys or self._own_keys
        self.replication_key = stamp
        if not stamp:
            self.forced_replication_method = None

    @property
    def is_timestamp_replication_key(self) -> bool:
        """Whether there is a replication key: it is a stamp, even where the catalog's schema leaves it out."""
        return bool(self.replication_key)

    @property
    def effective_schema(self) -> Schema:
        """The schema in the catalog if one was given, made such that all fits it that comes, `unmapped` included."""
        if self._input_schema is None:
            return self.schema
        schema = catalogs.with_nulls(self._input_schema, {*self._own_keys, *self.primary_keys})
        return schemas.with_unmapped(schema) if self.tap.keeps_unknown_fields else schema

    @property
    def known_schema(self) -> Schema:
        """The schema with each field that the tap or the catalog knows."""
        own, given = schemas.with_unmapped(self.fields), self.effective_schema
        return {**own, "properties": {**own["properties"], **given["properties"]}}

    @property
    def selected_schema(self) -> Schema:
        """The schema of the selected fields; of all, if the stream itself is not selected: stream maps may filter it.

        Raises:
            InputError: a key is missing.
        """
        schema = self.effective_schema
        if self.selected:
            schema = get_selected_schema(self.name, schema, self.mask)
            catalogs.check_keys(self.name, self._own_keys, self.primary_keys, schema)
        return schema

    @property
    def deselected(self) -> set[tuple[str, ...]]:
        """The paths of fields that are not selected."""
        return {b[1::2] for b, selected in self.mask.items() if not selected and {*b[::2]} == {"properties"}}

    @property
    def trimmed(self) -> Tree:
        """The fields that the catalog's schema has no more: what is known of them is no unknown field."""
        return trimmed(self.fields, self._input_schema) if self._input_schema else {}

    @cached_property
    def left_out(self) -> Tree:
        """The fields that are left out of records on purpose."""
        return self.trimmed

    @cached_property
    def shaper(self) -> RecordShaper:
        """The shaper of the stream's records, by the schema in the catalog if one was given."""
        return self._shaper(self.tap.stray_fields)

    @cached_property
    def _uncounted(self) -> RecordShaper:
        return self._shaper(StrayFieldCounter())

    def _shaper(self, stray_fields: StrayFieldCounter) -> RecordShaper:
        keep = self.tap.keeps_unknown_fields
        return RecordShaper(self.name, self.effective_schema, stray_fields, left_out=self.left_out, keep=keep)

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - the SDK's signature
        """Return nothing: records come from the tap's loop."""
        return ()

    @cached_property
    def _is_unmapped(self) -> bool:
        return len(self.stream_maps) == 1 and type(self.stream_maps[0]) is SameRecordTransform

    @cached_property
    def _view(self) -> View:
        """What makes of a record what expressions see."""
        return View(self.effective_schema, self._read_fields)

    @cached_property
    def _read_fields(self) -> set[str] | None:
        """What stream maps read of a record, and where unknown fields are."""
        read = stream_maps.read_fields(self.tap.mapper.stream_maps_dict, self.name)
        return None if read is None else read | {UNMAPPED}

    @cached_property
    def _mapped_fields(self) -> set[str]:
        return stream_maps.mapped_fields(self.tap.mapper.stream_maps_dict, self.name)

    @cached_property
    def flatteners(self) -> list[Flattener] | None:
        """What flattens what each of the stream maps makes; None without flattening.

        Raises:
            SettingsError: two columns would have one name.
        """
        options = self.tap.flattening_options
        if not options.enabled:
            return None
        return [Flattener(one.stream_alias, one.transformed_schema, options) for one in self.stream_maps]

    def finished(self, records: Iterable[Json]) -> Iterator[tuple[str, Json]]:
        """Yield records, as JSON, as stream maps and flattening have them; with the name of the stream they go to.

        Raises:
            RecordError: an expression in stream_maps fails.
        """
        flatteners = self.flatteners
        if self._is_unmapped:
            yield from zip(repeat(self.name), map(flatteners[0], records) if flatteners else records)
            return
        for record in (self._view(stream_maps.decoded(one, self._read_fields)) for one in records):
            if UNMAPPED in record:
                record[UNMAPPED] = stream_maps.without(record[UNMAPPED], self._mapped_fields) or None
            for one, flatten in zip(self.stream_maps, flatteners or repeat(None), strict=False):
                if (mapped := self._mapped(one, record)) is not None:
                    yield one.stream_alias, flatten(mapped) if flatten else mapped

    def _mapped(self, one: StreamMap, record: Record) -> Json | None:
        """Return what a stream map makes of a record, None if it takes it out.

        Raises:
            RecordError: an expression fails.
        """
        mapped: Record | None = None
        try:
            mapped = one.transform(record)
            text: Json | None = None if mapped is None else lossless_json.encode(mapped)
        except Exception as exc:  # an expression may raise anything
            msg = f"stream_maps: {self._named(record)}: {stream_maps.why(exc, one, mapped)}"
            raise RecordError(msg) from exc
        return text

    def _named(self, record: Record) -> str:
        """Return the stream, and the part of the record's key that no line about its data set holds."""
        values = (record[k] for k in self._own_keys if k in record and k not in IDS)
        keys = [str(lossless_json.decode(v) if isinstance(v, msgspec.Raw) else v) for v in values]
        return f"{self.name}, record {quoted(' '.join(keys))}" if keys else self.name

    def record(self, answer: Record, ids: Mapping[str, str] = MappingProxyType({})) -> Record:
        """Return the record of an answer, which is an object as Codat has it, with the ids that it lacks."""
        return self.shaper(answer, ids)

    def leads_on(self, record: Record) -> bool:
        """Say whether what is below a record is read.

        As in the SDK it is not if stream maps filter the record out; but it is if they remove the whole stream, where
        the SDK would leave out all that is below in silence.
        """
        try:
            return self._passes(record)
        except RecordError as exc:  # said where the record is written
            if not self.selected:
                self._unwritten(record, str(exc))
            return False

    def will_lead_on(self, answer: Record, ids: Mapping[str, str] = MappingProxyType({})) -> bool:
        """Say it of an answer whose turn has not come: nothing is counted, and nothing said."""
        if self._is_unmapped:
            return True
        try:
            return self._passes(self._uncounted(answer, ids))
        except RecordError:
            return False

    def _passes(self, record: Record) -> bool:
        """Say whether any of the streams that are made of this one gets the record, or none is made of it.

        Raises:
            RecordError: a filter fails.
        """
        if self.removed:
            return True
        view = self._view(record)
        for one in self.stream_maps:
            try:
                if not isinstance(one, RemoveRecordTransform) and one.get_filter_result(view):
                    return True
            except Exception as exc:  # an expression may raise anything
                raise RecordError(stream_maps.why(exc, one, None)) from exc
        return False

    def write(self, record: Record, extracted: datetime | None = None) -> None:
        """Write a record, if the stream is selected; if it can't be written, say and count that.

        Args:
            record: as `record` returns it.
            extracted: when it was; now, if that is not given.
        """
        if self.selected:
            try:
                self._write_all(self._finished_one(record), extracted)
            except RecordError as exc:
                self._unwritten(record, exc)

    def _unwritten(self, record: Record, why: RecordError | str) -> None:
        company_id = record.get("companyId") or record["id"]
        error = why if isinstance(why, RecordError) else RecordError(f"stream_maps: {self._named(record)}: {why}")
        self.tap.run.summary.unwritten(self.name, f"company {company_id}", error)

    def _finished_one(self, record: Record) -> Iterator[tuple[str, Json]]:
        if not all(self.mask.values()):
            pop_deselected_record_properties(record, self.schema, self.mask)
        return self.finished([lossless_json.encode(record)])

    def _write_all(self, records: Iterable[tuple[str, Json]], extracted: datetime | None = None) -> None:
        """Write records; into files, if they are to be, when there are enough for one."""
        for stream, text in records:
            self.has_records = True
            self.counter.increment()
            if self._batch_config is None:
                self.tap.message_writer.write_record(stream, text, extracted)
            else:
                self._waiting.append(text)
                if len(self._waiting) == self._batch_config.batch_size:
                    self._write_waiting()

    def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._write_files(waiting)

    def _write_files(self, records: Iterable[Json]) -> None:
        """Write files of what RECORD messages would hold; the SDK's hold deselected fields, and ignore stream maps.

        Raises:
            RecordError: a record has no place in such a file.
            RunError: a file can't be written.
        """
        if (config := self._batch_config) is not None:
            schema = self.flatteners[0].schema if self.flatteners else self.stream_maps[0].transformed_schema
            for files in batches.written(self.name, records, config, schema):
                self._write_batch_message(encoding=config.encoding, manifest=files)

    @cached_property
    def removed(self) -> bool:
        """Whether stream maps remove the stream, for example `"orders": null`: it then counts as not selected."""
        return all(isinstance(one, RemoveRecordTransform) for one in self.stream_maps)

    def _generate_schema_messages(self) -> Generator[SchemaMessage, None, None]:
        """Declare the columns that flattening makes, and those of Parquet files, which differ from RECORD messages.

        The replication key is named only if it is a field.
        """
        config = self.get_batch_config(self.config)
        flattened = {f.stream: f.schema for f in self.flatteners or ()}
        for message in super()._generate_schema_messages():
            message.schema = flattened.get(message.stream, message.schema)
            if self.replication_key not in message.schema["properties"]:
                message.bookmark_properties = None
            if config and batches.is_parquet(config):
                message.schema = batches.declared(message.schema)
            yield message

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Write SCHEMA if the stream is selected, even if its data is unchanged; at the end, what waits for a file.

        SCHEMA once: the SDK repeats it for each context, and some targets flush, or lose rows, each time.

        Raises:
            SettingsError: stream maps make several streams of it, but files are of one.
        """
        if self.removed:
            self.selected = False
        self._batch_config = self.get_batch_config(self.config)
        if self._batch_config and len(self.stream_maps) > 1:
            raise SettingsError(
                [f"batch_config: stream_maps make several streams of {self.name}, but files are of one"]
            )
        if self.selected:
            self._write_schema_message()
        with self.get_record_counter() as self.counter:
            try:
                yield
            finally:
                if self._waiting:
                    self._write_waiting()
