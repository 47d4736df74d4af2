"""What all streams share: how the SDK's stream is made to write each thing once, and say each thing once."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform

from tap_codat_commerce import schemas
from tap_codat_commerce.records import Shape

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Record

    from tap_codat_commerce.tap import TapCodatCommerce


class CodatStream(Stream):
    """A stream of Codat's records."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # `Shape` has done that, and more
    fields: ClassVar[schemas.Schema]
    ignored_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, tap: TapCodatCommerce) -> None:
        """Make the stream with its schema, as the setting `unknown_fields` wants it."""
        self.tap = tap
        schema = schemas.with_unmapped(self.fields) if tap.keeps_unknown_fields else self.fields
        super().__init__(tap, schema=schema)
        self._schema_written = False

    @cached_property
    def shape(self) -> Shape:
        """The form of the stream's records, by the catalog that was given, if any."""
        return Shape(
            self.name,
            self.effective_schema,
            self.tap.stray_fields,
            ignored=self.ignored_fields,
            keep=self.tap.keeps_unknown_fields,
        )

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never: such a message makes a target drop the rows of every connection that had nothing new."""
        return False

    @cached_property
    def plain(self) -> bool:
        """Whether nothing more is done to its records: all fields selected, no stream map, no batch, no test."""
        maps = self.stream_maps
        return (
            self.ABORT_AT_RECORD_COUNT is None
            and not self.config.get("batch_config")
            and all(self.mask.values())
            and len(maps) == 1
            and type(maps[0]) is SameRecordTransform
            and not maps[0].flattening_enabled
        )

    def _write_record_message(self, record: Record) -> None:
        """Write a record that nothing more is done to without asking for each of its fields whether it is selected."""
        if not self.plain:
            super()._write_record_message(record)
            return
        self.tap.message_writer.write_record(self.name, record)
        self.state_manager.is_flushed = False

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Keep the SDK's running commentary, several lines per context and per level of an error, for debugging."""
        super().log(message, *args, level=min(level, logging.DEBUG), **kwargs)

    def write_schema(self) -> None:
        """Write SCHEMA, if the stream is selected: also where no record will follow, as its data is unchanged."""
        if self.selected:
            self._write_schema_message()

    def _write_schema_message(self) -> None:
        """Write SCHEMA once, where the SDK repeats it for each context: some targets flush, or lose rows, on each."""
        if not self._schema_written:
            self._schema_written = True
            super()._write_schema_message()
