"""Makes the definition for Meltano Hub, where people look for taps, from what the tap says of itself."""

from __future__ import annotations

import tomllib
from typing import Any

import yaml

from tools.environments import ROOT
from tools.plugin import settings

PATH = ROOT / "hub" / "tap-codat-commerce.yml"
HEAD = "# Made by dev.py docs; in the repository of Meltano Hub: _data/meltano/extractors/{name}/{variant}.yml\n"
LABEL = "Codat Commerce"
DOMAIN = "https://www.codat.io"

PREREQ = """\
You need an API key: Codat Portal, Developers, API keys. The raw key and the whole `Basic …` header are both accepted.

Codat has to be told to fetch commerce data before there is any: `meltano invoke tap-codat-commerce:enable`. Then
connect a shop: `meltano invoke tap-codat-commerce:connect NAME --platform KEY`. When its data is there, you see by
`meltano invoke tap-codat-commerce:status`.
"""
NEXT_STEPS = """\
The second run reads only what is new: Meltano keeps the state. `data_status` says how fresh each data set is. The
documents say what to alert on, what the exit codes mean, and how to use several machines.
"""


def definition(about: dict[str, Any]) -> dict[str, Any]:
    """Return the definition; its keys are those that the Hub knows.

    Args:
        about: what `--about` says.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    repo = project["urls"]["Source"]
    (extractor,) = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["extractors"]
    commands: dict[str, Any] = extractor["commands"]
    return {
        "capabilities": sorted(about["capabilities"]),
        "commands": dict(sorted(commands.items())),
        "description": about["description"],
        "docs": f"{repo}#readme",
        "domain_url": DOMAIN,
        "executable": about["name"],
        "keywords": ["api", "commerce", "meltano_sdk"],
        "label": LABEL,
        "maintenance_status": "active",
        "name": about["name"],
        "namespace": about["name"].replace("-", "_"),
        "next_steps": NEXT_STEPS,
        "pip_url": f"git+{repo}.git",  # the name alone, once it is on PyPI
        "prereq": PREREQ,
        "quality": "silver",
        "repo": repo,
        "settings": [dict(sorted(one.items())) for one in settings(about["settings"]["properties"])],
        "settings_group_validation": [sorted(about["settings"]["required"])],
        "settings_preamble": "",
        "supported_python_versions": about["supported_python_versions"],
        "usage": "",
        "variant": repo.split("/")[-2],
    }


def text(about: dict[str, Any]) -> str:
    """Return the definition as a file."""
    found = definition(about)
    return HEAD.format(**found) + yaml.dump(found, Dumper=Blocks, allow_unicode=True, width=120)


class Blocks(yaml.SafeDumper):
    """Writes text of several lines as such."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


Blocks.add_representer(str, _text)
