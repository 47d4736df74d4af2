"""What a run is given from outside: files and the environment. What can't be used is refused in one line."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import find_dotenv, load_dotenv

from tap_codat_commerce.records.fields import alternatives
from tap_codat_commerce.singer.errors import InputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema import ValidationError

    from tap_codat_commerce.records.fields import Schema

KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def read_object(option: str, path: str) -> dict[str, Any]:
    """Return the JSON object in a file, which was given with an option of the command line.

    Raises:
        InputError: there is no such file, or none of that form.
    """
    try:
        found = json.loads(Path(path).read_text("utf-8-sig"), parse_float=Decimal)
    except OSError as exc:
        what = f"can't be read: {exc.strerror}"
    except UnicodeDecodeError:
        what = "is no text in UTF-8: save it in that encoding"
    except (ValueError, RecursionError) as exc:
        what = f"is no JSON: {exc}"
    else:
        if isinstance(found, dict):
            return found
        what = f"holds {kind_of(found)}"
    msg = f"{option} {path}: {what}. It has to be a file with a JSON object."
    raise InputError(msg)


def from_environment(prefix: str, settings: Mapping[str, Schema]) -> dict[str, Any]:
    """Return the settings that are in the environment, or in the file `.env` of this folder or one above it.

    Args:
        prefix: of the names of variables.
        settings: the JSON Schema of each, by name.

    Raises:
        InputError: that file can't be read.
        SettingsError: some are not of their type.
    """
    try:
        load_dotenv(find_dotenv(usecwd=True))
    except (OSError, UnicodeDecodeError) as exc:
        msg = f".env: can't be read as text in UTF-8: {getattr(exc, 'strerror', None) or 'it holds other bytes'}"
        raise InputError(msg) from exc
    found, problems = {}, []
    for name, schema in settings.items():
        variable = prefix + name.upper()
        if variable in os.environ:
            kind = next((one["type"] for one in alternatives(schema)), "object")
            try:
                found[name] = _parsed(os.environ[variable], kind)
            except (ValueError, LookupError):
                problems.append(f"{name}: {variable} must hold {KINDS[kind]}{' as JSON' if kind == 'object' else ''}")
    if problems:
        raise SettingsError(problems)
    return found


def _parsed(text: str, kind: str) -> Any:
    """Return the value that a text stands for; a list may also be written as `a,b`."""
    if kind == "integer":
        return int(text)
    if kind == "boolean":
        return TRUTH[text.strip().lower()]
    if kind == "array" and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",")]
    return text if kind == "string" else json.loads(text, parse_float=Decimal)


def described(error: ValidationError) -> str:
    """Return what is wrong with a value: never the value itself, as it may be a key that stands in the wrong place."""
    wanted: Any = error.validator_value
    match error.validator:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return f"must be {' or '.join(KINDS[k] for k in kinds if k != 'null')}, not {kind_of(error.instance)}"
        case "required":
            return re.sub(r"^'(.*)' is a required property$", r"\1 is missing", error.message)
        case "minimum":
            return f"must be at least {wanted}"
        case "maximum":
            return f"must be at most {wanted}"
        case "enum":
            return f"must be one of {', '.join(filter(None, wanted))}"
    return "is not of a form that is allowed there"


def kind_of(value: Any) -> str:
    """Return what kind of JSON value it is."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case dict():
            return "an object"
        case list():
            return "a list"
    return "a number"
