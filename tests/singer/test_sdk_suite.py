"""The SDK's own tests, over the stand-in; and a guard over the parts of the SDK that we replace."""

from __future__ import annotations

import inspect

import pytest
from singer_sdk import Stream, Tap
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.helpers._state import StateWriter
from singer_sdk.plugin_base import PluginBase, SingerCommand
from singer_sdk.streams._state import StreamStateManager
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from codat_mock.running import Running
from codat_mock.world import World
from conftest import API_KEY
from tap_codat_commerce.tap import TapCodatCommerce

# The SDK wants the settings when this module is imported; so the stand-in runs from then on, in a thread that
# ends with the process.
STAND_IN = Running(World(companies=5, connections=2), API_KEY).__enter__()

TestTapCodatCommerce = get_tap_test_class(
    TapCodatCommerce,
    config={"api_key": API_KEY, "api_url": STAND_IN.url},
    suite_config=SuiteConfig(ignore_no_records_for_streams=[]),
)


@pytest.mark.parametrize(
    ("owner", "name", "expected"),
    [
        (Stream, "_write_schema_message", "(self) -> 'None'"),
        (Stream, "log", "(self, message: 'str', *args: 't.Any', level: 'int' = 20, **kwargs: 't.Any') -> 'None'"),
        (Tap, "sync_all", "(self) -> 'None'"),
        (Tap, "get_singer_command", "() -> 'click.Command'"),
        (Tap, "setup_mapper", "(self) -> 'None'"),
        (Tap, "_handle_termination", "(self, signum: 'int', frame: 'FrameType | None') -> 'None'"),
        (PluginBase, "_setup_signal_handlers", "(self) -> 'None'"),
        (Stream, "apply_catalog", "(self, catalog: 'singer.Catalog') -> 'None'"),
        (PluginBase, "_validate_config", "(self, *, raise_errors: 'bool' = True) -> 'list[str]'"),
        (SingerCommand, "invoke", "(self, ctx: 'click.Context') -> 't.Any'"),
        (StateWriter, "write_state", "(self, state: 'types.TapState') -> 'None'"),
        (StreamStateManager, "get_context_state", "(self, context: 'types.Context | None') -> 'dict'"),
        (StreamStateManager, "get_state_partitions", "(self) -> 'list[dict] | None'"),
        (MsgSpecWriter, "serialize_message", "(self, message: 'Message') -> 'bytearray'"),
    ],
)
def test_what_we_override_is_still_there_as_we_know_it(owner: type, name: str, expected: str) -> None:
    assert str(inspect.signature(getattr(owner, name))) == expected


@pytest.mark.parametrize(
    "name", ["increment_state", "write_starting_replication_value", "write_replication_key_signpost"]
)
def test_what_bookmarks_leave_out_is_all_that_moves_one(name: str) -> None:
    writers = {n for n, f in vars(StreamStateManager).items() if n.startswith(("write", "increment")) and callable(f)}
    assert name in writers
    assert writers == {"increment_state", "write_starting_replication_value", "write_replication_key_signpost"}


def test_the_sdk_still_takes_its_state_writer_from_where_we_put_ours() -> None:
    assert "self._state_writer.write_state" in inspect.getsource(Tap.sync_all)
    assert "return self._state_writer" in inspect.getsource(Tap.state_writer.fget)  # type: ignore[attr-defined]
