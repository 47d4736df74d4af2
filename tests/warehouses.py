"""Warehouses: databases that real targets load night after night, and that dbt makes tables of."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from conftest import DATA_SETS, aged
from database import IN_UTC, Database, binaries
from tools.environments import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Run, Stage

FULL_READS: dict[str, Any] = {"full_read_every_days": 7}
KINDS = ("postgres", "duckdb") if binaries() else ("duckdb",)
TRANSFORM = ROOT / "transform"
IN_DUCKDB = """
import duckdb, json, sys
database, loaded, *queries = sys.argv[1:]
connection = duckdb.connect(database)
if loaded:
    connection.execute(f"attach '{loaded}' as loaded (read_only)")
for query in queries:
    found = connection.execute(query)
names = [column[0] for column in found.description]
print(json.dumps([dict(zip(names, row)) for row in found.fetchall()], default=str))
"""
"""Run with the database, another one that is to be read beside it, and queries; the rows of the last go to stdout."""


@cache
def programs(*plugins: str) -> Path:
    """Return the folder of an environment with plugins, in the versions that meltano.yml names."""
    kinds = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]
    wanted = [p["pip_url"].split() for p in kinds["loaders"] + kinds["utilities"] if p["name"] in plugins]
    return environment(plugins[0], *dict.fromkeys(requirement for one in wanted for requirement in one))


class Warehouse:
    """`tap | target`, night after night: the next run has the state that the target handed back."""

    kind: str
    source: str
    """The schema that the target has loaded, for queries over what dbt has made."""

    def __init__(self, shops: Stage, *streams: str, batch: int) -> None:
        self.shops, self.batch = shops, batch
        self.state: dict[str, Any] = {}
        self.catalog = shops.catalog(*streams) if streams else None
        self.folder = shops.folder / self.kind
        self.folder.mkdir()
        target = f"target-{self.kind}"
        self.command = [str(programs(target) / target), "--config", str(self.folder / "target.json")]
        (self.folder / "target.json").write_text(json.dumps(self.settings))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the target, as meltano.yml has them."""
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """What dbt is told by."""
        raise NotImplementedError

    @property
    def for_meltano(self) -> dict[str, str]:
        """What Meltano is told by, whose own project is elsewhere."""
        return self.environment

    def rows(self, *queries: str) -> list[dict[str, Any]]:
        """Return the rows of the last of some queries over what dbt has made."""
        raise NotImplementedError

    def change(self, *statements: str) -> None:
        """Change by hand what the target has loaded."""
        raise NotImplementedError

    def night(self, *, days: int = 1, **settings: Any) -> Run:
        """Run so many days later, and load all of it."""
        run = self.shops.run(state=aged(self.state, days), catalog=self.catalog, **FULL_READS, **settings).ok()
        self.load(run.out.splitlines(keepends=True))
        return run

    def load(self, lines: list[str]) -> None:
        """Let the target read all lines, and take the state that it hands back, if it does."""
        done = subprocess.run(
            self.command, input="".join(lines), capture_output=True, text=True, check=False, env=IN_UTC
        )
        assert done.returncode == 0, done.stderr
        self._take(done.stdout)

    def load_and_kill(self, lines: list[str]) -> None:
        """Kill the target when it has read the lines, and has nothing more to do."""
        loader = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=IN_UTC
        )
        assert loader.stdin
        loader.stdin.write("".join(lines).encode())
        loader.stdin.flush()
        while struct.unpack("i", fcntl.ioctl(loader.stdin, termios.FIONREAD, b"\0" * 4))[0]:
            time.sleep(0.01)
        seconds = -1.0
        while (used := _cpu_seconds(loader.pid)) > seconds:
            seconds = used
            time.sleep(0.2)
        loader.kill()
        self._take(loader.communicate()[0].decode())

    def _take(self, states: str) -> None:
        if states:
            self.state = json.loads(states.splitlines()[-1])

    def dbt(self, *arguments: str) -> str:
        """Run dbt over all of it; return what it says."""
        where = ["--project-dir", str(TRANSFORM), "--profiles-dir", str(TRANSFORM), "--target", self.kind]
        done = subprocess.run(
            [programs("dbt-postgres", "dbt-duckdb") / "dbt", "--no-use-colors", *arguments, *where, "--threads", "2"],
            env={**os.environ, **self.environment, "DBT_TARGET_PATH": str(self.made), "DBT_LOG_PATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    @property
    def made(self) -> Path:
        """Where dbt writes what it makes of the models."""
        return self.folder / "target"

    def make_views(self) -> None:
        """Make the staging views: by dbt once, then by the SQL that it has made."""
        if self.kind not in VIEWS:
            said = self.dbt("run", "--select", "staging")
            assert "ERROR=0" in said, said
            folder = self.made / "compiled" / "codat_commerce" / "models" / "staging"
            VIEWS[self.kind] = {path.stem: path.read_text() for path in folder.glob("*.sql")}
            return
        views = [f"create view commerce.{name} as {query}" for name, query in VIEWS[self.kind].items()]
        self.rows("create schema commerce", *views, "select 1 as made")

    @property
    def current(self) -> set[str]:
        """The ids of the orders that are current."""
        rows = self.rows("select id from commerce.stg_codat__orders")
        assert len(rows) == len({row["id"] for row in rows})
        return {row["id"] for row in rows}

    def loaded(self, stream: str) -> int:
        """Return how many rows the target has loaded of a stream."""
        return int(self.rows(f"select count(*) as number from {self.source}.{stream}")[0]["number"])

    def early(self, stream: str) -> str:
        """Return a query for reads that are said to have arrived before all of their records have."""
        return f"""select r."dataType", r."startedAt", r."records", count(o."connectionId") as rows_found
            from {self.source}.reads r left join {self.source}."{stream}" o
            on o."connectionId" = r."connectionId" and o."_sdc_extracted_at" >= r."startedAt"
            where r."arrived" and r."dataType" = '{DATA_SETS[stream]}'
            group by 1, 2, 3 having count(o."connectionId") < r."records" """


VIEWS: dict[str, dict[str, str]] = {}
"""The SQL of the staging views, as dbt has made it for each kind of database in this process."""


class InPostgres(Warehouse):
    """In PostgreSQL."""

    kind = "postgres"
    source = "codat"

    def __init__(self, shops: Stage, database: Database, *streams: str, batch: int) -> None:
        self.database = database
        super().__init__(shops, *streams, batch=batch)

    @property
    def settings(self) -> dict[str, Any]:
        return {**self.database.target, "add_record_metadata": True, "batch_size_rows": self.batch}

    @property
    def environment(self) -> dict[str, str]:
        where = {name: str(self.settings[name]) for name in ("host", "port", "user", "password", "database")}
        return {f"TARGET_POSTGRES_{name.upper()}": value for name, value in where.items()}

    def rows(self, *queries: str) -> list[dict[str, Any]]:
        *before, query = queries
        self.change(*before)
        return self.database.rows(query)

    def change(self, *statements: str) -> None:
        self.database.text(";".join(statements))


class InDuckDB(Warehouse):
    """In DuckDB: the loader has one file, and what is made of it is in another."""

    kind = "duckdb"
    source = "loaded.codat"

    @property
    def settings(self) -> dict[str, Any]:
        own = {"add_metadata_columns": True, "flush_all_streams": True, "batch_size_rows": self.batch}
        return {"filepath": str(self._output / "loaded.duckdb"), "default_target_schema": "codat", **own}

    @property
    def environment(self) -> dict[str, str]:
        return {"MELTANO_PROJECT_ROOT": str(self.folder)}

    @property
    def for_meltano(self) -> dict[str, str]:
        return {"TARGET_DUCKDB_FILEPATH": self.settings["filepath"], "DBT_DUCKDB_PATH": self._made_of_it}

    @property
    def _output(self) -> Path:
        """Where a project has its files if nothing else is said."""
        output = self.folder / "output"
        output.mkdir(exist_ok=True)
        return output

    @property
    def _made_of_it(self) -> str:
        return str(self._output / "warehouse.duckdb")

    def rows(self, *queries: str) -> list[dict[str, Any]]:
        database, loaded = self._made_of_it, self.settings["filepath"]
        return self._ask(programs("dbt-postgres", "dbt-duckdb"), database, loaded, *queries)

    def change(self, *statements: str) -> None:
        self._ask(programs("target-duckdb"), self.settings["filepath"], "", *statements)

    @staticmethod
    def _ask(folder: Path, *arguments: str) -> list[dict[str, Any]]:
        command = [str(folder / "python"), "-c", IN_DUCKDB, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout, parse_float=Decimal)
        return found


@contextmanager
def warehouse_of(kind: str, shops: Stage, *streams: str, batch: int) -> Iterator[Warehouse]:
    """Set up a warehouse of a kind, empty, whose target keeps so many rows at once; gone when the `with` ends."""
    if kind == "duckdb":
        yield InDuckDB(shops, *streams, batch=batch)
        return
    with Database() as database:
        yield InPostgres(shops, database, *streams, batch=batch)


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - no file of a folder
        return sum(map(float, file.read().rpartition(")")[2].split()[11:13]))
