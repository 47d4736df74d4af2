"""Singer messages on stdout: whole lines, every digit of a number as it came, STATE not too often."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.helpers._state import StateWriter

from tap_codat_commerce.codat import exact

if TYPE_CHECKING:
    from singer_sdk.helpers.types import TapState
    from singer_sdk.singerlib.encoding.base import GenericSingerWriter
    from singer_sdk.singerlib.encoding.simple import Message

SECONDS_BETWEEN_STATES = 10.0


class ExactWriter(MsgSpecWriter):
    """The SDK's fast writer, but for two things.

    It would turn numbers that are not plain Decimals into strings; and a signal that arrives within a write would
    leave half a line, and whatever the signal's handler writes behind it. Here the handler calls `stop`, which ends
    the process at the end of the line.
    """

    def __init__(self) -> None:
        """Begin outside of a line."""
        self._writing = False
        self._exit_code: int | None = None

    def serialize_message(self, message: Message) -> bytearray:
        """Return the message as a line of JSON."""
        line = bytearray(exact.encode(message.to_dict()))
        line += b"\n"
        return line

    def write_message(self, message: Message) -> None:
        """Write the whole line."""
        self._writing = True
        try:
            left = memoryview(self.format_message(message))
            while left:  # with PYTHONUNBUFFERED, stdout is a raw file, which may take only a part
                left = left[sys.stdout.buffer.write(left) :]
            sys.stdout.buffer.flush()
        finally:
            self._writing = False
        if self._exit_code is not None:
            code, self._exit_code = self._exit_code, None
            raise SystemExit(code)

    def stop(self, exit_code: int) -> None:
        """End the process: now, or at the end of the line that is being written.

        Raises:
            SystemExit: now.
        """
        if self._writing:
            self._exit_code = exit_code
        else:
            raise SystemExit(exit_code)


class PatientStateWriter(StateWriter):
    """Writes STATE at most every ten seconds, and at the end.

    The SDK writes the whole state at the end of every context; with thousands of connections that is gigabytes.
    """

    def __init__(self, message_writer: GenericSingerWriter[Any, Any]) -> None:
        """Begin with a state that may be written at once."""
        super().__init__(message_writer)
        self._due = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._due

    def write_state(self, state: TapState) -> None:
        """Write the state if it is time and it has changed."""
        if self.due:
            super().write_state(state)
            self._due = time.monotonic() + SECONDS_BETWEEN_STATES

    def write_last(self, state: TapState) -> None:
        """Write the state as the last message of a run, changed or not."""
        self._last_emitted_state = None
        super().write_state(state)
