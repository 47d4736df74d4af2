"""The tap: its name, its settings, its streams, and how a run is made by the settings."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from tap_codat_commerce import checks, settings
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

    from singer_sdk import Stream
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.helpers.types import Context

    from tap_codat_commerce.singer.stream_base import CodatStream
    from tap_codat_commerce.sync.data_set_sync import DataSetSync
    from tap_codat_commerce.sync.proof import ProvenRead
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
        )

    def read(self) -> None:
        """Go through all companies: of each its status and its connections, of each connection its data sets."""
        if not _leads_on(self.companies):
            return
        for company in islice(self.run.companies(), self.limit):
            if self.companies.write_record(company.answer):
                self._read_company(company)
            self.states.write_state(self.state)
            self.message_writer.flush()  # the next company, or a sync under way, may be waited for
        for data_set in self.run.set_aside():
            self._read_data_set(data_set)
            self.message_writer.flush()

    def _read_company(self, company: Company) -> None:
        ids = {"companyId": company.id}
        if self.data_status.selected:
            for status in islice(self.run.data_status(company), self.limit):
                self.data_status.write_record(status, ids)
        if not _leads_on(self.connections):
            return
        to_read = {connection.connection_id: connection for connection in company.readable}
        for answer in islice(company.connections, self.limit):
            below = self.connections.write_record(answer, ids)
            if below and (connection := to_read.get(answer["id"])):
                for data_set in self.run.due(connection):
                    self._read_data_set(data_set)

    def _read_data_set(self, data_set: DataSetSync) -> None:
        stream: Any = self.streams[data_set.name]
        stream.write_data_set(data_set)

    def note_read(self, context: Context, read: ProvenRead) -> None:
        """Write that a read of a data set was proven complete."""
        self.reads.write_read(context, read)

    @classmethod
    def settings_problems(cls, config: Mapping[str, Any]) -> list[str]:
        """Return a line for each setting that is bad."""
        return checks.all_problems(config, cls.config_jsonschema)


def _leads_on(stream: Stream) -> bool:
    """Say whether a stream, or one below it, is selected."""
    return stream.selected or stream.has_selected_descendents


if __name__ == "__main__":
    TapCodatCommerce.cli()
