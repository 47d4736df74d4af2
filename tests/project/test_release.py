"""What is released: the wheel, made from the sdist, in an empty environment."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dev
from conftest import API_KEY, STREAMS, Run, start
from tools.environments import ROOT, bare_environment, environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage


def built(source: Path, *options: str) -> Path:
    """Build what is to be released of a source, into a folder `dist` beside it; return that."""
    builder = environment("build", *dev.BUILDERS)
    command = [str(builder / "python"), "-m", "build", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return source / "dist"


def copy_of(folder: Path) -> Path:
    """Return a clone of what is committed."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)  # noqa: S607
    return folder


@pytest.mark.slow
def test_the_wheel_in_an_empty_environment(stage: Callable[..., Stage], tmp_path: Path) -> None:
    dist = built(copy_of(tmp_path / "copy"))
    assert len(list(dist.glob("*.tar.gz"))) == 1
    python = bare_environment(tmp_path / "env")
    subprocess.run([python, "-m", "pip", "install", "-q", *dist.glob("*.whl")], check=True, cwd=tmp_path)

    def program(name: str, *arguments: str) -> Run:
        return start([str(python.parent / name), *arguments])

    def tap(**config: Any) -> Run:
        (tmp_path / "config.json").write_text(json.dumps({"api_key": API_KEY, **config}))
        return program("tap-codat-commerce", "--config", str(tmp_path / "config.json"))

    assert json.loads(program("tap-codat-commerce", "--about", "--format", "json").ok().out)["name"] == (
        "tap-codat-commerce"
    )
    assert program("codat-commerce", "--help").code == 0
    assert set(tap(api_url=stage(companies=1).url).ok().records) == set(STREAMS)

    mock = program("codat-mock")
    assert (mock.code, mock.log.strip()) == (1, "codat-mock needs aiohttp beside it: pip install aiohttp")
    subprocess.run([python, "-m", "pip", "install", "-q", "aiohttp"], check=True, cwd=tmp_path)
    assert program("codat-mock", "--help").code == 0
    parquet = tap(batch_config={"encoding": {"format": "parquet"}, "storage": {"root": "file:///nowhere"}})
    assert parquet.problems == ["batch_config: the format parquet needs pyarrow beside the tap: pip install pyarrow"]


@pytest.mark.slow
def test_version_and_description(tmp_path: Path) -> None:
    copy = copy_of(tmp_path / "copy")
    subprocess.run(["git", "tag", "v9.8.7"], cwd=copy, check=True)  # noqa: S607
    (wheel,) = built(copy, "--wheel").iterdir()
    assert wheel.name.startswith("tap_codat_commerce-9.8.7-")
    with zipfile.ZipFile(wheel) as files:
        shown = files.read("tap_codat_commerce-9.8.7.dist-info/METADATA").decode()
    assert "A [Singer](https://www.singer.io) tap" in shown
    assert not re.findall(r"\]\((?!https://|#)[^)]+\)", shown), "links that lead nowhere from the package index"


def test_ci_runs_on_each_version_that_the_package_names() -> None:
    said = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    tested = re.search(r"python: (\[.*\])", (ROOT / ".github" / "workflows" / "test.yml").read_text())
    assert tested
    assert json.loads(tested[1]) == said
