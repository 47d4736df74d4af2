"""Singer messages on stdout, with every digit of a number as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter

from tap_codat_commerce.codat import exact

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message


class ExactWriter(MsgSpecWriter):
    """The SDK's fast writer, but for numbers: it would turn those that are not plain Decimals into strings."""

    def serialize_message(self, message: Message) -> bytearray:
        """Return the message as a line of JSON."""
        line = bytearray(exact.encode(message.to_dict()))
        line += b"\n"
        return line
