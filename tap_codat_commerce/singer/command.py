"""The command line: an error is logged as one line that says what to do, and ends the tap with an exit code."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Any

import click
from singer_sdk.plugin_base import SingerCommand

from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.codat.redaction import quoted
from tap_codat_commerce.singer import stdio
from tap_codat_commerce.singer.errors import InputError, OutputError, SettingsError
from tap_codat_commerce.singer.inputs import read_object
from tap_codat_commerce.sync.run_summary import RunError

ENVIRONMENT = "ENV"
"""What is given with --config in the place of a file, for settings from the environment."""


def without_commentary(record: logging.LogRecord) -> bool:
    """Say whether a record goes into the log: what the SDK says of its own steps does so for debugging only."""
    own = record.levelno != logging.INFO or f"{os.sep}singer_sdk{os.sep}" not in record.pathname
    return own or logging.getLogger().isEnabledFor(logging.DEBUG)


def defect(error: Exception) -> str:
    """Return a line about an error that is nobody's but ours."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}, line {place.lineno}"  # noqa: PTH119 - cheaper to import
    what = quoted(f"{type(error).__name__}: {error}")
    return (
        f"This is a defect of the tap: {what} ({where}). Report it with the traceback that the log has at level debug."
    )


class JsonFile(click.ParamType[Any]):
    """A file with a JSON object: its content is the option's value."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        """Read the file.

        Raises:
            InputError: it can't be read.
        """
        option = f"--{param.human_readable_name if param else 'config'}"
        return value if (option, value) == ("--config", ENVIRONMENT) else read_object(option, value)


class Command(SingerCommand):
    """The SDK's command, without a traceback for errors that a user can mend."""

    @classmethod
    def like(cls, command: click.Command, logger: logging.Logger) -> Command:
        """Return the same command as one of this class, which reads files itself."""
        for option in command.params:
            if option.name in {"config", "state", "catalog"}:
                option.type = JsonFile()
        return cls(
            name=command.name,
            callback=command.callback,
            context_settings={"help_option_names": ["-h", "--help"]},
            params=command.params,
            help=command.help,
            logger=logger,
        )

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; end with 1 and a line for each problem."""
        try:
            stdio.prepare()
            for handler in logging.getLogger().handlers:
                handler.addFilter(without_commentary)
            try:
                return super().main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except SettingsError as exc:
            self._end(*exc.problems)
        except (CodatError, RunError, InputError, OutputError) as exc:
            self._end(str(exc))
        except Exception as exc:  # noqa: BLE001 - whatever nobody thought of is one line, too
            self._end(f"{defect(exc)} The next run goes on from the last STATE.")

    def _end(self, *lines: str) -> None:
        for line in lines:
            self.logger.error("%s", line)
        self.logger.debug("Where that came from:", exc_info=sys.exc_info())
        sys.exit(1)
