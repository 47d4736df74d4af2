"""Every command of README.md and docs/ is run against a stand-in, or a comment says who runs it, or why nobody does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from conftest import API_KEY
from loaded import Jsonl
from readme import examples
from tools.environments import ROOT, UV, environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

pytestmark = pytest.mark.slow
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- (not run|run by): ([^>]*) -->\n)?^( *)```(sh|json)\n(.*?)^\3```$", re.DOTALL | re.MULTILINE
)
URL = "git+https://github.com/tap-codat-commerce/tap-codat-commerce.git"
OURS = f"git+{ROOT.as_uri()}"
"""The same, before it is there."""


class Block(NamedTuple):
    """Commands, or a file of settings, that a page shows."""

    page: Path
    mark: str
    mark_text: str
    indent: str
    language: str
    text: str

    @property
    def lines(self) -> str:
        """The text without its indentation."""
        return re.sub(f"^{self.indent}", "", self.text, flags=re.MULTILINE)


BLOCKS = [Block(page, *found) for page in PAGES for found in BLOCK.findall(page.read_text())]
TO_RUN = [block for block in BLOCKS if block.language == "sh" and not block.mark]


def test_who_runs_what_is_not_run_here() -> None:
    shown = sum(page.read_text().count("```sh\n") for page in PAGES)
    assert shown == sum(block.language == "sh" for block in BLOCKS), "a block that is not understood"
    for block in BLOCKS:
        if block.mark == "run by":
            assert (ROOT / block.mark_text).is_file(), block
            assert block.language == "sh", block
        elif block.mark:
            assert len(block.mark_text) > len("why"), block


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """Return a PATH with what the pages take for installed."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "target-jsonl").symlink_to(Jsonl.program())
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.mark.parametrize("page", sorted({block.page for block in TO_RUN}), ids=lambda p: p.stem)
def test_the_commands_of_a_page(page: Path, stage: Callable[..., Stage], programs: str, tmp_path: Path) -> None:
    shops = stage(companies=3, connections=2, records=5)
    shops.world.sync_seconds = 0.2

    def here(text: str) -> str:
        text = text.replace("YOUR-KEY", API_KEY).replace("codat-mock-key", API_KEY)
        text = text.replace("--timeout 600", "--timeout 600 --interval 0.2")
        return text.replace("http://127.0.0.1:8642", shops.url)

    for block in BLOCKS:
        if block.page == page and block.language == "json" and '"api_key"' in block.text:
            settings = {**json.loads(here(block.lines)), "api_url": shops.url}
            (tmp_path / "config.json").write_text(json.dumps(settings))
    script = "\n".join(here(block.lines) for block in TO_RUN if block.page == page)
    env = {"PATH": programs, "TAP_CODAT_COMMERCE_API_KEY": API_KEY, "TAP_CODAT_COMMERCE_API_URL": shops.url}
    command = ["bash", "-euxo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [file for file in tmp_path.glob("*.jsonl") if not file.read_text()], "a file without rows"


def test_the_stream_map_of_the_readme_leaves_no_address(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1)
    (settings,) = (json.loads(text) for text in examples("README.md", "json") if "stream_maps" in text)
    addresses = [c["emailAddress"] for c in shops.run(**settings).ok().records["customers"]]
    assert any(addresses)
    assert all(re.fullmatch("[0-9a-f]{64}", address) for address in addresses if address)
    held = [c["emailAddress"] for c in shops.held("commerce-customers").values()]
    assert [bool(address) for address in addresses] == [bool(address) for address in held]


@pytest.mark.parametrize("line", ["pipx install", "uv tool install"])
def test_it_is_installed_as_the_readme_says(line: str, tmp_path: Path) -> None:
    (block,) = (b for b in BLOCKS if b.page.name == "README.md" and b.text.startswith(line))
    installers = environment("installers", "pipx", UV)
    env = {
        "PATH": os.pathsep.join([str(installers), os.environ["PATH"]]),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "UV_TOOL_DIR": str(tmp_path / "uv"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
    }
    command = ["bash", "-euo", "pipefail", "-c", block.lines.replace(URL, OURS)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for program in ("tap-codat-commerce", "codat-commerce"):
        subprocess.run([tmp_path / "bin" / program, "--help"], check=True, capture_output=True)
