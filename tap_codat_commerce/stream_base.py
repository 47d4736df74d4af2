"""What all streams share: how the SDK's stream is made to write each thing once, and say each thing once."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel

from tap_codat_commerce import schemas
from tap_codat_commerce.records import Shape

if TYPE_CHECKING:
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

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Keep the SDK's running commentary, several lines per context and per level of an error, for debugging."""
        super().log(message, *args, level=min(level, logging.DEBUG), **kwargs)

    def _write_schema_message(self) -> None:
        """Write SCHEMA once, where the SDK repeats it for each context: some targets flush, or lose rows, on each."""
        if not self._schema_written:
            self._schema_written = True
            super()._write_schema_message()
