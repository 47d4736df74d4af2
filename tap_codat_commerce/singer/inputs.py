"""Files that a run is given: what can't be used is refused in one line."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import unicode_repair
from tap_codat_commerce.singer.errors import InputError

if TYPE_CHECKING:
    from jsonschema import ValidationError

KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


HALF = r"an escape like \ud800 is half a character"
EMPTY = {"--state": "is empty, as the run before ended without a STATE. Delete it, and run without --state"}


def read_object(option: str, path: str) -> dict[str, Any]:
    """Return the JSON object in a file, which was given with an option of the command line.

    Raises:
        InputError: there is no such file, or none of that form.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
        found = parsed(text)
    except OSError as exc:
        what = f"can't be read: {exc.strerror}"
    except UnicodeDecodeError:
        what = "is no text in UTF-8: save it in that encoding"
    except (ValueError, RecursionError) as exc:
        what = f"is no JSON: {exc}" if text else EMPTY.get(option, "is empty")
    else:
        if isinstance(found, dict):
            return found
        what = f"holds {kind_of(found)}"
    msg = f"{option} {path}: {what}. It has to be a file with a JSON object."
    raise InputError(msg)


def parsed(text: str) -> Any:
    """Return the value of a JSON text, numbers with a fraction as Decimal.

    Raises:
        ValueError: it is none, or nobody else could read it: it holds other bytes, or half a character.
        RecursionError: it is nested too deeply.
    """
    found = json.loads(text, parse_float=Decimal)
    if unicode_repair.mended(text.encode())[1]:
        raise ValueError(HALF)
    return found


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
