"""Errors that a user can mend, beside Codat's own: each is logged as one line, without a traceback."""

from __future__ import annotations


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
