"""Standard output and error: whole lines, whatever reads them, and one line of error when nothing does any more."""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
from typing import TYPE_CHECKING

from tap_codat_commerce.singer.errors import NoReaderError, OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Stdout(io.FileIO):
    """Standard output that takes all it is given; once it has failed, it swallows the rest."""

    _failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of the data, however slow the reader is; leave no part of a line in a file that takes no more.

        Raises:
            OutputError: it can't be written.
        """
        with memoryview(data).cast("B") as whole:
            done = 0
            while done < len(whole) and not self._failed:
                try:
                    done += super().write(whole[done:]) or self._wait()
                except OSError as exc:
                    self._failed = True
                    self._take_back(done - (bytes(whole[:done]).rfind(b"\n") + 1))
                    raise _output_error(exc) from exc
            return len(whole)

    def _wait(self) -> int:
        """Wait until a pipe that does not block takes more."""
        select.select([], [self], [])
        return 0

    def _take_back(self, torn: int) -> None:
        """Take so many bytes back from the end of a file; what has gone into a pipe has gone."""
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.fstat(self.fileno()).st_mode):
                self.truncate(self.seek(-torn, os.SEEK_CUR))


def prepare() -> None:
    """Put `Stdout` in its place; on both streams, write `?` for what the terminal's encoding lacks.

    Raises:
        OutputError: standard output is closed.
    """
    if sys.stdout is None:
        msg = "stdout is closed: there is nowhere to write to"
        raise OutputError(msg)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    buffer = getattr(sys.stdout, "buffer", None)
    if isinstance(getattr(buffer, "raw", buffer), io.FileIO):  # else it is a console of Windows, or a test's
        sys.stdout.flush()
        binary = io.BufferedWriter(Stdout(sys.stdout.fileno(), "wb", closefd=False))
        encoding, is_terminal = sys.stdout.encoding, sys.stdout.isatty()
        sys.stdout = io.TextIOWrapper(binary, encoding, errors="replace", line_buffering=is_terminal)


def _output_error(error: OSError) -> OutputError:
    if isinstance(error, BrokenPipeError | ConnectionResetError):
        what = "the target, or what else reads stdout, has stopped reading: see its own log for the reason"
        return NoReaderError(what)
    what = f"stdout can't be written: {error.strerror}. See where it leads to, then run again"
    return OutputError(what)
