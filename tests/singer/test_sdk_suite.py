"""The SDK's own tests, over the stand-in; and a guard over the parts of the SDK that we replace."""

from __future__ import annotations

import inspect
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.testing import SuiteConfig, get_tap_test_class

import tap_codat_commerce
from codat_mock.running import Running
from codat_mock.world import World
from conftest import API_KEY
from tap_codat_commerce import singer, streams, tap
from tap_codat_commerce.tap import TapCodatCommerce

# The SDK wants the settings when this module is imported; so the stand-in runs from then on, in a thread that
# ends with the process.
STAND_IN = Running(World(companies=5, connections=2), API_KEY).__enter__()

TestTapCodatCommerce = get_tap_test_class(
    TapCodatCommerce,
    config={"api_key": API_KEY, "api_url": STAND_IN.url},
    suite_config=SuiteConfig(ignore_no_records_for_streams=[]),
)


OVERRIDDEN = {
    # what runs: the loop is our own, and ends with a STATE and a summary
    "Tap.sync_all": "(self) -> 'None'",
    "Tap.run_sync_dry_run": "(self, dry_run_record_limit: 'int | None' = 1, "
    "streams: 't.Iterable[Stream] | None' = None) -> 'bool'",
    "Tap._handle_termination": "(self, signum: 'int', frame: 'FrameType | None') -> 'None'",
    "PluginBase._setup_signal_handlers": "(self) -> 'None'",
    "Stream.get_records": "(self, context: 'types.Context | None') -> "
    "'t.Iterable[types.Record | tuple[dict, dict | None]]'",
    # what is given
    "Tap.load_state": "(self, state: 'dict[str, t.Any]') -> 'None'",
    "Tap.setup_mapper": "(self) -> 'None'",
    "Stream.apply_catalog": "(self, catalog: 'singer.Catalog') -> 'None'",
    "Stream.effective_schema": "(self) -> 'dict'",
    "Stream.is_timestamp_replication_key": "(self) -> 'bool'",
    "Stream.get_batch_config": "(self, config: 't.Mapping') -> 'BatchConfig | None'",
    "PluginBase._env_var_config": "(cls) -> 'dict[str, t.Any]'",
    "PluginBase._validate_config": "(self, *, raise_errors: 'bool' = True) -> 'list[str]'",
    "PluginBase.cb_config": "(cls: 'type[PluginBase]', ctx: 'click.Context', param: 'click.Option', "
    "value: 'tuple[str, ...]') -> '_ConfigInput'",
    "Tap.invoke": "(cls, *, about: 'bool' = False, about_format: 'str | None' = None, "
    "config: '_ConfigInput | None' = None, state: 't.IO[str] | None' = None, "
    "catalog: 't.IO[str] | None' = None) -> 'None'",
    "Tap.get_singer_command": "(cls) -> 'click.Command'",
    # what comes out
    "Tap.discover_streams": "(self) -> 't.Sequence[Stream]'",
    "Stream._generate_schema_messages": "(self) -> 't.Generator[singer.SchemaMessage, None, None]'",
    "GenericSingerWriter.serialize_message": "(self, message: 'M') -> '_WT'",
    "GenericSingerWriter.write_message": "(self, message: 'M') -> 'None'",
}
"""What of the SDK is overridden, with its signature there. ARCHITECTURE.md says why."""
MODULES = [import_module(f"{singer.__name__}.{module.name}") for module in iter_modules(singer.__path__)]


def overridden() -> dict[str, str]:
    """Return the functions and properties of the SDK in whose place there are some of ours."""
    classes = {c for module in (*MODULES, streams, tap) for c in vars(module).values() if inspect.isclass(c)}
    found = {}
    for ours in (c for c in classes if c.__module__.startswith(tap_codat_commerce.__name__)):
        for name, part in vars(ours).items():
            base = next((b for b in ours.__mro__[1:] if name in vars(b)), object)
            is_code = inspect.isfunction(part) or isinstance(part, property | cached_property | classmethod)
            is_code = is_code or isinstance(part, classproperty)
            if base.__module__.startswith("singer_sdk") and is_code and name != "__init__":
                found[f"{base.__name__}.{name}"] = _signature(vars(base)[name])
    return found


def _signature(part: Any) -> str:
    return str(inspect.signature(getattr(part, "fget", None) or getattr(part, "__func__", None) or part))


def test_what_is_overridden_is_listed_and_is_as_we_know_it() -> None:
    assert overridden() == OVERRIDDEN


def test_what_is_overridden_is_explained() -> None:
    text = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text()
    explained = text.partition("## What is overridden in the SDK")[2].partition("\n## ")[0]
    offered = {"Tap.discover_streams", "Stream.get_batch_config"}
    assert [name for name in OVERRIDDEN.keys() - offered if f"`{name}`" not in explained] == []
