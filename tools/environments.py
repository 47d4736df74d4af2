"""Virtual environments for what is done with a checkout, by nothing but Python, pip and git."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".dev"
BIN = "Scripts" if os.name == "nt" else "bin"
UV = "uv==0.13.*"
LOCK = ROOT / "requirements.lock"


def environment(name: str, *requirements: str) -> Path:
    """Return the folder of programs of a virtual environment with the requirements; made once, and when they change.

    With LOCK among them, this project is installed after them.
    """
    folder = HOME / name
    files = [ROOT / "pyproject.toml", *(LOCK for r in requirements if r == str(LOCK))]
    key = "\n".join([sys.version, *requirements, *(file.read_text() for file in files)])
    stamp, wanted = folder / "stamp", hashlib.sha256(key.encode()).hexdigest()
    with one_at_a_time(name):
        if not stamp.is_file() or stamp.read_text() != wanted:
            if Path(sys.prefix) == folder:
                sys.exit(f"{folder.relative_to(ROOT)} has to be set up anew, and this Python is of it: use another.")
            print(f"Setting up {folder.relative_to(ROOT)} …", flush=True)
            try:
                fill(folder, requirements, uv=installer())
            except (OSError, subprocess.CalledProcessError):  # it may know less than pip of where packages come from
                fill(folder, requirements, uv=None)
            stamp.write_text(wanted)
    return folder / BIN


def fill(folder: Path, requirements: Sequence[str], *, uv: Path | None) -> None:
    """Make an environment anew, and install what is required: by uv, in a tenth of the time, or else by pip."""
    shutil.rmtree(folder, ignore_errors=True)
    if uv:
        run([uv, "venv", "-q", "--seed", "--python", sys.executable, folder])
        install: list[str | Path] = [uv, "pip", "install", "-q", "--python", folder / BIN / "python"]
    else:
        install = [bare_environment(folder), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run([*install, *requirements])
    if str(LOCK) in requirements:
        run([*install, "--no-deps", "--no-build-isolation", "-e", "."])


def installer() -> Path:
    """Return uv, in an environment of its own.

    Raises:
        CalledProcessError: it can't be installed.
    """
    folder = HOME / "uv"
    program = folder / BIN / "uv"
    with one_at_a_time("uv"):
        if not program.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            run([bare_environment(folder), "-m", "pip", "install", "-q", UV], quiet=True)
    return program


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait until no other process is at the same place: tests run side by side."""
    if os.name == "nt":
        yield
        return
    import fcntl  # noqa: PLC0415 - there is none on Windows

    HOME.mkdir(exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bare_environment(folder: Path) -> Path:
    """Make a virtual environment with a recent pip, without ensurepip: a fresh Debian has none. Return its Python."""
    python = folder / BIN / "python"
    pip = next((p for p in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]) if works([*p, "--version"])), None)
    if pip:
        run([sys.executable, "-m", "venv", "--without-pip", folder])
        run([*pip, "--disable-pip-version-check", "--python", python, "install", "-q", "pip>=25.1"])
    else:
        run([sys.executable, "-m", "venv", folder])
        run([python, "-m", "pip", "install", "-q", "pip>=25.1"])
    return python


def works(command: list[str]) -> bool:
    """Say whether a command is there and ends well."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: list[str | Path], env: dict[str, str] | None = None, *, quiet: bool = False) -> None:
    """Run a command to its good end; if `quiet`, show what it printed only when it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        check=False,
        capture_output=quiet,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        print((done.stdout or "") + (done.stderr or ""))
        raise subprocess.CalledProcessError(done.returncode, command)
