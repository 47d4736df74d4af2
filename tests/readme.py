"""The examples in README.md and in docs/, as tests run them."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tools.environments import ROOT


def examples(page: str, language: str) -> list[str]:
    """Return the blocks of a language on a page, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def the_job() -> Any:
    """Return what the example for Kubernetes runs every night."""
    (nightly,) = (yaml.safe_load(text) for text in examples("docs/several-machines.md", "yaml"))
    return nightly["spec"]["jobTemplate"]["spec"]
