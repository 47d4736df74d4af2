"""The tap: its name, its settings, its streams, and how a run is made by the settings."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from tap_codat_commerce import checks, settings
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.singer.data_set_stream import DataSetStream
from tap_codat_commerce.singer.tap_base import CodatTap
from tap_codat_commerce.streams import (
    DATA_SETS,
    CommerceStream,
    CompaniesStream,
    ConnectionsStream,
    DataStatusStream,
    ReadsStream,
)
from tap_codat_commerce.sync.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from singer_sdk import Stream
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from tap_codat_commerce.singer.stream_base import CodatStream
    from tap_codat_commerce.sync.data_set_sync import DataSetSync
    from tap_codat_commerce.sync.run import Company


class TapCodatCommerce(CodatTap):
    """Singer tap for Codat's commerce data: every shop of every company, complete."""

    name = "tap-codat-commerce"
    package_name = "tap-codat-commerce"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.SCHEMA
    # All but ACTIVATE_VERSION: such a message makes a target drop the rows of every connection that had nothing new.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def discover_streams(self) -> list[CodatStream]:
        """Return the streams: the same for everyone, so that discovery needs no request."""
        data_sets = [CommerceStream(self, data_set) for data_set in DATA_SETS]
        self.companies, self.data_status = CompaniesStream(self), DataStatusStream(self)
        self.connections, self.reads = ConnectionsStream(self), ReadsStream(self)
        return [self.companies, self.data_status, self.connections, self.reads, *data_sets]

    @cached_property
    def settings(self) -> settings.Settings:
        """The checked settings."""
        return settings.Settings.of(self.config)

    @property
    def fails_if_not_ready(self) -> bool:
        """Whether a run fails if a data set could not be read yet."""
        return self.settings.sync.fail_if_not_ready

    @cached_property
    def run(self) -> Run:
        """This tap's run, by the settings and what is selected."""
        return Run(
            self.settings.client(),
            self.settings.sync,
            [s.as_selected() for s in self.streams.values() if isinstance(s, DataSetStream) and s.selected],
            streams=sum(s.selected for s in self.streams.values()),
            with_status=self.data_status.selected,
            dry=self.limit is not None,
            wanted=self._will_be_read,
            before_pause=lambda: self.states.write_before_pause(self.state),
        )

    def _will_be_read(self, company: dict[str, Any], connection: dict[str, Any]) -> bool:
        """Say whether stream maps let data sets of a connection be read; both as they came."""
        alone = {k: v for k, v in company.items() if k != "dataConnections"}
        return self.companies.will_lead_on(alone) and self.connections.will_lead_on(
            connection, {"companyId": company["id"]}
        )

    def read(self) -> None:
        """Go through all companies: of each its status and its connections, of each connection its data sets."""
        sync = self.settings.sync
        if sync.start_date and sync.full_read_every_days is not None:
            self.logger.warning("start_date has no effect beside full_read_every_days: full reads bring what is older.")
        self._tell_what_has_arrived()
        if not _leads_on(self.companies):
            return
        for company in islice(self.run.companies(), self.limit):
            self._read_company(company)
            self.states.write_state(self.state)
            self.message_writer.flush()  # the next company, or a sync under way, may be waited for
        for data_set in self.run.set_aside():
            self._write(data_set)
            self.message_writer.flush()

    def _tell_what_has_arrived(self) -> None:
        """Write the rows of the last run's reads again: a state that a target hands back speaks of what it has kept."""
        for stream in self._told_streams:
            for context, bookmark in stream.bookmarks.newly_arrived():
                self.reads.write_read(context, stream.data_set.data_type, bookmark)

    def _tell_what_is_gone(self, company: Company) -> None:
        """Write a full read of nothing for each data set of a connection that the company lists no more."""
        listed = {answer["id"] for answer in company.connections}
        for stream in self._told_streams if company.is_whole else ():
            for context, bookmark in stream.gone(company.id, listed):
                self.reads.write_read(context, stream.data_set.data_type, bookmark)

    @cached_property
    def _told_streams(self) -> list[DataSetStream]:
        """The data sets of which `reads` tells; none while that is not selected, so that it tells all of it later."""
        if not self.reads.selected or self.limit is not None:
            return []
        return [s for s in self.streams.values() if isinstance(s, DataSetStream) and s.selected]

    def _read_company(self, company: Company) -> None:
        """Write a company, its data status and its connections, then its data sets."""
        ids, extracted = {"companyId": company.id}, utc_now()
        record = self.companies.record(company.answer)
        below: set[str] = set()
        if leads_on := self.companies.leads_on(record):
            if self.data_status.selected:
                for status in islice(self.run.data_status(company), self.limit):
                    self.data_status.write(self.data_status.record(status, ids), extracted)
            if _leads_on(self.connections):
                below = {
                    c
                    for answer in islice(company.connections, self.limit)
                    if (c := self._write_connection(answer, ids, extracted))
                }
        self._count_filtered(company, below if leads_on else None)
        self.companies.write(record, extracted)
        self._tell_what_is_gone(company)
        for data_set in self.run.data_sets([c for c in company.readable if c.connection_id in below]):
            self._write(data_set)

    def _count_filtered(self, company: Company, below: set[str] | None) -> None:
        """Count what would have been read, if stream maps had not filtered the company out, or connections."""
        if below is None:
            self.run.summary.filtered["companies"] += bool(company.readable)
        elif _leads_on(self.connections) and self.limit is None:
            self.run.summary.filtered["connections"] += sum(c.connection_id not in below for c in company.readable)

    def _write_connection(self, answer: dict[str, Any], ids: dict[str, str], extracted: datetime) -> str | None:
        record = self.connections.record(answer, ids)
        self.connections.write(record, extracted)
        return answer["id"] if self.connections.leads_on(record) else None

    def _write(self, data_set: DataSetSync) -> None:
        """Write what came of a data set; and once that is proven, the row of its read, then its bookmark.

        Were the bookmark before the row, a signal between the two would cost the row.
        """
        if data_set.proven:
            self.reads.write_read(data_set.context, data_set.data_type, data_set.proven)
            data_set.conclude()
        else:
            stream: Any = self.streams[data_set.name]
            stream.write_data_set(data_set)

    @classmethod
    def settings_problems(cls, config: Mapping[str, Any]) -> list[str]:
        """Return a line for each setting that is bad."""
        return checks.all_problems(config, cls.config_jsonschema)


def _leads_on(stream: Stream) -> bool:
    """Say whether a stream, or one below it, is selected."""
    return stream.selected or stream.has_selected_descendents


if __name__ == "__main__":
    TapCodatCommerce.cli()
