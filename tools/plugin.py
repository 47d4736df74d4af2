"""What the tap says of itself, and its settings as Meltano names them."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from typing import Any

from tools.environments import ROOT

TAP = (sys.executable, "-m", "tap_codat_commerce")
SDK_DOCS = "https://sdk.meltano.com/en/latest/"


def about() -> dict[str, Any]:
    """Return what `--about` says."""
    return said("--about", "--format", "json")


@lru_cache
def said(*arguments: str) -> dict[str, Any]:
    """Return the JSON that the tap prints; the same for as long as this process lives."""
    done = subprocess.run([*TAP, *arguments], capture_output=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def settings(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the settings as Meltano's plugin definitions have them.

    Args:
        properties: of the JSON schema of the settings.
    """
    return [setting(name, schema) for name, schema in properties.items()]


def setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return one setting."""
    found = {"name": name, "label": schema.get("title") or name, "kind": kind(schema)}
    if schema.get("enum"):
        found["options"] = [{"label": value, "value": value} for value in schema["enum"]]
    if schema.get("secret"):
        found["sensitive"] = True
    if schema.get("default") is not None:
        found["value"] = schema["default"]
    description = schema.get("description") or f"{name}: see {SDK_DOCS}"
    return found | {"description": " ".join(description.split())}


def kind(schema: dict[str, Any]) -> str:
    """Return what kind of setting it is, in Meltano's words."""
    if schema.get("enum"):
        return "options"
    if schema.get("format") == "date-time":
        return "date_iso8601"
    types = [t for t in schema["type"] if t != "null"] if isinstance(schema["type"], list) else [schema["type"]]
    return str(types[0])
