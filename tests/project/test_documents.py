"""README and meltano.yml say what is so; and the rooms stay apart."""

from __future__ import annotations

import ast
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from conftest import STREAMS
from readme import examples, the_job
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


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md"])
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    headings = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_the_tests_that_are_named_are_there() -> None:
    tests = "".join((ROOT / p).read_text() for p in TRACKED if p.startswith("tests/") and (ROOT / p).exists())
    named = re.findall(r"`([Tt]est\w+)`", (ROOT / "ARCHITECTURE.md").read_text())
    assert named
    assert [name for name in named if not re.search(rf"(def|class) {name}", tests)] == []


def test_only_the_state_manager_knows_the_shape_of_state() -> None:
    """What imports what is checked by `python3 dev.py lint`."""
    for path in (p for p in TRACKED if p.startswith("tap_codat_commerce/") and p.endswith(".py")):
        if not path.endswith("singer/bookmarks.py") and (ROOT / path).exists():
            text = (ROOT / path).read_text()
            assert '"partitions"' not in text, path
            assert "replication_key_value" not in text, path


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
