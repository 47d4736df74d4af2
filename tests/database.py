"""A PostgreSQL server of our own: on a free port, as a user without rights, gone when the tests end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

SERVER_USER = "postgres"
"""Who runs it if the tests are run by root, whom PostgreSQL refuses."""


def binaries() -> Path | None:
    """Return the folder of the server's programs, None if it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = str(found[-1]) if found else shutil.which("initdb")
    return Path(program).parent if program else None


ZONE = "America/St_Johns"
"""The server's: what loads as if it were UTC is two and a half hours off or more."""

IN_UTC = {**os.environ, "PGTZ": "UTC"}
"""The environment of target-postgres by pipe, as docs/loaders.md has it."""


class Database:
    """A server that runs as long as the `with` lasts."""

    def __enter__(self) -> Self:
        """Make and start it."""
        programs = binaries()
        assert programs
        self.folder = tempfile.mkdtemp(prefix="tap-codat-")
        if os.geteuid() == 0:
            shutil.chown(self.folder, SERVER_USER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = f"{self.folder}/data"
        self._run([programs / "initdb", "-D", data, "-A", "trust", "-U", SERVER_USER, "-E", "UTF8", "--no-sync"])
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1 -F -c timezone={ZONE}"
        self._run([programs / "pg_ctl", "-D", data, "-o", options, "-l", f"{self.folder}/log", "-w", "start"])
        self._stop = [programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, and remove all of it."""
        self._run(self._stop)
        shutil.rmtree(self.folder)

    @property
    def target(self) -> dict[str, Any]:
        """The settings of target-postgres for it."""
        where = {"host": "127.0.0.1", "port": self.port, "user": SERVER_USER, "password": "-", "database": SERVER_USER}
        own = {"default_target_schema": "codat", "activate_version": False, "sanitize_null_text_characters": True}
        return {**where, **own, "add_record_metadata": False}

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query; numbers as Decimal."""
        text = self.text(f"select row_to_json(q) from ({query}) q")  # noqa: S608 - our own
        return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in text.split("\n") if line]

    def text(self, query: str) -> str:
        """Return what psql prints."""
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", SERVER_USER, "-X", "-At", "-c", query]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    @staticmethod
    def _run(command: list[Any]) -> None:
        if os.geteuid() == 0:
            command = ["runuser", "-u", SERVER_USER, "--", *command]
        # Not captured: the server that it starts would hold the pipe open.
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
