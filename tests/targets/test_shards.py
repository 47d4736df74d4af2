"""Shards: each company is read by exactly one of them, on whatever machine."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import API_KEY, SERVED
from readme import the_job
from tap_codat_commerce.sync.company_selection import shard_of
from tools.demo import link_plugins, meltano_project
from tools.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run, Stage


@given(company=st.uuids(), count=st.integers(1, 100))
def test_each_company_is_in_one_shard(company: object, count: int) -> None:
    assert 0 <= shard_of(str(company), count) < count
    assert shard_of(str(company).upper(), count) == shard_of(str(company), count)


def test_it_stays_as_it_is() -> None:
    """Were this to change, a run would go on from the state of other companies."""
    ids = [f"{n:08x}-1c0d-4a7a-8000-00000000c0de" for n in range(12)]
    assert [shard_of(i, 3) for i in ids] == [1, 2, 2, 2, 2, 1, 1, 1, 1, 0, 2, 2]


def test_three_at_once_read_everything_and_nothing_twice(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=20, connections=1, records=5, extras=False)
    whole = shops.run().ok()
    asked = len(shops.requests())

    def one(index: int) -> Run:
        return shops.run(config_name=f"shard{index}", shard_index=index, shard_count=3).ok()

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(one, range(3)))
    for stream in SERVED:
        records = whole.records[stream]
        parts = [json.dumps(r, sort_keys=True) for run in runs for r in run.records[stream]]
        assert sorted(parts) == sorted(json.dumps(r, sort_keys=True) for r in records)
    assert all(len(run.records["companies"]) > 2 for run in runs)
    assert len(shops.requests()) == asked + 2, "only the list of companies is asked for by each"


def test_a_company_that_falls_to_another_shard_is_not_missing(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=2, connections=1, extras=False)
    one = next(iter(shops.world.companies))
    run = shops.run(company_ids=[one], shard_index=1 - shard_of(one, 2), shard_count=2).ok()
    assert not run.records["companies"]
    assert not run.problems


@pytest.mark.parametrize("bad", [{"shard_index": 3, "shard_count": 3}, {"shard_index": 1}])
def test_a_shard_that_does_not_exist(stage: Callable[..., Stage], bad: dict[str, Any]) -> None:
    shops = stage(companies=1)
    run = shops.run(**bad)
    assert run.code == 1
    assert f"shard_index: {bad['shard_index']} is none of the {bad.get('shard_count', 1)} shards" in run.problems[-1]
    assert not shops.gate.asked


@pytest.mark.slow
def test_three_at_once_by_meltano(stage: Callable[..., Stage]) -> None:
    """What the containers of the documented Kubernetes job run, each with a state of its own."""
    shops = stage(companies=6, connections=1, records=5, extras=False)
    container = the_job()["template"]["spec"]["containers"][0]
    (script,) = container["args"]
    command = [*container["command"], script.replace("target-postgres", "target-jsonl")]
    with meltano_project("shard") as (meltano, _, output, env):
        env |= {"TAP_CODAT_COMMERCE_API_KEY": API_KEY, "TAP_CODAT_COMMERCE_API_URL": shops.url}
        env |= {one["name"]: one["value"] for one in container["env"]}
        env["PATH"] = os.pathsep.join([str(meltano.parent), os.environ["PATH"]])

        def one(index: int) -> None:
            folder = output / str(index)
            folder.mkdir(exist_ok=True)
            sys_dir = Path(f"{env['MELTANO_SYS_DIR_ROOT']}-{index}")
            link_plugins(sys_dir)
            own = {
                "JOB_COMPLETION_INDEX": str(index),
                "TARGET_JSONL_DESTINATION_PATH": str(folder),
                "MELTANO_SYS_DIR_ROOT": str(sys_dir),
            }
            done = subprocess.run(
                command, env={**os.environ, **env, **own}, cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

        # Its tables, which several at once can't make: docs/several-machines.md has one shard run alone first.
        subprocess.run([meltano, "state", "list"], env={**os.environ, **env}, cwd=ROOT, check=True, capture_output=True)
        for turn in range(2):
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(one, range(3)))
            rows = [json.loads(line) for f in output.glob("*/orders.jsonl") for line in f.read_text().splitlines()]
            assert sorted((r["connectionId"], r["id"]) for r in rows) == sorted(
                (key[1], key[2]) for key in shops.held("commerce-orders")
            ), f"each order once, and not again by run {turn + 1}"
