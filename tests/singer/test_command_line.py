"""The command line itself: help, what a test says, and what is left to the log of a debugger."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from codat_mock.faults import Fault
from conftest import DATA_SETS, STREAMS, TAP, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("module", ["tap_codat_commerce", "tap_codat_commerce.tap"])
def test_help(module: str, option: str) -> None:
    run = start([sys.executable, "-m", module, option])
    assert run.code == 0, run.log
    assert "--discover" in run.out
    assert run.log == ""


def test_a_mistyped_option_is_said_without_a_traceback() -> None:
    run = start([*TAP, "--stat", "x"])
    assert run.code == 2
    assert "No such option" in run.log
    assert "Traceback" not in run.log


def test_a_test_ends_with_what_came(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    connection = shops.world.connections()[0]
    connection.data["commerce-disputes"].records.clear()
    run = shops.run("--test").ok()
    assert run.log.splitlines()[-1].endswith(f"| Tested: records of {len(STREAMS) - 1} streams came, none of disputes.")


def test_a_test_fails_if_a_data_set_does(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1)
    shops.gate.faults.append(Fault(path="commerce-orders", status=500, times=0))
    run = shops.run("--test", max_retries=0)
    assert run.code == 1
    assert run.problems[-1].startswith("1 data set failed (see above). The next run reads them")


def test_the_log_of_a_run_holds_no_commentary_of_the_sdk(stage: Callable[..., Stage]) -> None:
    shops = stage(companies=1, connections=1, records=1)
    run = shops.run(stream_maps={"orders": {"id": "id"}}).ok()
    assert [line.split(" | ")[3][:20] for line in run.log.splitlines()] == [
        "tap-codat-commerce 0",
        f"Reading {len(STREAMS)} streams: ",
        "companies 1 of 1    ",
        f"data sets: read {len(DATA_SETS)}  ",
        "records: disputes 3 ",
    ]
    debug = shops.run(env={"TAP_CODAT_COMMERCE_LOGLEVEL": "debug"}).ok()
    assert "Added 'orders' as child stream to 'connections'" in debug.log
    assert "Skipping parse of env var settings" in debug.log


def test_what_only_the_commands_need_is_not_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, tap_codat_commerce.tap; print('rich' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
