"""How many different ids there were, in bounded memory."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class DistinctIds:
    """Counts different ids in bounded memory: eight bytes for each, and little more at the moment of counting.

    What is kept is a 64-bit hash of each. If two ids had the same, there would seem to be one fewer than there are,
    which makes a read doubtful and never proves one.
    """

    PARTS = 64
    FEW = 10_000
    """So many are kept in one part: most data sets have no more, and need no others."""

    def __init__(self) -> None:
        """Begin without any."""
        self._parts = [array("q")]

    def add(self, record_ids: Iterable[str | None]) -> None:
        """Take the ids of a page."""
        if len(self._parts) == 1 and len(self._parts[0]) < self.FEW:
            self._parts[0].extend(map(hash, record_ids))
            return
        if len(self._parts) == 1:
            few, self._parts = self._parts[0], [array("q") for _ in range(self.PARTS)]
            self._spread(few)
        self._spread(map(hash, record_ids))

    def count(self) -> int:
        """Return how many different ones there were."""
        return sum(len(set(part)) for part in self._parts)

    def _spread(self, values: Iterable[int]) -> None:
        parts, number = self._parts, self.PARTS
        for value in values:
            parts[value % number].append(value)
