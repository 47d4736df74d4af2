"""The base of the tap: ends every run with a STATE and a summary, and refuses bad settings in our words."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from abc import abstractmethod
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from singer_sdk import Tap
from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._flattening import FlatteningOptions
from singer_sdk.plugin_base import _ConfigInput

from tap_codat_commerce.records.shaping import StrayFieldCounter
from tap_codat_commerce.singer import catalogs, memory, stream_maps
from tap_codat_commerce.singer.bookmarks import check_state
from tap_codat_commerce.singer.command import ENVIRONMENT, Command
from tap_codat_commerce.singer.environment import Environment, env_file
from tap_codat_commerce.singer.errors import InputError, SettingsError
from tap_codat_commerce.singer.messages import LosslessWriter, StateWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType

    import click
    from singer_sdk import Stream

    from tap_codat_commerce.sync.run import Run

SECONDS_OF_ONE_WISH = 1.0
"""Ctrl-C may bring SIGINT from the terminal and SIGTERM from what started the tap: together they count as one."""


class CodatTap(Tap):
    """A tap that reads by its `run`, and whose settings are judged by `settings_problems`."""

    message_writer_class = LosslessWriter
    message_writer: LosslessWriter
    limit: int | None = None
    """How many records of each context are wanted in a dry run; None in any other."""
    _stopped_by: int | None = None
    _stopped_at = 0.0
    _ending = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the tap as the SDK does, with a state writer of our own."""
        self.stray_fields = StrayFieldCounter()
        super().__init__(*args, **kwargs)
        self.states = StateWriter(self.message_writer)
        if self.metrics_logger.level == logging.INFO:  # two lines for each data set of each connection: for debugging
            self.metrics_logger.setLevel(logging.WARNING)

    @cached_property
    @abstractmethod
    def run(self) -> Run:
        """This tap's run, by the settings and what is selected."""

    @property
    @abstractmethod
    def fails_if_not_ready(self) -> bool:
        """Whether a run fails if a data set could not be read yet."""

    @abstractmethod
    def read(self) -> None:
        """Go through all companies, and write what is new of each."""

    @classmethod
    @abstractmethod
    def settings_problems(cls, config: Mapping[str, Any]) -> list[str]:
        """Return a line for each setting that is bad."""

    @property
    def keeps_unknown_fields(self) -> bool:
        """Whether `unknown_fields` is `keep`; read unchecked, as discovery needs it and no other setting."""
        return self.config.get("unknown_fields") == "keep"

    def setup_mapper(self) -> None:
        """Let stream maps know all streams: the SDK leaves out those that a catalog does not list.

        Raises:
            InputError: the catalog selects a stream that there is not, or not all keys of one.
            SettingsError: stream maps are of a stream or a field that there is not, or flattening can't work.
        """
        super(Tap, self).setup_mapper()
        self.flattening_options: FlatteningOptions = self.mapper.flattening_options
        self.mapper.flattening_options = FlatteningOptions(enabled=False)  # our streams flatten
        if self.input_catalog:
            catalogs.check_names(self.input_catalog, self.streams)
            catalogs.check_selection(self.input_catalog, {n: s.known_schema for n, s in self._own_streams.items()})
            for name, stream in self._own_streams.items():
                if stream.selected and stream.trimmed:
                    line = "catalog: %s: left out, as its schema there has no longer: %s."
                    self.logger.info(line, name, ", ".join(stream.trimmed))
        maps = self.mapper.stream_maps_dict
        stream_maps.check(maps, {n: s.effective_schema for n, s in self.streams.items()})
        for name, stream in self._own_streams.items():
            for what in stream_maps.doubts(maps, name, stream.effective_schema, stream.deselected):
                if stream.selected:
                    self.logger.warning("stream_maps: %s: %s", name, what)
            for entry in stream_maps.entries_of(maps, name):
                if not (stream.selected or stream.has_selected_descendents):
                    self.logger.warning("stream_maps: %s is not used, as the stream %s is not selected.", entry, name)
            try:
                self.mapper.register_raw_stream_schema(name, stream.selected_schema, stream.primary_keys)
            except (StreamMapConfigError, MapExpressionError) as exc:
                raise SettingsError([f"stream_maps: {name}: {exc}"]) from exc
            _ = stream.flatteners  # refuses what can't work
        stream_maps.check_names(one for stream in self._own_streams.values() for one in stream.stream_maps)

    def load_state(self, state: dict[str, Any]) -> None:
        """Load a state, after a check that it is one of ours and whole."""
        check_state(state, self.streams)
        super().load_state(state)

    def sync_all(self) -> None:  # type: ignore[misc]
        """Read all streams; however that ends, write the state to go on from, and log the summary. Final in the SDK.

        Raises:
            RunError: data sets failed, or were not ready, if that is to fail.
        """
        self._read_all(self._log_summary)
        if self._stopped_by:
            sys.exit(128 + self._stopped_by)
        self.run.summary.check(fail_if_not_ready=self.fails_if_not_ready)

    def run_sync_dry_run(  # type: ignore[misc]
        self, dry_run_record_limit: int | None = 1, streams: Iterable[Stream] | None = None
    ) -> bool:
        """Read a few records of each stream, whether selected or not, and say what came. Final in the SDK.

        Raises:
            RunError: a data set failed.
        """
        self.limit = dry_run_record_limit
        for stream in streams or self.streams.values():
            stream.selected = True
        self._read_all(self._log_findings)
        self.run.summary.check(fail_if_not_ready=False)
        without = ", ".join(name for name, stream in self._own_streams.items() if not stream.has_records)
        came = sum(stream.has_records for stream in self._own_streams.values())
        self.logger.info("Tested: records of %d streams came%s.", came, f", none of {without}" if without else "")
        return True

    def _read_all(self, log: Callable[[], None]) -> None:
        """Read what is selected; however that ends, write STATE after all that came before, and log what came of it."""
        try:
            with ExitStack() as streams:
                try:
                    for stream in self._own_streams.values():
                        streams.enter_context(stream.opened())
                    memory.settle()
                    self.read()
                finally:
                    self._ending = True
        finally:
            self.run.close()
            try:
                self.states.write_last(self.state)
            finally:
                log()

    @property
    def _own_streams(self) -> Mapping[str, Any]:
        """The streams, by name: all are of this package's base."""
        return self.streams

    def _log_findings(self) -> None:
        """Log what somebody may have to act on."""
        selected = {name for name, stream in self.streams.items() if stream.selected}
        if selected <= {"reads"}:
            self.logger.warning(
                "No stream is selected%s: nothing was read. Select some in the catalog, "
                "for example with `meltano select %s orders '*'`, and see that stream_maps leave them in.",
                " but reads, which tells of the others" if selected else "",
                self.name,
            )
        for line in self.run.selection.gaps.lines():
            self.logger.warning("%s", line)
        self.run.summary.findings.log(self.logger)
        self._log_strays(kept=True)
        self._log_strays(kept=False)

    def _log_summary(self) -> None:
        self._log_findings()
        if self._stopped_by:
            self.logger.warning("Stopped by a signal. The next run goes on from the state that was written last.")
        self.run.summary.log()

    def _log_strays(self, *, kept: bool) -> None:
        if names := self.stray_fields.summary(kept=kept):
            more = "select 'unmapped'" if self.keeps_unknown_fields else "set unknown_fields to keep"
            self.logger.warning(
                "Values that the schema has no place for were %s: %s. "
                "Each field with the number of records; look for a newer version%s.",
                "kept in 'unmapped'" if kept else "dropped",
                names,
                "" if kept else f", or {more}",
            )

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End the run at the end of the line that is being written; `_read_all` then writes the STATE.

        The SDK would write the STATE within the write that the signal interrupted, and exit with 0. A second signal
        ends the process where it is: the target may have stopped reading for good.
        """
        now = time.monotonic()
        if self._stopped_by is None:
            self._stopped_by, self._stopped_at = signum, now
            if not self._ending:
                self.message_writer.stop(128 + signum)
        elif signum == self._stopped_by or now - self._stopped_at > SECONDS_OF_ONE_WISH:
            os._exit(128 + signum)

    def _setup_signal_handlers(self) -> None:
        """Stop when the terminal is closed as on SIGTERM, unless that is to be ignored, as under nohup."""
        super()._setup_signal_handlers()
        hangup = getattr(signal, "SIGHUP", None)  # there is none on Windows
        handled = threading.current_thread() is threading.main_thread()
        if hangup and handled and signal.getsignal(hangup) is not signal.SIG_IGN:
            signal.signal(hangup, self._handle_termination)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - the SDK's class property
        """The settings from the environment; what is bad names its setting, which the SDK's error does not."""
        return cls.environment(env_file(cls._env_var_prefix)).values()

    @classmethod
    def environment(cls, file: Mapping[str, str]) -> Environment:
        """Return the variables that give settings; `file` is what `.env` holds."""
        cls.append_builtin_config(cls.config_jsonschema)
        return Environment(cls._env_var_prefix, cls.config_jsonschema["properties"], file)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings our way: the SDK's check quotes a bad key, and misses values that can't work."""
        self.append_builtin_config(self.config_jsonschema)
        self._config = {name: value for name, value in self._config.items() if value is not None}
        found = self.settings_problems(self._config)
        if found and raise_errors:
            raise SettingsError(found)
        return found

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, with our way of reading files and reporting errors."""
        return Command.like(super().get_singer_command(), logger=cls.logger)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[Any, ...]) -> _ConfigInput:  # noqa: ARG003
        """Return the settings of all files given with --config; without any, the environment is read."""
        files = [one for one in value if one != ENVIRONMENT]
        return _ConfigInput({k: v for one in files for k, v in one.items()}, not value or ENVIRONMENT in value)

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput,
        state: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
    ) -> None:
        """Run the tap, as the SDK does, with files that have been read already."""
        super(Tap, cls).invoke(about=about, about_format=about_format)
        cls.logger.info("%s %s", cls.name, cls.plugin_version)
        if not config.parse_env:
            file: dict[str, str] = {}
            with suppress(InputError):
                file = env_file(cls._env_var_prefix)
            for line in cls.environment(file).unused(config.config):
                cls.logger.warning("%s", line)
        catalog = None if catalog is None else catalogs.checked(catalog)
        cls(config=config.config, parse_env_config=config.parse_env, state=state, catalog=catalog).sync_all()
