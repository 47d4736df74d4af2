"""Real targets: how each is set up, and what it holds, to be compared with what the shops hold."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import simplejson
import yaml

from conftest import DATA_SETS, SERVED
from tools.environments import ROOT, environment
from validity import KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Stage
    from database import Database

Row = dict[str, Any]
Rows = dict[str, dict[tuple[str, ...], Row]]
"""Rows by stream and key."""
csv.field_size_limit(sys.maxsize)


class Target:
    """A target that writes somewhere."""

    loader: str
    tap: Row = {}  # noqa: RUF012 - settings of the tap that go with it

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "rows"
        self.folder.mkdir()

    @property
    def settings(self) -> Row:
        """What it has to be told."""
        raise NotImplementedError

    def written(self, stream: str) -> list[Row]:
        """Return the rows that it holds, in the order of writing."""
        raise NotImplementedError

    def held(self) -> Rows:
        """Return the rows by stream and key: of several with one key the latest."""
        return {s: {tuple(row[k] for k in KEYS[s]): row for row in self.written(s)} for s in SERVED}

    @classmethod
    def program(cls, *more: str) -> Path:
        """Return it, in an environment of its own, in the version that meltano.yml names."""
        plugins = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["loaders"]
        requirement = next(p["pip_url"] for p in plugins if p["name"] == cls.loader)
        return environment("-".join([cls.loader, *more]), requirement, *more) / cls.loader

    def environment(self) -> dict[str, str]:
        """Return its settings as Meltano takes them from the environment, and those of the tap."""
        ours = {f"{self.loader}-{name}": value for name, value in self.settings.items()}
        both = ours | {f"tap-codat-commerce-{name}": value for name, value in self.tap.items()}
        return {name.upper().replace("-", "_"): str(value) for name, value in both.items()}


class Jsonl(Target):
    """A file for each stream, to which each run appends."""

    loader = "target-jsonl"

    @property
    def settings(self) -> Row:
        return {"destination_path": str(self.folder), "do_timestamp_file": False}

    def written(self, stream: str) -> list[Row]:
        path = self.folder / f"{stream}.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in text.split("\n") if line]


class Csv(Target):
    """A file for each stream and run: it begins each file anew."""

    loader = "target-csv"
    tap = {"flattening_enabled": True, "flattening_max_depth": 1}  # noqa: RUF012

    @property
    def settings(self) -> Row:
        runs = len({path.stem.rpartition("-")[2] for path in self.folder.glob("companies-*.csv")})
        return {"output_path": str(self.folder), "file_naming_scheme": f"{{stream_name}}-{{timestamp}}-{runs}.csv"}

    def written(self, stream: str) -> list[Row]:
        found = []
        for path in sorted(self.folder.glob(f"{stream}-*.csv"), key=lambda p: p.stem.rpartition("-")[2]):
            with path.open(newline="") as file:
                found += [unflattened(row) for row in csv.DictReader(file)]
        return found


class Postgres(Target):
    """A table for each stream, with a row for each key."""

    loader = "target-postgres"

    def __init__(self, folder: Path, database: Database) -> None:
        super().__init__(folder)
        self.database = database

    @property
    def settings(self) -> Row:
        return self.database.target

    def written(self, stream: str) -> list[Row]:
        return self.database.rows(f'select * from codat."{stream}"')  # noqa: S608

    def types(self, stream: str) -> dict[str, str]:
        """Return the types of the columns."""
        query = f"select column_name, data_type from information_schema.columns where table_name = '{stream}'"  # noqa: S608
        return dict(line.split("|") for line in self.database.text(query).splitlines())


def unflattened(row: Row) -> Row:
    """Return a row whose columns `a__b` are objects again."""
    found: Row = {}
    for name, value in row.items():
        outer, _, inner = name.partition("__")
        if inner:
            found.setdefault(outer, {})[inner] = value
        else:
            found[name] = value
    return found


# What the shops hold


def of_shops(shops: Stage) -> Rows:
    """Return what the stand-in holds, by stream and key, as a plain reader of its API sees it."""
    found: Rows = {stream: {} for stream in SERVED}

    def ask(path: str) -> Any:
        request = Request(shops.url + path, headers={"Authorization": shops.gate.authorization})
        with urlopen(request) as response:
            return json.load(response, parse_float=Decimal, parse_int=Decimal)

    for company in ask("/companies?pageSize=5000")["results"]:
        for connection in company.pop("dataConnections"):
            found["connections"][company["id"], connection["id"]] = {"companyId": company["id"], **connection}
        found["companies"][(company["id"],)] = company
        for data_type, status in ask(f"/companies/{company['id']}/dataStatus").items():
            if data_type in DATA_SETS.values():
                found["data_status"][company["id"], data_type] = {
                    "companyId": company["id"],
                    "dataType": data_type,
                    **(status or {}),
                }
    for stream, data_type in DATA_SETS.items():
        for connection in shops.world.connections():
            if data_type not in connection.data or data_type in connection.platform.lacks:
                continue
            for record in connection.data[data_type].records.values():
                text = simplejson.dumps(record, use_decimal=True)
                row = json.loads(text, parse_float=Decimal, parse_int=Decimal)
                row |= {"companyId": connection.company_id, "connectionId": connection.id}
                found[stream][tuple(row[k] for k in KEYS[stream])] = row
    return found


class Comparison:
    """Two sides, value by value."""

    def __init__(self, wanted: Rows, held: Rows) -> None:
        self.rows: dict[str, tuple[int, int]] = {}
        self.values: dict[str, int] = defaultdict(int)
        self.differences: dict[str, list[str]] = defaultdict(list)
        for self._stream, rows in wanted.items():
            came = held[self._stream]
            self.rows[self._stream] = len(rows), len(came)
            self.differences[self._stream] += [f"{key}: on one side only" for key in rows.keys() ^ came.keys()]
            for key in rows.keys() & came.keys():
                self._compare(rows[key], came[key], str(key))

    def _compare(self, wanted: Any, came: Any, path: str) -> None:
        if isinstance(wanted, dict | list) and isinstance(came, str):
            came = json.loads(came, parse_float=Decimal, parse_int=Decimal) if came else None
        if isinstance(wanted, dict) or (wanted is None and isinstance(came, dict)):
            wanted, came = wanted or {}, came or {}
            for name in wanted.keys() | came.keys():
                self._compare(wanted.get(name), came.get(name), f"{path}.{name}")
        elif isinstance(wanted, list) and isinstance(came, list) and len(wanted) == len(came):
            for number, (one, other) in enumerate(zip(wanted, came, strict=True)):
                self._compare(one, other, f"{path}[{number}]")
        else:
            self.values[self._stream] += 1
            if not same(wanted, came):
                self.differences[self._stream].append(f"{path}: {wanted!r} became {came!r}")

    def check(self, table: str) -> None:
        """Say that there is no difference; write a table where TABLES, a variable of the environment, says."""
        if folder := os.environ.get("TABLES"):
            with open(f"{folder}/{table}.txt", "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write(self.table())
        found = [line for lines in self.differences.values() for line in lines]
        assert not found, "\n".join(found[:20])

    def table(self) -> str:
        """Return what was compared."""
        lines = [f"{'stream':<20}{'stand-in':>9}{'target':>8}{'values':>8}{'differences':>13}"]
        for stream, (ours, theirs) in self.rows.items():
            compared, differ = self.values[stream], len(self.differences[stream])
            lines.append(f"{stream:<20}{ours:>9}{theirs:>8}{compared:>8}{differ:>13}")
        sums = [sum(pair) for pair in zip(*self.rows.values(), strict=True)]
        differ = sum(map(len, self.differences.values()))
        lines.append(f"{'all':<20}{sums[0]:>9}{sums[1]:>8}{sum(self.values.values()):>8}{differ:>13}")
        return "\n".join(lines) + "\n"


def same(wanted: Any, came: Any) -> bool:
    """Say whether a value is what became of another: dates as a point in time, year 1 as none; text where all is."""
    if wanted is None or (isinstance(wanted, str) and (not wanted or wanted.startswith("0001-01-01"))):
        return came in {None, ""}
    if isinstance(wanted, bool):
        return str(came) == str(wanted)
    if isinstance(wanted, Decimal):
        return isinstance(came, str | Decimal) and Decimal(came) == wanted
    return bool(wanted == came) or (isinstance(came, str) and None is not moment(wanted) == moment(came))


def moment(text: str) -> datetime | None:
    """Return a date as a point in time, to the microsecond; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
