"""What a run found that somebody may have to act on: one line for each reason, which names the data sets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 700
"""Characters by which a line names data sets; the next ones get another line."""


class Findings:
    """The data sets of each reason, by the place that they are of: a company and its connection."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[tuple[int, str], dict[str, dict[str, None]]] = {}

    def add(self, reason: str, place: str, data_set: str, *, level: int = logging.WARNING) -> None:
        """Take note of a data set.

        Args:
            reason: what was found, and what helps: the begin of the line.
            place: names company and connection.
            data_set: its name, and what is to be said of it alone.
            level: of the line in the log.
        """
        self._found.setdefault((level, reason), {}).setdefault(place, {})[data_set] = None

    def log(self, logger: logging.Logger) -> None:
        """Log the lines."""
        for (level, reason), places in self._found.items():
            for line in _lines(places):
                logger.log(level, "%s %s.", reason, line)

    def as_json(self) -> dict[str, dict[str, list[str]]]:
        """Return the data sets by reason and place, for machines."""
        return {
            reason: {place: [*names] for place, names in found.items()} for (_, reason), found in self._found.items()
        }


def _lines(places: dict[str, dict[str, None]]) -> Iterator[str]:
    """Yield the data sets of some places at a time."""
    line = ""
    for place, data_sets in places.items():
        named = f"{place}: {', '.join(data_sets)}"
        if line and len(line) + len(named) > LONGEST:
            yield line
            line = ""
        line += f"; {named}" if line else named
    yield line
