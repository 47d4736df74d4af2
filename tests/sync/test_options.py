"""What is read if nothing is set."""

from __future__ import annotations

from tap_codat_commerce.settings import Settings
from tap_codat_commerce.sync.options import SyncOptions


def test_options_are_what_the_settings_are_if_nothing_is_set() -> None:
    assert Settings.of({"api_key": "key"}).sync == SyncOptions()
