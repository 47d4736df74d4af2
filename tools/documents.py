"""Makes the tables of README.md and the settings of meltano.yml from what the tap says of itself.

`python -m tools.documents` writes them; a test fails while they differ.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TAP = (sys.executable, "-m", "tap_codat_commerce.tap")
SDK_DOCS = "https://sdk.meltano.com/en/latest/"


def about() -> dict[str, Any]:
    """Return what `--about` says."""
    return said("--about", "--format", "json")


@lru_cache
def said(*arguments: str) -> dict[str, Any]:
    """Return the JSON that the tap prints; the same for as long as this process lives."""
    done = subprocess.run([*TAP, *arguments], capture_output=True, check=True, cwd=ROOT)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def own_settings(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the tap itself: the SDK adds its own after them."""
    names = list(properties)
    return {n: properties[n] for n in names[: names.index("stream_maps")]}


def settings_table(properties: dict[str, Any]) -> str:
    """Return the settings as a Markdown table."""
    lines = ["| setting | default | |", "|---|---|---|"]
    for name, schema in own_settings(properties).items():
        default = schema.get("default")
        if isinstance(default, list):
            shown = ", ".join(f"`{d}`" for d in default)
        elif default is None:
            shown = "required, secret" if schema.get("secret") else "none"
        else:
            shown = f"`{json.dumps(default).strip(chr(34))}`"
        lines.append(f"| `{name}` | {shown} | {schema['description']} |")
    return "\n".join(lines)


def streams_table(catalog: dict[str, Any]) -> str:
    """Return the streams as a Markdown table, in the order of the SDK."""
    lines = ["| stream | key | replication |", "|---|---|---|"]
    for stream in catalog["streams"]:
        key = ", ".join(f"`{k}`" for k in stream["key_properties"])
        method = stream["replication_method"]
        by = f" by `{stream['replication_key']}`" if stream.get("replication_key") else ""
        lines.append(f"| `{stream['stream']}` | {key} | {method}{by} |")
    return "\n".join(lines)


def meltano_settings(properties: dict[str, Any]) -> str:
    """Return the settings as Meltano's plugin definition wants them."""
    lines = ["    settings:"]
    for name, schema in properties.items():
        lines.append(f"    - name: {name}")
        lines.append(f"      label: {json.dumps(schema.get('title') or name)}")
        lines += [f"      {line}" for line in kind(schema)]
        if "default" in schema and schema["default"] is not None:
            lines.append(f"      value: {json.dumps(schema['default'])}")
        lines.append(f"      description: {json.dumps(description(name, schema), ensure_ascii=False)}")
    return "\n".join(lines)


def kind(schema: dict[str, Any]) -> list[str]:
    """Return the lines that say what kind of setting it is."""
    if schema.get("enum"):
        options = [f"- {{label: {value}, value: {value}}}" for value in schema["enum"]]
        return ["kind: options", "options:", *options]
    if schema.get("format") == "date-time":
        return ["kind: date_iso8601"]
    types = [t for t in schema["type"] if t != "null"] if isinstance(schema["type"], list) else [schema["type"]]
    found = f"kind: {types[0]}"
    return [found, "sensitive: true"] if schema.get("secret") else [found]


def description(name: str, schema: dict[str, Any]) -> str:
    """Return the description on one line."""
    return " ".join((schema.get("description") or f"{name}: see {SDK_DOCS}").split())


def between(text: str, mark: str, comment: tuple[str, str], content: str) -> str:
    """Return the text with what stands between a pair of marks replaced."""
    begin, end = (f"{comment[0]} {word} {mark}{comment[1]}" for word in ("begin", "end"))
    pattern = re.compile(rf"(^[ ]*{re.escape(begin)}\n).*?(^[ ]*{re.escape(end)}$)", re.DOTALL | re.MULTILINE)
    if not pattern.search(text):
        msg = f"there is no '{begin}' … '{end}'"
        raise ValueError(msg)
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def documents() -> dict[Path, str]:
    """Return the documents as they should be."""
    properties = about()["settings"]["properties"]
    readme, meltano = ROOT / "README.md", ROOT / "meltano.yml"
    text = between(readme.read_text(), "settings", ("<!--", " -->"), settings_table(properties))
    text = between(text, "streams", ("<!--", " -->"), streams_table(said("--discover")))
    plugin = between(meltano.read_text(), "settings, made by dev.py docs", ("#", ""), meltano_settings(properties))
    return {readme: text, meltano: plugin}


def main() -> None:
    """Write them."""
    for path, text in documents().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
