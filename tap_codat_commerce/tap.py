"""The tap: its name, its settings, its streams, and how a run is made by the settings."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from tap_codat_commerce import checks, settings
from tap_codat_commerce.singer.data_set_stream import DataSetStream
from tap_codat_commerce.singer.tap_base import CodatTap
from tap_codat_commerce.streams import STREAMS, DataStatusStream, ReadsStream
from tap_codat_commerce.sync.company_sync import CompanySync
from tap_codat_commerce.sync.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.helpers.types import Context

    from tap_codat_commerce.singer.stream_base import CodatStream
    from tap_codat_commerce.sync.data_set import ProvenRead


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
        return [stream(self) for stream in STREAMS]

    @cached_property
    def settings(self) -> settings.Settings:
        """The checked settings."""
        return settings.Settings.of(self.config)

    @cached_property
    def company_sync(self) -> CompanySync:
        """The run's way through the companies, with the selected data sets as its sinks."""
        data_sets = [s for s in self.streams.values() if isinstance(s, DataSetStream) and s.selected]
        with_status, streams = (
            self.streams[DataStatusStream.name].selected,
            sum(s.selected for s in self.streams.values()),
        )
        return CompanySync(self.run, data_sets, streams=streams, with_status=with_status)

    def new_run(self, *, dry: bool) -> Run:
        """Return a run by the settings."""
        return Run(self.settings.client(), self.settings.sync, self.logger, dry=dry)

    def note_read(self, context: Context, read: ProvenRead) -> None:
        """Write that a read of a data set was proven complete."""
        reads: Any = self.streams[ReadsStream.name]
        reads.note(context, read)

    @classmethod
    def settings_problems(cls, config: Mapping[str, Any]) -> list[str]:
        """Return a line for each setting that is bad."""
        return checks.all_problems(config, cls.config_jsonschema)


if __name__ == "__main__":
    TapCodatCommerce.cli()
