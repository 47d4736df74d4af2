"""What becomes of stdout: slow, full, closed, or of an encoding that lacks letters. One line says it, none is torn."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import API_KEY, TAP, Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

COMMANDS = {"a run": [], "discovery": ["--discover"], "settings": ["--about"], "help": ["-h"], "version": ["--version"]}


def command(shops: Stage, name: str) -> list[str]:
    """Return a command line, with a configuration file for the stand-in."""
    config = shops.folder / "config.json"
    config.write_text(json.dumps({"api_key": API_KEY, "api_url": shops.url}))
    return [*TAP, "--config", str(config), *COMMANDS[name]]


def assert_said(done: subprocess.CompletedProcess[str], line: str) -> None:
    """Check that a command failed with one line on stderr."""
    assert done.returncode == 1
    problems = Run(done.returncode, "", done.stderr).problems
    assert len(problems) == 1, done.stderr
    assert problems[0].startswith(line)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(stage: Callable[..., Stage], name: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(stage(companies=1), name), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert_said(done, "stdout can't be written: No space left on device.")


@pytest.mark.parametrize("redirection", [">", ">>"])
def test_a_file_that_takes_no_more(stage: Callable[..., Stage], redirection: str) -> None:
    shops = stage(companies=2, connections=2, records=100)
    file = shops.folder / "out"
    file.write_text("before\n")
    limited = ["bash", "-c", f'ulimit -f 200; "$@" {redirection} "{file}"', "bash", *command(shops, "a run")]
    done = subprocess.run(limited, stderr=subprocess.PIPE, text=True, check=False)
    assert_said(done, "stdout can't be written: File too large.")
    *lines, end = file.read_text().split("\n")
    assert end == ""
    assert len(lines) > 100
    assert all(json.loads(line) for line in lines[redirection == ">>" :])


@pytest.mark.parametrize("name", COMMANDS)
def test_closed(stage: Callable[..., Stage], name: str) -> None:
    shops = stage(companies=1)
    closed = ["sh", "-c", '"$@" >&-', "sh", *command(shops, name)]
    done = subprocess.run(closed, stderr=subprocess.PIPE, text=True, check=False)
    assert_said(done, "stdout is closed: there is nowhere to write to")
    assert shops.requests() == []


def test_open_for_reading_only(stage: Callable[..., Stage]) -> None:
    with Path(os.devnull).open() as stdout:
        arguments = command(stage(companies=1), "a run")
        done = subprocess.run(arguments, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert_said(done, "stdout can't be written: Bad file descriptor.")


@pytest.mark.parametrize("name", ["discovery", "settings"])
def test_a_reader_that_has_gone(stage: Callable[..., Stage], name: str) -> None:
    gone = ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", *command(stage(), name)]
    assert_said(
        subprocess.run(gone, stderr=subprocess.PIPE, text=True, check=False),
        "the target, or what else reads stdout, has stopped reading",
    )


@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_a_pipe_that_does_not_block(stage: Callable[..., Stage], env: dict[str, str]) -> None:
    """As Node gives to its children: a write that finds it full takes a part, or nothing."""
    shops = stage(companies=2, connections=2, records=100)
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    arguments = command(shops, "a run")
    with subprocess.Popen(arguments, stdout=theirs, stderr=subprocess.PIPE, env={**os.environ, **env}) as process:
        os.close(theirs)
        pieces = []
        while piece := os.read(ours, 500):  # far slower than the tap
            pieces.append(piece)
        os.close(ours)
        log = process.stderr.read().decode() if process.stderr else ""
    run = Run(process.returncode, b"".join(pieces).decode(), log).ok()
    assert len(run.records["orders"]) == len(shops.held("commerce-orders"))
    assert run.messages[-1]["type"] == "STATE"


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
@pytest.mark.parametrize("name", ["discovery", "settings", "help"])
def test_an_encoding_that_lacks_letters(stage: Callable[..., Stage], encoding: str, name: str) -> None:
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command(stage(), name), capture_output=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding)
