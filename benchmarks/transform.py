"""Measures the dbt package over many made orders: `python -m benchmarks.transform [orders]`, a million by itself.

The orders are made by SQL in each database, as its loader would have written them. Then all is built, as every night.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tools.environments import ROOT

sys.path.insert(0, str(ROOT / "tests"))
from database import Database
from warehouses import IN_DUCKDB, TRANSFORM, programs

ORDERS = 1_000_000
SHOPS = 20
LINE = (
    """{"id": "l' || n || '", "quantity": 2, "unitPrice": 9.99, "totalAmount": 19.98, "totalTaxAmount": 3.33, """
    """"taxPercentage": 20, "productRef": {"id": "p' || n % 500 || '", "name": "A product"}, """
    """"productVariantRef": {"id": "v' || n % 500 || '"}, "discountAllocations": [{"name": "d", "totalAmount": 1}], """
    """"taxes": [{"taxComponentRef": {"id": "t"}, "rate": 3.33}]}"""
)
PAYMENT = """{"id": "y' || n || '", "amount": 39.96, "currency": "GBP", "status": "Paid", "type": "Card"}"""
COLUMNS = {
    "companyId": "'c' || n % {shops}",
    "connectionId": "'s' || n % {shops}",
    "id": "'o' || n",
    "currency": "'GBP'",
    "totalAmount": "39.96",
    "totalRefund": "0.0",
    "totalTaxAmount": "6.66",
    "totalDiscount": "2.0",
    "customerRef": """cast('{{"id": "u' || n % 100000 || '"}}' as {json})""",
    "orderLineItems": "{lines}",
    "payments": "{payments}",
    "createdDate": "timestamp '2024-11-29 08:00:00' + interval '1 minute' * (n % 1051200)",
    "modifiedDate": "timestamp '2026-11-28 06:00:00'",
    "_sdc_extracted_at": "timestamp '2026-11-29 03:00:00'",
}
"""Of an order: each column by an expression over its number, n."""
OTHERS = (
    """create table codat.companies as select 'c' || n as "id", 'Company' || n as "name",
    timestamp '2026-11-29 03:00:00' as "_sdc_extracted_at" from ({numbers}) numbers""",
    """create table codat.connections as select 'c' || n as "companyId", 's' || n as "id", 'Linked' as "status",
    'Commerce' as "sourceType", 'Shopify' as "platformName", timestamp '2026-11-29 03:00:00' as "_sdc_extracted_at"
    from ({numbers}) numbers""",
    """create table codat.reads as select 'c' || n as "companyId", 's' || n as "connectionId",
    'commerce-orders' as "dataType", timestamp '2026-11-29 02:00:00' as "startedAt",
    timestamp '2026-11-29 04:00:00' as "endedAt", timestamp '2026-11-28 06:00:00' as "syncedAt", true as "full",
    {orders} / {shops} as "records", {orders} / {shops} as "total", true as "arrived" from ({numbers}) numbers""",
)
DIALECTS = {
    "postgres": {
        "json": "jsonb",
        "lines": f"array[cast('{LINE}' as jsonb), cast('{LINE}' as jsonb)]",
        "payments": f"array[cast('{PAYMENT}' as jsonb)]",
        "upto": "select n from generate_series(0, {} - 1) as n",
    },
    "duckdb": {
        "json": "json",
        "lines": f"cast('[{LINE}, {LINE}]' as json)",
        "payments": f"cast('[{PAYMENT}]' as json)",
        "upto": "select range as n from range({})",
    },
}


def made(kind: str, orders: int) -> list[str]:
    """Return the statements that make the tables."""
    upto = DIALECTS[kind]["upto"]
    words = {**DIALECTS[kind], "shops": str(SHOPS), "orders": str(orders), "numbers": upto.format(SHOPS)}
    columns = ", ".join(f'{text.format(**words)} as "{name}"' for name, text in COLUMNS.items())
    every = f"create table codat.orders as select {columns} from ({upto.format(orders)}) numbers"
    return ["create schema codat", every, *(statement.format(**words) for statement in OTHERS)]


def peak(process: subprocess.Popen[str], server: int | None, found: list[int]) -> None:
    """Keep the most memory that a process and a server's processes take together, in kilobytes, while it runs."""
    while process.poll() is None:
        taken = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = (folder / "status").read_text()
            except OSError:
                continue
            parent = re.search(r"^PPid:\t(\d+)", status, re.MULTILINE)
            kept = re.search(r"^RssAnon:\s+(\d+)", status, re.MULTILINE)
            if kept and (int(folder.name) == process.pid or (server and parent and int(parent[1]) == server)):
                taken += int(kept[1])
        found.append(taken)
        time.sleep(0.5)


def build(kind: str, env: dict[str, str], server: int | None, folder: str) -> None:
    """Build all, and print what it took."""
    dbt = programs("dbt-postgres", "dbt-duckdb") / "dbt"
    where = ["--project-dir", str(TRANSFORM), "--profiles-dir", str(TRANSFORM), "--target", kind, "--threads", "2"]
    env = {**os.environ, **env, "DBT_TARGET_PATH": f"{folder}/target", "DBT_LOG_PATH": folder}
    began, found = time.monotonic(), [0]
    process = subprocess.Popen([dbt, "--no-use-colors", "build", *where], env=env, stdout=subprocess.PIPE, text=True)
    threading.Thread(target=peak, args=(process, server, found)).start()
    said = process.communicate()[0]
    seconds = time.monotonic() - began
    print(f"{kind}: {seconds:.0f} s, {max(found) // 1024} MB at most: {said.splitlines()[-1]}", flush=True)
    slow = re.findall(r"(?:model|test) (\S+) .*?in ([\d.]+)s", said)
    print("   ", ", ".join(f"{n} {s}" for n, s in sorted(slow, key=lambda one: -float(one[1]))[:6]), flush=True)


def in_postgres(orders: int, folder: str) -> None:
    """Measure with PostgreSQL."""
    with Database() as database:
        settings = {name: str(database.target[name]) for name in ("host", "port", "user", "password", "database")}
        env = {f"TARGET_POSTGRES_{name.upper()}": value for name, value in settings.items()}
        server = int((Path(database.folder) / "data" / "postmaster.pid").read_text().splitlines()[0])
        for statement in [*made("postgres", orders), "analyze"]:
            database.text(statement)
        build("postgres", env, server, folder)


def in_duckdb(orders: int, folder: str) -> None:
    """Measure with DuckDB."""
    loaded = f"{folder}/loaded.duckdb"
    env: dict[str, Any] = {"TARGET_DUCKDB_FILEPATH": loaded, "DBT_DUCKDB_PATH": f"{folder}/warehouse.duckdb"}
    python = programs("dbt-postgres", "dbt-duckdb") / "python"
    statements = made("duckdb", orders)
    subprocess.run([python, "-c", IN_DUCKDB, loaded, "", *statements], check=True, stdout=subprocess.DEVNULL)
    build("duckdb", env, None, folder)


def main() -> None:
    """Measure."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    for measure in (in_postgres, in_duckdb):
        with tempfile.TemporaryDirectory() as folder:
            measure(orders, folder)


if __name__ == "__main__":
    main()
