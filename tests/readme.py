"""The examples in the README, as tests run them."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tools.plugin import ROOT


def examples(language: str) -> list[str]:
    """Return the README's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def the_job() -> Any:
    """Return what the README's example for Kubernetes runs every night."""
    (nightly,) = (yaml.safe_load(text) for text in examples("yaml"))
    return nightly["spec"]["jobTemplate"]["spec"]
