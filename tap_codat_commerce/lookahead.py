"""Asks for what comes next while the present is being written: in the order of writing, within the bounds of `Ahead`.

The data status of the coming companies is asked for, then what is sure to be read of them. Nothing is decided here:
when its turn comes, each data set is judged as if nothing had been asked, and finds its answers there, or asks.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.readiness import Status
from tap_codat_commerce.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    import msgspec

    from tap_codat_commerce.scope import Place
    from tap_codat_commerce.tap import TapCodatCommerce

OPEN_FOR_EACH = 8
"""So many answers for each request that may be made at once are asked ahead, before further companies are looked at."""


class Lookahead:
    """What is to be asked ahead in one run."""

    def __init__(self, tap: TapCodatCommerce) -> None:
        """Begin without having asked."""
        self._tap = tap
        self._tokens: dict[str, list[Hashable]] = {}
        self._enough = OPEN_FOR_EACH * tap.settings.max_concurrent_requests

    @cached_property
    def enabled(self) -> bool:
        """Whether to look ahead at all: not when only a record or so of each stream is wanted (`--test`)."""
        return all(stream.ABORT_AT_RECORD_COUNT is None for stream in self._tap.streams.values())

    def walk(self, companies: list[msgspec.Raw]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each company, with its number, when it is its turn."""
        tap, planned, enabled = self._tap, 0, self.enabled
        if enabled:
            self._expect(companies)
        for number, raw in enumerate(companies):
            while enabled and planned < len(companies) and (planned <= number or tap.ahead.open < self._enough):
                self._plan(tap.scope.places(tap.scope.company(companies[planned]), planned))
                planned += 1
            company = tap.scope.company(raw)
            yield number, company
            tap.forget(company["id"])

    def forget(self, company_id: str) -> None:
        """Let go of what was asked ahead for a company and not used: its status may have changed since."""
        for token in self._tokens.pop(company_id, ()):
            self._tap.ahead.drop(token)

    def come_back(self, visits: Iterable[Visit]) -> None:
        """Look ahead at data sets that are visited again."""
        if self.enabled:
            companies: dict[str, list[Visit]] = {}
            for visit in visits:
                companies.setdefault(visit.place.company_id, []).append(visit)
            for number, (company_id, some) in enumerate(companies.items()):
                self._tap.readiness.offer(company_id, (number,), partial(self._look, some))

    def _expect(self, companies: list[msgspec.Raw]) -> None:
        """Tell how many requests will be needed, as far as that is sure: data sets without a bookmark will be read."""
        expected, streams = 0, self._tap.data_sets
        for number, raw in enumerate(companies):
            places = self._tap.scope.places(self._tap.scope.company(raw), number)
            expected += bool(places)
            expected += sum(s.state_manager.is_new(place.context) for place in places for s in streams)
        self._tap.client.limits.expect(expected)

    def _plan(self, places: list[Place]) -> None:
        if places and self._tap.wants_status:
            company_id, number = places[0].company_id, places[0].number
            self._tap.readiness.offer(company_id, (number,), partial(self._arrived, places))

    def _arrived(self, places: list[Place], entries: dict[str, Any]) -> None:
        self._look([Visit(stream, place) for place in places for stream in self._tap.data_sets], entries)

    def _look(self, visits: list[Visit], entries: dict[str, Any]) -> None:
        for visit in visits:
            if token := visit.look_ahead(Status.of(entries.get(visit.stream.data_type))):
                self._tokens.setdefault(visit.place.company_id, []).append(token)
                self._tap.client.limits.expect(0 if visit.is_first else 1)
