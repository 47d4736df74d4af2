"""Waiting for syncs under way: how often is looked, and for how long; time is moved."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from itertools import chain
from types import SimpleNamespace

import pytest

from tap_codat_commerce.sync import pending_syncs
from tap_codat_commerce.sync.pending_syncs import LONGEST_PAUSE, PendingSyncs


@dataclass
class Sync:
    """A data set that is looked at so many times before it is ready."""

    key: str = "orders"
    looks: int = 10**9
    outcome: str = ""


@dataclass
class Night:
    """What is waited for, and how long each wait was."""

    seconds: float
    waits: list[float] = field(default_factory=list)
    clock: float = 0.0
    looks_take: float = 0.0
    reads_take: float = 0.0

    def __post_init__(self) -> None:
        self.pending: PendingSyncs[Sync] = PendingSyncs(self.seconds)

    def come_back(self) -> None:
        for sync in chain.from_iterable(self.pending.rounds()):
            sync.looks -= 1
            self.clock += self.looks_take
            if not sync.looks:
                with self.pending.reading():
                    self.clock += self.reads_take
                sync.outcome = f"read after {sum(self.waits):g}"
            elif not self.pending.set_aside(sync):
                sync.outcome = f"left out after {sum(self.waits):g}"

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock += seconds


@pytest.fixture
def night(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Night:
    caplog.set_level(logging.INFO, "tap-codat-commerce")
    night = Night(request.param)
    monkeypatch.setattr(pending_syncs, "time", SimpleNamespace(sleep=night.sleep, monotonic=lambda: night.clock))
    return night


@pytest.mark.parametrize("night", [0], indirect=True)
def test_without_time_nothing_is_set_aside(night: Night) -> None:
    assert not night.pending.set_aside(Sync())


@pytest.mark.parametrize("night", [100], indirect=True)
def test_pauses_grow_to_the_end_of_the_time(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    quick, slow, never = Sync("a", looks=1), Sync("b", looks=3), Sync("c")
    for sync in (quick, slow, never):
        assert night.pending.set_aside(sync)
    night.come_back()
    assert [quick.outcome, slow.outcome, never.outcome] == ["read after 0", "read after 2.5", "left out after 100"]
    pauses = [min(1.5**n, LONGEST_PAUSE) for n in range(9)]
    assert night.waits == pytest.approx([*pauses, 100 - sum(pauses)])
    assert [r.message for r in caplog.records] == [
        "Waiting for 2 data sets whose syncs are under way or have just ended, 100 of 100 s are left.",
        "Waiting for 1 data sets whose syncs are under way or have just ended, 25 of 100 s are left.",
    ]


@pytest.mark.parametrize("night", [100], indirect=True)
@pytest.mark.parametrize(
    ("seconds", "outcomes", "waits"),
    [
        ((50, 20, 35), ["read after 50"] * 3, [50]),
        ((60, 20), ["read after 60", "read after 50"], [50, 10]),
        ((50, 95, 200), ["read after 80", "read after 100", "left out after 100"], [80, 20]),
        ((0, 4), ["read after 0", "read after 4"], [4]),
        ((101, 120), ["read after 0", "read after 0"], []),
        ((0, 50, 120), ["read after 0", "read after 80", "read after 80"], [80]),
    ],
)
def test_what_can_not_be_ready_earlier_is_not_looked_at(
    night: Night, seconds: tuple[float, ...], outcomes: list[str], waits: list[float]
) -> None:
    """What is ready soon after the first of them is looked at with it."""
    syncs = [Sync(looks=1) for _ in seconds]
    syncs[-1].looks += seconds[-1] == 200
    for sync, after in zip(syncs, seconds, strict=True):
        assert night.pending.set_aside(sync, after)
    night.come_back()
    assert [sync.outcome for sync in syncs] == outcomes
    assert night.waits == waits


@pytest.mark.parametrize("night", [1000], indirect=True)
def test_no_pause_is_longer_than_the_longest(night: Night) -> None:
    night.pending.set_aside(Sync())
    night.come_back()
    assert max(night.waits) == LONGEST_PAUSE
    assert sum(night.waits) == pytest.approx(1000)


@pytest.mark.parametrize("night", [10], indirect=True)
def test_what_was_left_out_is_not_left_out_twice(night: Night) -> None:
    sync = Sync()
    night.pending.set_aside(sync)
    night.come_back()
    assert sync.outcome == "left out after 10"
    sync.outcome = ""
    night.come_back()
    assert sync.outcome == ""
    assert not night.pending.set_aside(Sync()), "there is no time left"
    assert sum(night.waits) == 10


@pytest.mark.parametrize("night", [10], indirect=True)
def test_to_look_takes_of_the_time_and_to_read_does_not(night: Night) -> None:
    night.looks_take, night.reads_take = 3, 1000
    read, left = Sync("a", looks=2), Sync("b")
    for sync in (read, left):
        night.pending.set_aside(sync)
    night.come_back()
    assert read.outcome == "read after 1"
    assert night.waits == [1]
    assert night.clock == pytest.approx(1000 + 1 + 5 * 3)
