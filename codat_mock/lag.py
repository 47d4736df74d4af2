"""Answers that lag behind what they are about: for a while they show the syncs as they were."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codat_mock.holdings import Company, Operation


@dataclass
class Earlier:
    """The operations of a company as they were before one of them changed, and how often they were shown since."""

    operations: list[Operation]
    shown: int = 0


class Lag:
    """Keeps earlier states: by company and data type for the data status, by company alone for the history."""

    def __init__(self) -> None:
        """Begin with nothing that is behind."""
        self._earlier: dict[tuple[str, str | None], list[Earlier]] = defaultdict(list)

    def keep(self, company: Company, data_type: str) -> None:
        """Keep the present state: an operation of a data type is about to be requested or to change."""
        operations = [copy.copy(o) for o in company.operations]
        for about in (data_type, None):
            self._earlier[company.id, about].append(Earlier(operations))

    def show(self, company: Company, about: str | None, answers: int) -> list[Operation]:
        """Return the operations for one answer: from before the earliest change that it is too soon for."""
        waiting = self._earlier[company.id, about]
        while waiting and waiting[0].shown >= answers:
            del waiting[0]  # in place: the other thread may add to it
        for earlier in waiting:
            earlier.shown += 1
        return waiting[0].operations if waiting else company.operations
