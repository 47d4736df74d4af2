"""README and meltano.yml say what is so; and the rooms stay apart."""

from __future__ import annotations

import ast
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from conftest import STREAMS
from tools import documents, plugin

if TYPE_CHECKING:
    from pathlib import Path

ROOT = plugin.ROOT
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
    capture_output=True,
    text=True,
    check=True,
    cwd=ROOT,
).stdout.splitlines()


@pytest.mark.parametrize("path", documents.documents(), ids=lambda p: p.name)
def test_what_is_made_from_the_code_is_current(path: Path) -> None:
    assert path.read_text() == documents.documents()[path], "run: python3 dev.py docs"


def test_capabilities_in_meltano_are_those_of_the_tap() -> None:
    block = re.search(r"    capabilities:\n((?:    - .*\n)+)", (ROOT / "meltano.yml").read_text())
    assert block
    assert sorted(re.findall(r"- (\S+)", block[1])) == sorted(plugin.about()["capabilities"])


def test_every_stream_has_a_row_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(f"| `{stream}` |" in readme for stream in STREAMS)


def test_links_within_the_readme_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text()
    headings = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", readme, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.parametrize("path", [p for p in TRACKED if p.startswith("tap_codat_commerce/codat/")])
def test_codat_knows_nothing_of_singer_nor_of_what_is_above_it(path: str) -> None:
    for name in imported(path):
        assert not name.startswith("singer"), name
        assert not name.startswith("tap_codat_commerce") or name.startswith("tap_codat_commerce.codat"), name


def test_streams_hold_no_http_and_only_bookmarks_the_shape_of_state() -> None:
    for path in (p for p in TRACKED if p.startswith("tap_codat_commerce/") and p.endswith(".py")):
        text = (ROOT / path).read_text()
        if not path.endswith("codat/client.py"):
            assert "requests" not in imported(path), path
        if not path.endswith("bookmarks.py"):
            assert '"partitions"' not in text, path
            assert "replication_key_value" not in text, path


@pytest.mark.parametrize("path", [p for p in TRACKED if p.startswith("codat_mock/") and p.endswith(".py")])
def test_the_stand_in_shares_nothing_with_the_tap(path: str) -> None:
    assert not any(name.startswith("tap_codat_commerce") for name in imported(path))


def imported(path: str) -> set[str]:
    """Return the names of the modules that a file imports."""
    tree = ast.parse((ROOT / path).read_text() if path.endswith(".py") else "")
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def examples(language: str) -> list[str]:
    """Return the README's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def the_job() -> Any:
    """Return what the README's example for Kubernetes runs every night."""
    (nightly,) = (yaml.safe_load(text) for text in examples("yaml"))
    return nightly["spec"]["jobTemplate"]["spec"]


def test_the_examples_for_several_machines_parse() -> None:
    job = the_job()
    container = job["template"]["spec"]["containers"][0]
    assert job["completions"] == int(container["env"][0]["value"])
    assert "\n" not in container["args"][0]
    (dag,) = map(ast.parse, examples("python"))
    assert any(isinstance(node, ast.FunctionDef) for node in dag.body)
    known = {f"TAP_CODAT_COMMERCE_{name.upper()}" for name in plugin.about()["settings"]["properties"]}
    text = "".join(examples("yaml") + examples("python") + examples("sh"))
    assert set(re.findall(r"TAP_CODAT_COMMERCE_\w+", text)) <= known
