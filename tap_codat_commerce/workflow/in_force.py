"""`codat-commerce settings`: each setting in force, and where it comes from. No secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat.redaction import clean
from tap_codat_commerce.singer.errors import SettingsError
from tap_codat_commerce.tap import TapCodatCommerce
from tap_codat_commerce.workflow import show
from tap_codat_commerce.workflow.session import given

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = ("setting", "value", "where it comes from")
DEFAULT = "default"


@dataclass(frozen=True)
class InForce:
    """A setting: its value, None if there is none, and where that comes from, for people."""

    setting: str
    value: Any
    origin: str


def show_settings(files: Sequence[str], *, as_json: bool) -> None:
    """Print each setting that is in force.

    Raises:
        InputError: a file can't be read.
        SettingsError: a setting is bad; the others have been printed.
    """
    config, origins, of_files, variables, problems = given(files)
    schema = TapCodatCommerce.config_jsonschema["properties"]
    names = [name for name in schema if name in config or "default" in schema[name]]
    lines = [
        InForce(name, _shown(schema[name], config.get(name)), origins[name])
        if config.get(name) is not None
        else InForce(name, schema[name].get("default"), DEFAULT)
        for name in names
    ]
    if as_json:
        show.as_json([asdict(line) for line in lines])
    else:
        show.table(HEAD, [(line.setting, _text(line.value), line.origin) for line in lines])
    for line in variables.unused(of_files) if files else ():
        show.note(f"For the tap: {line}")
    if problems := problems + TapCodatCommerce.settings_problems(config):
        raise SettingsError(problems)
    TapCodatCommerce(config=config)  # which looks at stream maps


def _shown(schema: dict[str, Any], value: Any) -> Any:
    """Return a value that may be shown: of an object, which may hold a salt or a password, its names alone."""
    if schema.get("secret"):
        return "set, not shown"
    if isinstance(value, dict):
        return f"an object of {', '.join(sorted(value))}"
    return clean(value).partition("?")[0] if isinstance(value, str) and "://" in value else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
