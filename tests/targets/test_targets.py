"""Into real targets, by Meltano and by pipe: what a target holds in the end is what the shops hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import API_KEY, DATA_SETS, batches
from database import IN_UTC, Database, binaries
from loaded import Comparison, Csv, Jsonl, Postgres, Target, of_shops
from readme import examples
from tools.demo import meltano_project
from tools.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Stage
    from loaded import Rows

pytestmark = pytest.mark.slow
HUGE = Decimal("1234567890123456789.0123456789")
TEXTS = (
    "two\nlines\r\nand three",
    "\"quoted\" 'too' \\ back",
    "😀 émoji \u2028 line",
    '{"a": 1}',
    "null",
    "\x01",
    "x" * 100_000,
)
DATES = ("2021-05-04T15:28:09.2805505Z", "2021-01-01T00:00:00", "0001-01-01T00:00:00", "", "2021-01-01T00:00:00+05:30")
needs_postgres = pytest.mark.skipif(binaries() is None, reason="postgresql is not installed")
TARGETS = [Jsonl, Csv, pytest.param(Postgres, marks=needs_postgres)]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """Return target-postgres, and an empty database for it."""
    with Database() as database:
        yield Postgres(tmp_path, database)


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a target of the class that the test is for."""
    return request.getfixturevalue("postgres") if request.param is Postgres else request.param(tmp_path)


class Pipe:
    """`tap | target`, again and again, each run from the state of the one before."""

    way = "pipe"

    def __init__(self, shops: Stage, target: Target, *with_target: str, **settings: Any) -> None:
        self.shops, self.target = shops, target
        self.settings = settings
        self.program = target.program(*with_target)
        self.states: dict[str, Any] = {}

    def file(self, name: str, content: Any) -> Path:
        """Write a file of JSON."""
        path = self.shops.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return path

    def run(self, name: str = "tap", **settings: Any) -> None:
        """Run both."""
        config = self.file(name, {"api_key": API_KEY, "api_url": self.shops.url, **self.target.tap, **settings})
        command = [sys.executable, "-m", "tap_codat_commerce", "--config", str(config)]
        if name in self.states:
            command += ["--state", str(self.file(f"{name}-state", self.states[name]))]
        tap = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        done = subprocess.run(
            [self.program, "--config", self.file(f"{name}-target", {**self.target.settings, **self.settings})],
            stdin=tap.stdout,
            capture_output=True,
            text=True,
            check=False,
            env=IN_UTC,
        )
        _, log = tap.communicate()
        assert (tap.returncode, done.returncode) == (0, 0), log.decode() + done.stderr
        self.states[name] = json.loads(done.stdout.splitlines()[-1])


class ByMeltano:
    """`meltano run`, again and again, with the state that Meltano keeps."""

    way = "meltano"

    def __init__(self, shops: Stage, target: Target, meltano: Path, env: dict[str, str]) -> None:
        self.shops, self.target, self.meltano, self.env = shops, target, meltano, env

    def run(self, *, code: int = 0, **settings: Any) -> None:
        """Run the job, which is to end with the code."""
        own = {"api_key": API_KEY, "api_url": self.shops.url, **settings}
        env = {f"TAP_CODAT_COMMERCE_{name.upper()}": str(value) for name, value in own.items()}
        done = subprocess.run(
            [self.meltano, "run", "tap-codat-commerce", self.target.loader],
            cwd=ROOT,
            env={**os.environ, **self.env, **self.target.environment(), **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr


def runs_and_comparisons(runner: Pipe | ByMeltano) -> None:
    """Run; change things at Codat, and run again; let Codat add a field, keep such fields, and run again."""
    shops, target = runner.shops, runner.target
    world = shops.world
    order, *others = world.connections()[0].data["commerce-orders"].records.values()
    order |= {"totalAmount": HUGE, "totalRefund": Decimal("5e-07"), "customerRef": None, "orderLineItems": []}
    for other, text in zip(others, TEXTS, strict=False):
        other["orderNumber"] = text
    for other, date in zip(others, DATES, strict=False):
        other["closedDate"] = date

    def compare(run: str, wanted: Rows) -> None:
        Comparison(wanted, target.held()).check(f"{target.loader} by {runner.way}, {run} run")

    runner.run()
    compare("first", of_shops(shops))
    assert max(Decimal(row["totalAmount"]) for row in target.written("orders")) == HUGE

    for connection in world.connections()[:3]:
        world.sync(connection.company_id, connection.id, restamp=4, add=3)
    runner.run()
    compare("second", of_shops(shops))

    connection = world.connections()[0]
    world.sync(connection.company_id, connection.id, ("commerce-orders",), restamp=1)
    held = connection.data["commerce-orders"].records
    held[list(held)[-1]]["colour"] = "red"
    runner.run(unknown_fields="keep")
    wanted = of_shops(shops)
    colourful = next(row for row in wanted["orders"].values() if "colour" in row)
    colourful["unmapped"] = {"colour": colourful.pop("colour")}
    compare("third", wanted)


@pytest.fixture
def shops(stage: Callable[..., Stage]) -> Stage:
    """Return a few shops."""
    return stage(companies=3, connections=2, records=20)


@pytest.mark.parametrize("target", TARGETS, indirect=True)
def test_by_pipe(shops: Stage, target: Target) -> None:
    runs_and_comparisons(Pipe(shops, target))


@pytest.mark.parametrize("target", TARGETS[-1:], indirect=True)
def test_by_meltano(shops: Stage, target: Target) -> None:
    with meltano_project(f"{target.loader}-job", target.loader) as (meltano, _, _, env):
        runs_and_comparisons(ByMeltano(shops, target, meltano, env))


def test_what_fails_by_meltano_is_all_that_the_next_run_reads(shops: Stage, tmp_path: Path) -> None:
    """Meltano keeps the rows and the state of a run that ended non-zero."""
    target = Jsonl(tmp_path)
    with meltano_project("failing", target.loader) as (meltano, _, _, env):
        job = ByMeltano(shops, target, meltano, env)
        shops.gate.faults.append(Fault(path="commerce-orders", status=500, skip=2))
        job.run(code=1, max_retries=0)
        came, wanted = target.held(), of_shops(shops)
        missing = {stream: len(rows) - len(came[stream]) for stream, rows in wanted.items()}
        assert {stream: count for stream, count in missing.items() if count} == {"orders": 20}
        shops.requests()
        job.run()
    assert len(shops.requests()) == 1 + 3 + 1 + 1 + 1, "companies, status, a history, orders of one shop, a history"
    Comparison(wanted, target.held()).check("target-jsonl by meltano, after a failure")


def test_what_postgresql_makes_of_it(shops: Stage, postgres: Postgres) -> None:
    pipe = Pipe(shops, postgres)
    pipe.run()
    types = postgres.types("orders")
    assert types["modifiedDate"] == "timestamp without time zone"
    assert (types["totalAmount"], types["customerRef"], types["id"]) == ("numeric", "jsonb", "text")
    assert (types["orderLineItems"], postgres.types("reads")["records"]) == ("ARRAY", "bigint")
    (sums,) = examples("docs/loaders.md", "sql")
    assert len(postgres.database.text(sums).splitlines()) == len(shops.held("commerce-orders"))
    pipe.run(skip_unchanged=False)
    for stream, data_type in DATA_SETS.items():
        assert len(postgres.written(stream)) == len(shops.held(data_type)), "upserted by all keys"


def test_a_text_that_postgresql_cannot_hold(shops: Stage, postgres: Postgres) -> None:
    """With the setting of the target that meltano.yml has."""
    order = next(iter(shops.world.connections()[0].data["commerce-orders"].records.values()))
    order |= {"orderNumber": "A\0B", "customerRef": {"id": "1", "name": "C\0D"}}
    Pipe(shops, postgres).run()
    names = [r["customerRef"]["name"] for r in postgres.written("orders") if r["orderNumber"] == "A\ufffdB"]
    assert names == ["C\ufffdD"]


def test_three_shards_at_once_into_one_database(shops: Stage, postgres: Postgres) -> None:
    pipe = Pipe(shops, postgres)
    pipe.run("first", shard_index=0, shard_count=3)  # makes the tables: the target itself can't do that at once

    def one(index: int) -> None:
        pipe.run(f"shard{index}", shard_index=index, shard_count=3)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(one, range(3)))
    Comparison(of_shops(shops), postgres.held()).check("target-postgres, three shards at once")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_batches(shops: Stage, postgres: Postgres, form: str) -> None:
    """This target takes BATCH messages."""
    order = next(iter(shops.world.connections()[0].data["commerce-orders"].records.values()))
    order["totalAmount"] = HUGE
    files = batches(postgres.folder, form)
    pipe = Pipe(shops, postgres, "pyarrow")
    pipe.run(batch_config=files)
    assert any(postgres.folder.iterdir())
    Comparison(of_shops(shops), postgres.held()).check(f"target-postgres by BATCH, {form}, first run")
    shops.world.sync(shops.world.connections()[0].company_id, restamp=4, add=3)
    pipe.run(batch_config=files)
    Comparison(of_shops(shops), postgres.held()).check(f"target-postgres by BATCH, {form}, second run")
