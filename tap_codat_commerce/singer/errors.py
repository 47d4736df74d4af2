"""Errors that a user can mend, beside Codat's own: each is logged as one line, without a traceback."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class SettingsError(Exception):
    """Some settings are bad. `problems` has a line for each, which names the setting and holds no secret."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the lines."""
        super().__init__("; ".join(problems))
        self.problems = problems


class OutputError(Exception):
    """Standard output can't be written; the message is one line."""


class NoReaderError(OutputError):
    """What read standard output has stopped doing so."""


class InputError(Exception):
    """What was given with --config, --state or --catalog can't be used; the message is one line."""


class StateError(InputError):
    """The tap can't go on from the state that was given."""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return which of the known names may be meant, in brackets; nothing if none is like it."""
    near = get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def no_such_stream(name: str, streams: Collection[str]) -> str:
    """Return that there is no such stream, and which there are."""
    return f"there is no stream {name!r}{did_you_mean(name, streams)}; there are {', '.join(sorted(streams))}"
