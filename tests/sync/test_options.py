"""What is read if nothing is set."""

from __future__ import annotations

from dataclasses import fields
from itertools import takewhile

from tap_codat_commerce.settings import SCHEMA, Settings
from tap_codat_commerce.sync.options import SyncOptions


def test_each_setting_is_taken_once_under_its_name() -> None:
    taken = [field.name for kind in (Settings, SyncOptions) for field in fields(kind)]
    own = set(takewhile(lambda name: name != "stream_maps", SCHEMA["properties"]))  # the SDK adds its own after them
    assert sorted(taken) == sorted(own - {"unknown_fields"} | {"sync"}), "streams read unknown_fields"


def test_options_are_the_defaults_of_the_settings_if_nothing_is_set() -> None:
    found = Settings.of({"api_key": "key"}).sync
    for field in fields(SyncOptions):
        value, default = getattr(found, field.name), SCHEMA["properties"][field.name].get("default")
        assert value == (set(default) if isinstance(default, list) else default) or (default is None and not value)
