"""How a run is stopped: whole lines, and a state to go on from."""

from __future__ import annotations

import fcntl
import random
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from codat_mock.faults import Fault
from conftest import Run, start_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

ORDERS = "commerce-orders"
PIPE = 2**16
"""Bytes that a pipe holds."""


class TestStops:
    """A signal leaves whole lines, and a state to go on from."""

    def end(self, shops: Stage, process: subprocess.Popen[str], line: str = "") -> Run:
        """Read what is left, and wait for the end; `line` was read before."""
        assert process.stdout
        out = line + process.stdout.read()
        code = process.wait(60)
        assert out.endswith("\n")
        return Run(code, out, (shops.folder / "log").read_text())

    @pytest.mark.slow
    def test_at_ten_random_moments(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=60, connections=1, records=40, extras=False)
        shops.gate.per_minute, shops.gate.latency = 10**6, 0.002
        chance = random.Random(7)  # noqa: S311
        runs: list[Run] = []
        stops = 0
        while stops < 10:
            process = start_tap(shops, runs[-1].state if runs else {}, page_size=15, requests_per_minute=10**6)
            assert process.stdout
            line = process.stdout.readline()
            time.sleep(chance.uniform(0, 0.3))
            process.send_signal(signal.SIGTERM)
            runs.append(self.end(shops, process, line))
            assert runs[-1].code == 143, runs[-1].log
            assert runs[-1].messages[-1]["type"] == "STATE"
            stops += 1
        runs.append(shops.run(state=runs[-1].state, page_size=15, requests_per_minute=10**6).ok())
        for stream in ("orders", "customers", "transactions"):
            came = [(r["connectionId"], r["id"]) for run in runs for r in run.records[stream]]
            held = {(key[1], key[2]) for key in shops.held("commerce-" + stream)}
            assert set(came) == held
            assert len(came) - len(held) < len(held) / 10, "little is read again"

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
    def test_while_it_waits(self, stage: Callable[..., Stage], number: signal.Signals, code: int) -> None:
        shops = stage(companies=1, connections=1)
        shops.gate.faults.append(Fault("slow", ORDERS, seconds=20, times=0))
        process = start_tap(shops, {}, {"TAP_CODAT_COMMERCE_LOGLEVEL": "debug"})
        deadline = time.monotonic() + 20
        while "Reading orders of" not in (shops.folder / "log").read_text():
            assert time.monotonic() < deadline
        while not (shops.gate.in_flight == 1 and len(shops.gate.asked) == 2 + 10):
            assert time.monotonic() < deadline
        began = time.monotonic()
        process.send_signal(number)
        run = self.end(shops, process)
        assert run.code == code
        assert time.monotonic() - began < 10, "it did not wait for the answer"
        assert "partitions" not in run.state["bookmarks"]["customers"], "it has come, and is not proven yet"
        assert "Stopped by a signal" in run.log
        assert "Traceback" not in run.log
        shops.gate.faults.clear()
        rest = shops.run(state=run.state).ok()
        for stream in ("customers", "orders"):
            came = {(r["connectionId"], r["id"]) for one in (run, rest) for r in one.records[stream]}
            assert came == {key[1:] for key in shops.held("commerce-" + stream)}
        assert all(p["sync_id"] for s in rest.state["bookmarks"].values() for p in s.get("partitions", []))

    @pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
    def test_with_a_target_that_does_not_read(self, stage: Callable[..., Stage], env: dict[str, str]) -> None:
        shops = stage(companies=3, connections=2, records=100)
        for customer in shops.world.connections()[0].data["commerce-customers"].records.values():
            customer["note"] = "x" * 20_000  # a line that a pipe takes in parts
        process = start_tap(shops, {}, env)
        assert process.stdout
        line = process.stdout.readline()
        time.sleep(0.5)  # the pipe is full by now, the tap is within a write
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        run = self.end(shops, process, line)
        assert run.code == 143
        assert run.messages[-1]["type"] == "STATE"

    @pytest.mark.parametrize("then", [signal.SIGTERM, signal.SIGINT])
    def test_a_second_signal_ends_it_where_it_is(self, stage: Callable[..., Stage], then: signal.Signals) -> None:
        """The target has stopped reading for good: the tap would wait within a write for ever."""
        process = start_tap(stage(companies=3, connections=2, records=300), {})
        assert process.stdout
        process.stdout.readline()
        blocked_in_write(process)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.2)
        process.send_signal(then)
        assert process.wait(5) == 128 + then

    def test_two_signals_of_one_ctrl_c_count_as_one(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=3, connections=2, records=300)
        process = start_tap(shops, {})
        assert process.stdout
        line = process.stdout.readline()
        blocked_in_write(process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        run = self.end(shops, process, line)
        assert run.code in {130, 143}
        assert run.messages[-1]["type"] == "STATE"

    def test_while_a_long_state_is_written(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=1, connections=1, records=1)
        context = {"companyId": "c", "connectionId": "x" * 2**20}  # more than a pipe holds
        process = start_tap(shops, {"bookmarks": {"orders": {"partitions": [{"context": context, "sync_id": "s"}]}}})
        while "data sets: " not in (shops.folder / "log").read_text():
            if blocked_in_write(process) and len(shops.gate.asked) >= 12:
                break
        process.send_signal(signal.SIGTERM)
        run = self.end(shops, process)
        assert run.code == 143
        assert run.messages[-1]["type"] == "STATE"

    def test_a_terminal_that_is_closed_does_not_end_it_under_nohup(self, stage: Callable[..., Stage]) -> None:
        shops = stage(companies=3, connections=2, records=300)
        process = start_tap(shops, {}, nohup=True)
        assert process.stdout
        line = process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert self.end(shops, process, line).code == 0

    @pytest.mark.parametrize("moment", [0.1, 0.3, 0.5])
    def test_ctrl_c_while_it_starts(self, stage: Callable[..., Stage], moment: float) -> None:
        shops = stage(companies=1)
        process = start_tap(shops, {}, {"PYTHONPROFILEIMPORTTIME": "1"})
        while "tap_codat_commerce" not in (shops.folder / "log").read_text():
            assert process.poll() is None
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode in {-signal.SIGINT, 130}
        assert "Traceback" not in (shops.folder / "log").read_text()


def blocked_in_write(process: subprocess.Popen[str]) -> bool:
    """Wait until a process has filled its pipe: what can be read from it has stopped to grow."""
    assert process.stdout
    seen, deadline = -1, time.monotonic() + 20
    while time.monotonic() < deadline:
        waiting = int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder)
        if waiting == seen and waiting > PIPE // 2:
            return True
        seen = waiting
        time.sleep(0.05)
    return False
