"""Makes of the dbt package what the documents show of it: the columns of the marts, and which model is made of which.

The first by `dev.py docs`. The second is dbt's to know: `python -m tools.marts MANIFEST.json` draws it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from tools.environments import ROOT

MODELS = ROOT / "transform" / "models"
FOLDER = ROOT / "docs" / "marts"
PAGE = ROOT / "docs" / "warehouse.md"
PICTURE = re.compile(r"(?<=<!-- begin models -->\n).*?(?=<!-- end models -->)", re.DOTALL)
STAGING = "stg_codat__"
MANY = 5
"""What is made of more staging views than that has one arrow, from all of them."""


def marts() -> list[dict[str, Any]]:
    """Return what is said of each mart."""
    found: list[dict[str, Any]] = yaml.safe_load((MODELS / "marts" / "marts.yml").read_text())["models"]
    return found


def parts() -> dict[Path, dict[str, str]]:
    """Return what is made of each page, by its marks; a page has the columns of all marts that it has marks for."""
    tables = {mart["name"]: columns(mart) for mart in marts()}
    pages = {
        page: {name: table for name, table in tables.items() if f"<!-- begin {name} -->" in page.read_text()}
        for page in sorted(FOLDER.glob("*.md"))
    }
    shown = {name for names in pages.values() for name in names}
    if missing := tables.keys() - shown:
        msg = f"there is no page with {sorted(missing)}"
        raise ValueError(msg)
    return pages


def columns(mart: dict[str, Any]) -> str:
    """Return the columns of a mart as a Markdown table."""
    rows = [f"| `{one['name']}` | {one['description'].strip()} |" for one in mart["columns"]]
    return "\n".join(["| column | meaning |", "|---|---|", *rows])


def picture(manifest: dict[str, Any]) -> str:
    """Return the models of dbt's manifest as a flowchart: a box for each folder, an arrow to what is made of it."""
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    lines = ["```mermaid", "flowchart LR"]
    arrows = []
    for name, node in sorted(models.items()):
        sources = [source.rpartition(".")[2] for source in node["depends_on"]["nodes"] if source.startswith("model.")]
        staged = [source for source in sources if source.startswith(STAGING)]
        if len(staged) > MANY:
            sources = ["staging", *(source for source in sources if source not in staged)]
        arrows += [f"    {source} --> {name}" for source in sources]
    used = {arrow.split()[0] for arrow in arrows}
    for folder in ("staging", "core", "marts"):
        names = sorted(name for name, node in models.items() if node["fqn"][1] == folder)
        lines.append(f"    subgraph {folder}")
        lines += [
            f'        {name}["{name.removeprefix(STAGING)}"]' for name in names if folder != "staging" or name in used
        ]
        lines.append("    end")
    return "\n".join([*lines, *arrows, "```"])


def drawn(page: str, manifest: dict[str, Any]) -> str:
    """Return the page of the warehouse with the picture of the models in it."""
    return PICTURE.sub(lambda _: picture(manifest) + "\n", page)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(), json.loads(Path(sys.argv[1]).read_text())))
