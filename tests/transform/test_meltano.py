"""From nothing to the tables of the shops by the job that the docs have, as users run it by Meltano."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from conftest import API_KEY
from tools.demo import install, meltano_project
from tools.environments import ROOT
from warehouses import KINDS, warehouse_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
def test_the_job(stage: Callable[..., Stage], kind: str) -> None:
    shops = stage(companies=1, connections=1, records=40)
    name = f"target-{kind}"
    with (
        warehouse_of(kind, shops, batch=10_000) as warehouse,
        meltano_project(f"{name}-dbt", name) as (meltano, _, _, env),
    ):
        install(meltano, f"dbt-{kind}", env)
        own = {"TAP_CODAT_COMMERCE_API_KEY": API_KEY, "TAP_CODAT_COMMERCE_API_URL": shops.url}
        where = {"DBT_TARGET_PATH": str(warehouse.made), "DBT_LOG_PATH": str(warehouse.folder)}
        jobs = [["run", "tap-codat-commerce", name, f"dbt-{kind}:build"], ["invoke", f"dbt-{kind}:docs"]]
        for job in jobs[: 2 if kind == KINDS[0] else 1]:
            done = subprocess.run(
                [meltano, *job],
                cwd=ROOT,
                env={**os.environ, **env, **own, **where, **warehouse.for_meltano},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        assert (warehouse.made / "catalog.json").is_file() is (kind == KINDS[0])
        (found,) = warehouse.rows("select count(*) as months, sum(orders) as orders from commerce.monthly_metrics")
        assert (int(found["months"]) > 12, int(found["orders"])) == (True, 40)
