"""What a user can mend, apart from Codat's own errors: a line for each, without a traceback."""

from __future__ import annotations


class SettingsError(Exception):
    """One or more settings are bad; `problems` holds a line for each, which names it and holds no secret."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the lines."""
        super().__init__("; ".join(problems))
        self.problems = problems


class StateError(Exception):
    """The state that was given can't be gone on from; the message is one line."""
