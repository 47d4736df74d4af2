"""Into a real target: what a table of PostgreSQL holds in the end is what the shops hold."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import dev
from conftest import API_KEY, DATA_SETS, STREAMS
from database import Database, binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Stage

TARGET = "meltanolabs-target-postgres==0.8.1"
KEYS = {"companies": ("id",), "connections": ("companyId", "id"), "data_status": ("companyId", "dataType")}
pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")


@pytest.fixture(scope="module")
def target() -> Path:
    """Return target-postgres, in an environment of its own."""
    return dev.environment("target-postgres", TARGET) / "target-postgres"


@pytest.fixture
def database() -> Iterator[Database]:
    """Return an empty database."""
    with Database() as found:
        yield found


class Pipe:
    """`tap | target`, again and again."""

    def __init__(self, shops: Stage, database: Database, target: Path) -> None:
        self.shops, self.database, self.target = shops, database, target
        self.file("target", database.target)

    def file(self, name: str, content: Any) -> Path:
        """Write a file of JSON."""
        path = self.shops.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return path

    def run(self, state: dict[str, Any] | None = None, name: str = "tap", **settings: Any) -> dict[str, Any]:
        """Run both; return the last state that the target gave."""
        config = self.file(name, {"api_key": API_KEY, "api_url": self.shops.url, **settings})
        command = [sys.executable, "-m", "tap_codat_commerce.tap", "--config", str(config)]
        if state is not None:
            command += ["--state", str(self.file(f"{name}-state", state))]
        tap = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        done = subprocess.run(
            [self.target, "--config", self.shops.folder / "target.json"],
            stdin=tap.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
        _, log = tap.communicate()
        assert (tap.returncode, done.returncode) == (0, 0), log.decode() + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def check(self, **settings: Any) -> None:
        """Compare each table with the stream: as many rows, and each value of each row."""
        wanted = self.shops.run(**settings).ok()
        schemas = {m["stream"]: m["schema"]["properties"] for m in wanted.schemas}
        for stream in STREAMS:
            key = KEYS.get(stream, ("companyId", "connectionId") + (("id",) if stream != "company_info" else ()))
            lines = [m for m in wanted.out.splitlines() if f'"stream":"{stream}","record"' in m]
            records = [json.loads(m, parse_float=Decimal, parse_int=Decimal)["record"] for m in lines]
            rows = self.database.rows(f'select * from codat."{stream}"')  # noqa: S608
            assert len(rows) == len(records), stream
            held = {tuple(row[k] for k in key): known(row) for row in rows}
            for record in records:
                assert held[tuple(record[k] for k in key)] == as_stored(record, schemas[stream]), stream


def known(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that are not null."""
    return {k: v for k, v in row.items() if v is not None}


def as_stored(record: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its dates as a column of type timestamp shows them."""
    shown = {}
    for name, value in known(record).items():
        is_date = schema[name].get("format") == "date-time"
        shown[name] = value.removesuffix("Z").rstrip("0" if "." in value else "") if is_date else value
    return shown


@pytest.fixture
def pipe(stage: Callable[..., Stage], database: Database, target: Path) -> Pipe:
    """Return the pipe from a few shops."""
    return Pipe(stage(companies=3, connections=2, records=20), database, target)


def test_first_and_second_run(pipe: Pipe) -> None:
    world = pipe.shops.world
    order = next(iter(world.connections()[0].data["commerce-orders"].records.values()))
    order |= {"totalAmount": Decimal("1234567890123456789.0123456789"), "totalRefund": Decimal("5e-07")}
    state = pipe.run()
    pipe.check()
    amount = pipe.database.text('select max("totalAmount")::text, min("totalRefund") from codat.orders')
    assert amount.startswith("1234567890123456789.0123456789|")
    types = dict(
        line.split("|")
        for line in pipe.database.text(
            "select column_name, data_type from information_schema.columns where table_name = 'orders'"
        ).splitlines()
    )
    assert types["modifiedDate"] == "timestamp without time zone"
    assert (types["totalAmount"], types["customerRef"]) == ("numeric", "jsonb")

    for connection in world.connections()[:3]:
        world.sync(connection.company_id, connection.id, restamp=4, add=3)
    pipe.run(state)
    pipe.check()
    for stream, data_type in DATA_SETS.items():
        assert pipe.database.text(f'select count(*) from codat."{stream}"').strip() == str(  # noqa: S608
            len(pipe.shops.held(data_type))
        )


def test_fields_that_nobody_knew_come_with_a_schema_that_grows(pipe: Pipe) -> None:
    world = pipe.shops.world
    state = pipe.run()
    connection = world.connections()[0]
    world.sync(connection.company_id, connection.id, ("commerce-orders",), restamp=1)
    held = connection.data["commerce-orders"].records
    held[list(held)[-1]]["colour"] = "red"
    pipe.run(state, unknown_fields="keep")
    found = pipe.database.rows("select id, unmapped from codat.orders where unmapped <> 'null'")
    assert [row["unmapped"] for row in found] == [{"colour": "red"}]


def test_three_shards_at_once(pipe: Pipe) -> None:
    pipe.run(shard_index=0, shard_count=3, name="first")  # makes the tables: the target itself can't do that at once

    def one(index: int) -> None:
        pipe.run(shard_index=index, shard_count=3, name=f"shard{index}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(one, range(3)))
    pipe.check()
