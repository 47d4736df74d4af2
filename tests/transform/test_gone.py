"""What is gone, by the SQL of the docs, in PostgreSQL: whatever Codat, the tap and the loader went through."""

from __future__ import annotations

import fcntl
import json
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.platforms import BY_KEY
from conftest import DATA_SETS, aged
from database import IN_UTC, Database, binaries
from loaded import Postgres
from readme import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Run, Stage

pytestmark = [pytest.mark.slow, pytest.mark.skipif(binaries() is None, reason="postgresql is not installed")]
EVERY_WEEK: dict[str, Any] = {"full_read_every_days": 7}
ORDERS = DATA_SETS["orders"]
SHOPIFY = BY_KEY["fztf"]


class Warehouse:
    """`tap | target-postgres`, night after night: the next run has the state that the target handed back."""

    def __init__(self, shops: Stage, postgres: Postgres) -> None:
        self.shops, self.postgres = shops, postgres
        self.state: dict[str, Any] = {}
        self.catalog = shops.catalog("companies", "connections", "orders", "reads")
        self.command = [str(postgres.program()), "--config", str(shops.folder / "target.json")]
        config = {**postgres.settings, "add_record_metadata": True, "batch_size_rows": 5}
        (shops.folder / "target.json").write_text(json.dumps(config))

    def night(self, *, days: int = 1, **settings: Any) -> Run:
        """Run so many days later, and load all of it."""
        run = self.shops.run(state=aged(self.state, days), catalog=self.catalog, **EVERY_WEEK, **settings).ok()
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

    @property
    def current(self) -> set[str]:
        """The ids of the orders that the docs' view shows."""
        rows = self.postgres.database.rows('select "id" from codat.current_orders')
        assert len(rows) == len({row["id"] for row in rows})
        return {row["id"] for row in rows}

    @property
    def held(self) -> set[str]:
        """The ids of the orders that Codat has."""
        return {key[2] for key in self.shops.held(ORDERS)}


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - no file of a folder
        return sum(map(float, file.read().rpartition(")")[2].split()[11:13]))


@pytest.fixture
def warehouse(stage: Callable[..., Stage], tmp_path: Path) -> Iterator[Warehouse]:
    """Return one with the orders of a shop, after the first run, and the view."""
    with Database() as database:
        shops = stage(companies=1, connections=1, records=20, extras=False, platforms=(SHOPIFY,))
        found = Warehouse(shops, Postgres(tmp_path, database))
        found.night()
        database.text(*examples("docs/deleted.md", "sql"))
        assert found.current == found.held
        yield found


@pytest.mark.parametrize("odd", ["an id that is held twice", "a filter"])
def test_what_was_deleted_is_gone_after_a_full_read_has_arrived(warehouse: Warehouse, odd: str) -> None:
    world, before = warehouse.shops.world, sorted(warehouse.held)
    settings: dict[str, Any] = {}
    connection = world.connections()[0]
    if odd == "an id that is held twice":
        world.twice = {before[9]}
    elif odd == "a filter":
        settings = {"stream_maps": {"orders": {"__filter__": f"id != '{before[9]}'"}}}
    deleted = set(before[:2])
    world.remove(connection, ORDERS, deleted)
    world.sync(connection.company_id, connection.id, (ORDERS,), add=1)
    warehouse.night(**settings)
    assert warehouse.current - warehouse.held == deleted, "nobody can know yet"
    warehouse.night(days=8, **settings)
    assert warehouse.current - warehouse.held == deleted, "the full read may not have arrived"
    warehouse.night(**settings)
    filtered = {before[9]} if odd == "a filter" else set()
    assert warehouse.current == warehouse.held - filtered


def test_a_loader_that_dies_makes_nothing_look_gone(warehouse: Warehouse) -> None:
    """It has taken the row of `reads` of a full refresh, and 5 of 20 orders, and no state."""
    world = warehouse.shops.world
    lines = warehouse.shops.run(catalog=warehouse.catalog, **EVERY_WEEK).ok().out.splitlines(keepends=True)
    messages = [(line, json.loads(line)) for line in lines]
    orders = [line for line, m in messages if m["type"] == "RECORD" and m["stream"] == "orders"]
    warehouse.load([line for line, m in messages if m["type"] != "STATE" and line not in orders[5:]])
    connection = world.connections()[0]
    for _ in range(2):
        world.sync(connection.company_id, connection.id, (ORDERS,), add=3)
        warehouse.night()
        assert warehouse.current == warehouse.held


def test_no_data_after_a_failed_sync_makes_nothing_look_gone(warehouse: Warehouse) -> None:
    world, held = warehouse.shops.world, warehouse.held
    connection = world.connections()[0]
    (failed,) = world.begin(connection.company_id, connection.id, ORDERS, "Fetching")
    world.fail(failed)
    world.no_data = {ORDERS}
    run = warehouse.night(days=8)
    assert "Codat says that it has no data, though it had some" in run.log
    world.no_data = set()
    for _ in range(2):
        warehouse.night()
        assert warehouse.current == held


def test_a_shop_that_was_connected_again_is_there_once(warehouse: Warehouse) -> None:
    world = warehouse.shops.world
    (old,) = world.connections()
    company = world.companies[old.company_id]
    new = world.connect(company.id, SHOPIFY.key, status="Linked")
    new.merchant = old.merchant
    world.sync(company.id, new.id, (ORDERS,), add=20)
    assert {*new.data[ORDERS].records} == warehouse.current, "the same orders, under another connection"
    del company.connections[old.id]
    for _ in range(2):
        warehouse.night()
    rows = warehouse.postgres.database.rows('select "id" from codat.orders')
    assert len(rows) == 40
    assert warehouse.current == {*new.data[ORDERS].records}


EVERY = 80
"""Messages between two places at which the loader is killed."""


def test_what_has_arrived_is_there_wherever_the_loader_was_killed(warehouse: Warehouse) -> None:
    assert killed_everywhere(warehouse, EVERY) > 1


def killed_everywhere(warehouse: Warehouse, every: int) -> int:
    """Kill the loader after so many messages, twice as many and so on; each time let two whole nights follow."""
    shops, database = warehouse.shops, warehouse.postgres.database
    connection = shops.world.connections()[0]
    warehouse.catalog = shops.catalog("companies", "connections", "reads", *DATA_SETS)
    kills = 0
    while True:
        shops.world.sync(connection.company_id, connection.id, restamp=5, add=1)
        run = shops.run(state=aged(warehouse.state, days=8), catalog=warehouse.catalog, **EVERY_WEEK).ok()
        lines = run.out.splitlines(keepends=True)
        if (kills + 1) * every > len(lines):
            return kills
        kills += 1
        warehouse.load_and_kill(lines[: kills * every])
        for _ in range(2):
            warehouse.night()
            for stream, data_type in DATA_SETS.items():
                early = database.text(
                    f"""select r."startedAt", r."records", count(o.*) from codat.reads r
                    left join codat."{stream}" o
                    on o."connectionId" = r."connectionId" and o."_sdc_extracted_at" >= r."startedAt"
                    where r."arrived" and r."dataType" = '{data_type}'
                    group by 1, 2 having count(o.*) < r."records" """  # noqa: S608 - our own
                )
                assert not early, f"{stream}, killed after {kills * every}: {early}"
        assert warehouse.current == warehouse.held
