"""BATCH: files hold what RECORD messages would."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from codat_mock.faults import Fault
from conftest import DATA_SETS, batches, in_files
from tap_codat_commerce.singer.batches import Digits, prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Stage

FORMATS = ["jsonl", "parquet"]
LONG = Decimal("12345678901234567890123456789.01234567890123456789")


def known(value: Any) -> Any:
    """Return a value without what is null: Parquet has each field in each record."""
    if isinstance(value, dict):
        return {k: known(v) for k, v in value.items() if known(v) not in (None, {})}
    return [known(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", FORMATS)
def test_files_hold_what_messages_would(stage: Callable[..., Stage], tmp_path: Path, form: str) -> None:
    shops = stage(companies=2, connections=2, records=5)
    orders = shops.world.connections()[0].data["commerce-orders"].records
    list(orders.values())[-1].update(totalAmount=LONG, colour="red", orderNumber=None)
    next(iter(orders.values())).pop("customerRef")
    wanted = shops.run(unknown_fields="keep").ok()
    run = shops.run(unknown_fields="keep", batch_config=batches(tmp_path, form, batch_size=3)).ok()
    assert run.records.keys() == {"reads"}
    assert run.state["bookmarks"].keys() == wanted.state["bookmarks"].keys()
    for stream in wanted.records.keys() - {"reads"}:
        found = in_files(run, stream)
        lines = [m for m in wanted.out.splitlines() if f'"stream":"{stream}","record"' in m]
        messages = [json.loads(m, parse_float=Decimal, parse_int=Decimal)["record"] for m in lines]
        assert comparable(found) == comparable(messages), stream
    assert len(run.state["bookmarks"]["orders"]["partitions"]) == 4


def comparable(records: list[dict[str, Any]]) -> list[str]:
    """Return records in one order, each in one spelling."""
    return sorted(str(known(sort(record))) for record in records)


def sort(value: Any) -> Any:
    """Return a value with its fields in one order, its numbers in one spelling, and no object as text."""
    if isinstance(value, dict):
        return {k: sort(value[k]) for k in sorted(value)}
    if isinstance(value, list):
        return [sort(v) for v in value]
    if isinstance(value, str) and value.startswith("{"):
        return sort(json.loads(value, parse_float=Decimal, parse_int=Decimal))
    return f"{value:.40f}" if isinstance(value, Decimal) else value


@pytest.mark.parametrize("form", FORMATS)
def test_deselected_fields_are_in_no_file(stage: Callable[..., Stage], tmp_path: Path, form: str) -> None:
    shops = stage(companies=1, connections=1)
    config = batches(tmp_path, form)
    catalog = shops.catalog(*DATA_SETS, batch_config=config)
    (customers,) = (s for s in catalog["streams"] if s["stream"] == "customers")
    for entry in customers["metadata"]:
        if entry["breadcrumb"] == ["properties", "emailAddress"]:
            entry["metadata"]["selected"] = False
    run = shops.run(catalog=catalog, batch_config=config).ok()
    assert len(in_files(run, "customers")) == 12
    assert not any("emailAddress" in record for record in in_files(run, "customers"))


@pytest.mark.parametrize("form", FORMATS)
def test_maps_and_flattening_are_in_files_too(stage: Callable[..., Stage], tmp_path: Path, form: str) -> None:
    shops = stage(companies=1, connections=1)
    maps = {"customers": {"customerName": "md5(customerName or '')", "copy": "id", "__filter__": "id != '1'"}}
    flat: dict[str, Any] = {"flattening_enabled": True, "flattening_max_depth": 1}
    run = shops.run(stream_maps=maps, **flat, batch_config=batches(tmp_path, form)).ok()
    customers = in_files(run, "customers")
    assert customers
    assert all(len(c["customerName"]) == 32 and c["copy"] == c["id"] for c in customers)
    columns = next(m["schema"]["properties"] for m in run.schemas if m["stream"] == "orders")
    orders = in_files(run, "orders")
    assert all("customerRef__id" in order and order.keys() <= columns.keys() for order in orders)
    assert json.loads(orders[0]["orderLineItems"])[0]["quantity"] > 0


def test_an_unfinished_read_is_begun_anew(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """Its records may be in a file that no message has named yet."""
    shops = stage(companies=1, connections=1, records=30)
    shops.gate.faults.append(Fault("status", "commerce-orders", page=3, status=500, times=0))
    config: dict[str, Any] = {"page_size": 10, "batch_config": batches(tmp_path, "jsonl")}
    first = shops.run(max_retries=0, **config)
    assert first.code == 1
    assert "orders" not in {s for s, v in first.state["bookmarks"].items() if v.get("partitions")}
    shops.gate.faults.clear()
    assert len(in_files(shops.run(state=first.state, **config).ok(), "orders")) == 30


@pytest.mark.parametrize(("number", "digits"), [("1e-99", 119), ("1e100", 119), ("0e-200", 220)])
def test_what_fits_no_parquet_type_costs_its_data_set(
    stage: Callable[..., Stage], tmp_path: Path, number: str, digits: int
) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    connection = shops.world.connections()[0]
    record_id, order = next(iter(connection.data["commerce-orders"].records.items()))
    order["totalAmount"] = Decimal(number)
    run = shops.run(batch_config=batches(tmp_path, "parquet"))
    assert run.code == 1
    what = f"fits no Parquet type, use the format jsonl: a decimal of {digits} digits. The rest is read."
    assert run.says("orders of ", connection.company_id, f"batch_config: record {record_id} of orders {what}")
    assert len(run.problems) == 2
    assert re.search(r"read 21 +unchanged 0 +not ready 0 +failed 1\b", run.log)
    orders = run.state["bookmarks"]["orders"]["partitions"]
    assert [p["context"]["connectionId"] for p in orders] == [shops.world.connections()[1].id]
    assert len(run.records["reads"]) == 21


@pytest.mark.parametrize(
    ("expression", "reason"), [("{'a': 1}", "Expected bytes"), ("[1]", "Expected bytes"), ("float(1)", None)]
)
def test_what_a_stream_map_makes_and_parquet_cannot_hold(
    stage: Callable[..., Stage], tmp_path: Path, expression: str, reason: str | None
) -> None:
    maps = {"customers": {"customerName": expression}}
    run = stage(companies=1).run(stream_maps=maps, batch_config=batches(tmp_path, "parquet"))
    assert (run.code == 1) == bool(reason), run.log
    if reason:
        assert f"records of customers fit no Parquet type, use the format jsonl: {reason}" in run.problems[0]
        assert "data set failed" in run.problems[-1]
    assert "Traceback" not in run.log


def test_a_field_without_a_column_is_not_dropped() -> None:
    """Whatever the SDK should make of a record one day."""
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    assert prepared({"id": "1", "colour": None}, schema, Digits()) == {"id": "1"}
    with pytest.raises(ValueError, match="there is no column for colour"):
        prepared({"id": "1", "colour": "red"}, schema, Digits())


def test_a_folder_that_cannot_be_written(stage: Callable[..., Stage], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = stage(companies=1).run(batch_config=batches(tmp_path / "file" / "below", "jsonl"))
    assert run.code == 1
    assert run.problems[-1].startswith(f"batch_config: a file in file://{tmp_path}/file/below can't be written: ")
    assert "Traceback" not in run.log


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("root", "line"),
    [
        ("ftp://user:s3cr3t@127.0.0.1:1/x", "batch_config: storage.root: [Errno 111] Connection refused"),
        ("http://user:s3cr3t@127.0.0.1:1/x", "batch_config: a file in http://127.0.0.1:1/x can't be written: "),
        ("memory://x", "batch_config: a file in memory://x can't be written: "),
        ("file:///dev/null/x", "batch_config: a file in file:///dev/null/x can't be written: [Errno 20] Not a dir"),
    ],
)
def test_a_place_that_cannot_be_reached(stage: Callable[..., Stage], form: str, root: str, line: str) -> None:
    config = {"encoding": {"format": form, "compression": "gzip"}, "storage": {"root": root}}
    run = stage(companies=1).run(batch_config=config)
    assert run.code == 1
    assert [p[: len(line)] for p in run.problems] == [line]
    assert "Traceback" not in run.log
    assert "s3cr3t" not in run.log


@pytest.mark.parametrize("form", FORMATS)
def test_what_goes_wrong_at_codat_is_not_said_of_the_files(
    stage: Callable[..., Stage], tmp_path: Path, form: str
) -> None:
    shops = stage(companies=1)
    shops.gate.faults.append(Fault(path="commerce-orders", status=401, times=0))
    run = shops.run(batch_config=batches(tmp_path, form))
    assert run.code == 1
    assert "answered 401" in run.problems[-1]
    assert "can't be written" not in run.log


def test_several_streams_of_one_are_refused(stage: Callable[..., Stage], tmp_path: Path) -> None:
    shops = stage(companies=1)
    maps = {"customers": {"id": "id"}, "copies": {"__source__": "customers"}}
    run = shops.run(stream_maps=maps, batch_config=batches(tmp_path, "jsonl"))
    assert run.code == 1
    assert run.problems == ["batch_config: stream_maps make several streams of customers, but files are of one"]
    assert not shops.requests()
