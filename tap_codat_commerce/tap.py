"""What the tap is: its settings, its streams, and what they share."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from tap_codat_commerce import checks, memory, settings
from tap_codat_commerce.access import client_of
from tap_codat_commerce.bookmarks import check_state
from tap_codat_commerce.codat.ahead import Ahead
from tap_codat_commerce.command import Command
from tap_codat_commerce.history import History
from tap_codat_commerce.lookahead import Lookahead
from tap_codat_commerce.messages import ExactWriter, PatientStateWriter
from tap_codat_commerce.readiness import Readiness
from tap_codat_commerce.records import Reporter
from tap_codat_commerce.report import Report
from tap_codat_commerce.scope import Scope
from tap_codat_commerce.streams import STREAMS, DataSetStream, DataStatusStream
from tap_codat_commerce.waiting import WaitingRoom

if TYPE_CHECKING:
    from types import FrameType

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.stream_base import CodatStream
    from tap_codat_commerce.visit import Visit


class TapCodatCommerce(Tap):
    """Singer tap for Codat's commerce data: every shop of every company, complete."""

    name = "tap-codat-commerce"
    package_name = "tap-codat-commerce"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.SCHEMA
    message_writer_class = ExactWriter
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

    _stopping = False
    visiting: Visit | None = None
    """The data set whose records are being written."""
    _state_writer: PatientStateWriter
    message_writer: ExactWriter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the tap as the SDK does, with a state writer of our own."""
        super().__init__(*args, **kwargs)
        self._state_writer = PatientStateWriter(self.message_writer)
        if self.metrics_logger.level == logging.INFO:  # two lines for each data set of each connection: for debugging
            self.metrics_logger.setLevel(logging.WARNING)

    def discover_streams(self) -> list[CodatStream]:
        """Return the streams: the same for everyone, so that discovery needs no request."""
        return [stream(self) for stream in STREAMS]

    def load_state(self, state: dict[str, Any]) -> None:
        """Load a state, once it is known to be one of ours and whole."""
        check_state(state, self.streams)
        super().load_state(state)

    def sync_all(self) -> None:  # type: ignore[misc]
        """Sync all streams; however that ends, leave the state to go on from, and sum up.

        Final in the SDK, which writes no STATE when a stream fails.
        """
        try:
            for stream in self.streams.values():
                stream.begin()  # type: ignore[attr-defined]
            memory.settle()
            super().sync_all()
        finally:
            self.ahead.close()
            if self.visiting:
                self.visiting.note()
            try:
                self._state_writer.write_last(self.state)
            finally:
                self._sum_up()
        self.report.check(fail_if_not_ready=self.settings.fail_if_not_ready)

    def run_sync_dry_run(self, *args: Any, **kwargs: Any) -> bool:  # type: ignore[misc]
        """Read a few records of each stream; end with a STATE, as `sync_all` does. Final in the SDK."""
        try:
            return super().run_sync_dry_run(*args, **kwargs)
        finally:
            self._state_writer.write_last(self.state)

    def _sum_up(self) -> None:
        if names := self.stray_fields.summary():
            self.logger.warning(
                "Values that the schema has no place for were %s: %s. "
                "Each field with the number of records; look for a newer version%s.",
                "kept in 'unmapped'" if self.keeps_unknown_fields else "dropped",
                names,
                "" if self.keeps_unknown_fields else ", or set unknown_fields to keep",
            )
        if self._stopping:
            self.logger.warning("Stopped by a signal. The next run goes on from the state that was written last.")
        self.report.sum_up(self.client)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Only unwind, at the end of the line that is being written; `sync_all` then writes the STATE.

        The SDK would write from inside the very write that it interrupted, and end with 0.
        """
        if not self._stopping:
            self._stopping = True
            self.message_writer.stop(128 + signum)

    @property
    def state_writer(self) -> PatientStateWriter:
        """What writes the state."""
        return self._state_writer

    @cached_property
    def settings(self) -> settings.Settings:
        """The checked settings."""
        return settings.Settings.of(self.config)

    @property
    def keeps_unknown_fields(self) -> bool:
        """Whether `unknown_fields` is `keep`; asked for in discovery too, where no other setting need be there."""
        return self.config.get("unknown_fields") == "keep"

    @cached_property
    def client(self) -> Client:
        """Codat."""
        return client_of(self.settings)

    @cached_property
    def ahead(self) -> Ahead:
        """Codat, with a look ahead."""
        return Ahead(self.client, self.settings.max_concurrent_requests)

    @cached_property
    def lookahead(self) -> Lookahead:
        """What is asked ahead."""
        return Lookahead(self)

    @cached_property
    def data_sets(self) -> list[DataSetStream]:
        """The streams of data sets that are read, in the order of reading."""
        return [s for s in self.streams.values() if isinstance(s, DataSetStream) and s.selected]

    @cached_property
    def wants_status(self) -> bool:
        """Whether the data status of companies is asked for."""
        return bool(self.data_sets) or self.streams[DataStatusStream.name].selected

    @cached_property
    def scope(self) -> Scope:
        """The companies and connections of this run."""
        return Scope(self.ahead, self.settings, self.logger)

    @cached_property
    def readiness(self) -> Readiness:
        """The pre-sync check."""
        return Readiness(self.ahead)

    @cached_property
    def history(self) -> History:
        """The pull operations, for companies with several connections."""
        return History(self.ahead)

    @cached_property
    def waiting(self) -> WaitingRoom:
        """The data sets that were set aside."""
        return WaitingRoom(self.settings.sync_wait, self._look_again, self.logger)

    def _look_again(self, visits: list[Visit]) -> None:
        self.message_writer.flush()
        for company_id in {visit.place.company_id for visit in visits}:
            self.forget(company_id)
        self.lookahead.come_back(visits)
        for visit in visits:
            visit.stream.visit(visit)

    def forget(self, company_id: str) -> None:
        """Forget what is known of a company: all of it has been read, or it is asked for anew."""
        self.lookahead.forget(company_id)
        self.readiness.forget(company_id)
        self.history.forget(company_id)

    @cached_property
    def report(self) -> Report:
        """What came of the run."""
        return Report(self.logger)

    @cached_property
    def stray_fields(self) -> Reporter:
        """What had no place in the schemas."""
        return Reporter()

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - the SDK's class property
        """The settings from the environment; the SDK converts numbers before any check, and names no variable."""
        try:
            found: dict[str, Any] = super()._env_var_config
        except ValueError as exc:
            bad = list(checks.environment_problems(cls._env_var_prefix))
            raise checks.SettingsError(bad or [f"environment: {exc}"]) from None
        return found

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings in our words: the SDK's would quote a bad key, and know nothing of what cannot work."""
        self.append_builtin_config(self.config_jsonschema)
        found = checks.all_problems(self._config, self.config_jsonschema)
        if found and raise_errors:
            raise checks.SettingsError(found)
        return found

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, with our way of reporting errors."""
        return Command.like(super().get_singer_command(), logger=cls.logger)


if __name__ == "__main__":
    TapCodatCommerce.cli()
