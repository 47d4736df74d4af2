"""What is read if nothing is set."""

from __future__ import annotations

from dataclasses import fields

from tap_codat_commerce.settings import SCHEMA, Settings
from tap_codat_commerce.sync.options import SyncOptions


def test_each_setting_is_taken_once_under_its_name() -> None:
    taken = [field.name for kind in (Settings, SyncOptions) for field in fields(kind)]
    assert sorted(taken) == sorted({*SCHEMA["properties"], "sync"} - {"unknown_fields"})  # streams read that one


def test_options_are_the_defaults_of_the_settings_if_nothing_is_set() -> None:
    found = Settings.of({"api_key": "key"}).sync
    for field in fields(SyncOptions):
        value, default = getattr(found, field.name), SCHEMA["properties"][field.name].get("default")
        assert value == (set(default) if isinstance(default, list) else default) or (default is None and not value)
