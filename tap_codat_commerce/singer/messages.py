"""Singer messages on stdout: whole lines, every digit of a number as it came, STATE not too often."""

from __future__ import annotations

import sys
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import RecordMessage, StateMessage

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.clock import utc_now

if TYPE_CHECKING:
    from datetime import datetime

    from singer_sdk.helpers.types import TapState
    from singer_sdk.singerlib.encoding.simple import Message

SECONDS_BETWEEN_STATES = 10.0
TIMES_THE_COST = 20
"""The pause after a STATE, in multiples of the time it took to write: STATE takes a twentieth of a run at most."""
BYTES_AT_ONCE = 2**16


@lru_cache(maxsize=8)  # all records of a page have one time
def _around(stream: str, extracted: datetime) -> tuple[bytes, bytes]:
    head = b'{"type":"RECORD","stream":%b,"record":' % lossless_json.encode(stream)
    return head, b',"time_extracted":"%b"}\n' % extracted.isoformat().encode()


def around_record(stream: str, extracted: datetime | None = None) -> tuple[bytes, bytes]:
    """Return what comes before a record of a stream, and after it, in a RECORD message; extracted now, or before."""
    return _around(stream, extracted or utc_now())


class LosslessWriter(GenericSingerWriter[bytes, "Message"]):
    """Writes messages in large pieces that end with a line; with each STATE, everything that is pending.

    The SDK's own fast writer turns numbers that are not plain Decimals into strings, and copies the whole state for
    each STATE. A signal within a write leaves half a line there, followed by what the signal's handler writes. Here
    the handler calls `stop`, which ends the process at the end of the write.

    Attributes:
        written: how many messages and pages were.
    """

    def __init__(self) -> None:
        """Begin with nothing to write."""
        self.written = 0
        self._pending = bytearray()
        self._writing = False
        self._exit_code: int | None = None

    def serialize_message(self, message: Message) -> bytes:
        """Return the message as JSON."""
        # A state's own to_dict() would copy all of it.
        content = {"type": "STATE", "value": message.value} if isinstance(message, StateMessage) else message.to_dict()
        text: bytes = lossless_json.encode(content)
        return text

    def write_message(self, message: Message) -> None:
        """Write a message; all but records at once, as the next message may take its time."""
        self._write(self.serialize_message(message), b"\n", flush=not isinstance(message, RecordMessage))

    def write_record(self, stream: str, record: bytes | bytearray, extracted: datetime | None = None) -> None:
        """Write a RECORD message of a record that is JSON already; extracted now, if not before."""
        head, tail = around_record(stream, extracted)
        self._write(head, record, tail)

    def write_lines(self, lines: bytes | bytearray) -> None:
        """Write messages that are lines already."""
        self._write(lines)

    def flush(self) -> None:
        """Write what has not been written yet."""
        self._write(flush=True)

    def stop(self, exit_code: int) -> None:
        """End the process: now or, from within a write, at the end of that write.

        Raises:
            SystemExit: nothing is being written.
        """
        if self._writing:
            self._exit_code = exit_code
        else:
            raise SystemExit(exit_code)

    def _put(self, *texts: bytes | bytearray) -> None:
        for text in texts:
            sys.stdout.buffer.write(text)
        self._pending.clear()

    def _write(self, *texts: bytes | bytearray, flush: bool = False) -> None:
        self._writing = True
        self.written += bool(texts)
        try:
            for text in texts:
                if len(text) < BYTES_AT_ONCE:
                    self._pending += text
                else:
                    self._put(self._pending, text)
            if flush or len(self._pending) >= BYTES_AT_ONCE:
                self._put(self._pending)
                sys.stdout.buffer.flush()
        finally:
            self._writing = False
        if self._exit_code is not None:
            code, self._exit_code = self._exit_code, None
            raise SystemExit(code)


class StateWriter:
    """Writes STATE at most every ten seconds, and at the end.

    The SDK writes the whole state at the end of every context; with thousands of connections that is gigabytes.
    """

    def __init__(self, message_writer: LosslessWriter) -> None:
        """Begin with a pause: the state that was given need not be written again."""
        self._message_writer = message_writer
        self._due = time.monotonic() + SECONDS_BETWEEN_STATES
        self._written = 0

    @property
    def due(self) -> bool:
        """Whether it is time to write the state."""
        return time.monotonic() >= self._due

    def write_state(self, state: TapState) -> None:
        """Write the state if it is time."""
        if self.due:
            self.write_last(state)

    def write_before_pause(self, state: TapState) -> None:
        """Write the state if it is time, and anything was written since: the end may be sudden."""
        if self._message_writer.written > self._written:
            self.write_state(state)

    def write_last(self, state: TapState) -> None:
        """Write the state now, after everything that is pending."""
        began = time.monotonic()
        self._message_writer.write_message(StateMessage(state))
        took, self._written = time.monotonic() - began, self._message_writer.written
        self._due = began + took + max(SECONDS_BETWEEN_STATES, TIMES_THE_COST * took)
