"""Makes from the code: tables of the documents, pages of streams and marts, meltano.yml, the Hub's file, dbt's sources.

`python -m tools.documents` writes them; a test fails while they differ.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from tap_codat_commerce.workflow.assumptions import OTHERWISE
from tools import diagrams, dictionary, hub, marts, warehouse
from tools.environments import ROOT
from tools.plugin import about, settings

if TYPE_CHECKING:
    from pathlib import Path

ORDER = ("name", "kind", "value", "label", "description", "options", "sensitive")
"""Of what is said of a setting, as Meltano writes it."""


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


def check_table() -> str:
    """Return what `codat-commerce check` looks at as a Markdown table."""
    rows = [f"| {assumption} | {otherwise} |" for assumption, otherwise in OTHERWISE.items()]
    return "\n".join(["| assumption | if it is wrong |", "|---|---|", *rows])


def meltano_settings(properties: dict[str, Any]) -> str:
    """Return the settings for meltano.yml."""
    lines = ["    settings:"]
    for one in settings(properties):
        named = [f"{name}: {scalar(one[name])}" for name in ORDER if name in one]
        lines += [f"    - {named[0]}", *(f"      {line}" for line in named[1:])]
    return "\n".join(lines)


def short_settings(properties: dict[str, Any]) -> str:
    """Return the settings for a meltano.yml that says no more of them than Meltano needs."""
    lines = []
    for one in settings(properties):
        named = {name: one[name] for name in ("name", "kind", "sensitive") if name in one}
        named["kind"] = "string" if one["kind"] == "options" else one["kind"]
        lines.append(f"    - {scalar(named)}")
    return "\n".join(lines)


def scalar(value: Any) -> str:
    """Return a value as Meltano writes it, so that it leaves the file as it is when it sets something."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {scalar(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(scalar, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    with contextlib.suppress(yaml.YAMLError):
        if yaml.safe_load(f"key: {value}") == {"key": value}:
            return value
    return json.dumps(value, ensure_ascii=False) if "'" in value else f"'{value}'"


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
    html = ("<!--", " -->")
    parts = {
        ROOT / "README.md": {
            "settings": settings_table(properties),
            "streams": dictionary.table("docs/streams/", short=True),
        },
        ROOT / "docs" / "settings.md": {"settings": settings_table(properties)},
        dictionary.FOLDER / "index.md": {
            "diagram": diagrams.parents(),
            "references": diagrams.references(),
            "streams": dictionary.table(""),
        },
        ROOT / "ARCHITECTURE.md": {"check": check_table()},
        **marts.parts(),
    }
    found = {hub.PATH: hub.text(about()), **dictionary.pages(), **warehouse.files()}
    for path, contents in parts.items():
        found[path] = path.read_text()
        for mark, content in contents.items():
            found[path] = between(found[path], mark, html, content)
    mark, yaml_comment = "settings, made by dev.py docs", ("#", "")
    meltano, readme = ROOT / "meltano.yml", ROOT / "README.md"
    found[meltano] = between(meltano.read_text(), mark, yaml_comment, meltano_settings(properties))
    found[readme] = between(found[readme], mark, yaml_comment, short_settings(properties))
    return found


def main() -> None:
    """Write them."""
    for path, text in documents().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
