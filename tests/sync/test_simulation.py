"""Every history of up to two events in small worlds; and for each rule one in which something is lost without it.

`RULES` is the table in ARCHITECTURE.md: what a rule is replaced by, and the shortest history that was found then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from simulation import BASE, SUITE, WORLDS, Event, State, replay, searched, stamp
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync import proof
from tap_codat_commerce.sync.data_set_sync import DataSetSync
from tap_codat_commerce.sync.data_status import Kind, SyncStatus
from tap_codat_commerce.sync.pre_sync_check import PreSyncCheck
from tools.environments import ROOT

if TYPE_CHECKING:
    from codat_model import Freedoms
    from tap_codat_commerce.sync.bookmark import Checkpoint
    from tap_codat_commerce.sync.proof import Read, Seen

DOUBT, MAY_GO_ON, IS_DUE = proof.doubt, proof.may_go_on, DataSetSync.is_due


def doubt_by_ids(read: Read, before: SyncStatus, after: SyncStatus, **rest: Any) -> str | None:
    """Compare the status before a read and after it, but for how the latest sync stands."""
    same = after if after.kind is Kind.UNDER_WAY else replace(after, current=before.current)
    return DOUBT(read, before, same, **rest)


def doubt_by_counts(read: Read, *_: SyncStatus, **__: bool) -> str | None:
    return read.miscounted


def end_as_told(seen: Seen) -> str | None:
    """Return the end of the good sync, whether or not it is later than Codat's clock."""
    end = dates.stamp(seen.status.last_good_sync)
    is_young = end is not None and end > dates.moved(seen.asked_at, -proof.STAMPS_CLOSE_WITHIN)
    return dates.moved(end, -proof.OVERLAP) if end and is_young else end


def when_asked(seen: Seen) -> str:
    return seen.asked_at


def goes_on(after: Checkpoint | None, *_: Any) -> bool:
    return after is not None


def goes_on_unsettled(after: Checkpoint | None, status: SyncStatus, query: str | None, page_size: int) -> bool:
    now = (status.good_sync_id, status.sync_id, query, page_size)
    return after is not None and (after.sync_id, after.latest_sync_id, after.query, after.page_size) == now


def goes_on_after_any_sync(after: Checkpoint | None, status: SyncStatus, query: str | None, page_size: int) -> bool:
    return MAY_GO_ON(after, replace(status, current="Complete"), query, page_size)


def refreshes_first(data_set: Any) -> bool:
    """Refresh what is old, whether or not what there is was read."""
    data_set._is_refreshed(data_set.check.status())  # noqa: SLF001
    return IS_DUE(data_set)


def is_gone_by_any_read(state: State, key: tuple[str, str], written: int) -> bool:
    return any(stamp(written) < begin for (shop, begin), _ in state.reads if shop == key[0])


class Rule(NamedTuple):
    """What stands in the place of a rule; the world and the history in which something is lost then.

    `found_by` is a rule that finds the loss in the next run: it is taken away, too.
    """

    where: Any
    name: str
    without: Any
    world: Freedoms
    history: tuple[tuple[Event, ...], tuple[Event, ...]]
    found_by: str | None = None


ONE, DAILY = WORLDS["one shop"], WORLDS["one shop, read whole each day"]
BARE = WORLDS["one shop, neither ids nor history"]
BEHIND, AHEAD = WORLDS["one shop, stamps that are behind"], WORLDS["one shop, stamps that are ahead, local time"]
FIRST, SECOND = WORLDS["one shop, whose first sync is under way"], WORLDS["one shop, all within a second"]
NO_IDS = WORLDS["two shops, no ids"]
SLOW = BASE._replace(wait=90, gap=50_000)
LATER = "the look back"
RULES = {
    "settled": Rule(proof, "is_settled", lambda *_: True, ONE, (((0, "sync 0 restamp"), (3, "stale")), ())),
    "what showed before a sync failed is read once more": Rule(
        proof, "mark_of_failed", lambda _, status, __: status.mark, ONE, ((), ((0, "try 0 restamp"), (3, "stale")))
    ),
    "the second look": Rule(proof, "doubt", doubt_by_counts, BARE, (((4, "half 0 swap"),), ()), LATER),
    "the same status in every word": Rule(proof, "doubt", doubt_by_ids, BARE, (((4, "try 0 swap"),), ()), LATER),
    "a status without ids tells of good syncs alone": Rule(
        proof, "tells_of_each", lambda _: True, NO_IDS, ((), ((0, "try 0 restamp"),))
    ),
    "totals": Rule(proof.Read, "miscounted", None, ONE, (((4, "vanish 0"),), ())),
    "never past the end of the good sync": Rule(
        proof, "reaches", when_asked, BEHIND, (((0, "sync 0 restamp"),), ((6, "begin 0 restamp"),))
    ),
    "never past the time of asking": Rule(
        proof, "reaches", end_as_told, AHEAD, ((), ((0, "sync 0 restamp"), (6, "sync 0 restamp")))
    ),
    "clocks may differ": Rule(proof, "OVERLAP", 0.0, BEHIND, (((6, "sync 0 restamp"),), ((6, "sync 0 restamp"),))),
    "the seal": Rule(proof, "_seal", lambda _: "", ONE, ((), ((0, "set back"),))),
    "the look back": Rule(proof, "may_be_torn", lambda *_: False, ONE, (((4, "sync 0 swap"), (5, "behind")), ())),
    "whose sync it was": Rule(
        PreSyncCheck,
        "_may_be_of_another",
        lambda *_, **__: False,
        SLOW,
        (((2, "half 0 cycle"), (2, "linked 1")), ((0, "end 0"),)),
        LATER,
    ),
    "no data is not believed where there was some": Rule(
        proof,
        "had_data",
        lambda *_: False,
        DAILY,
        (((6, "try 0 restamp"),), ((3, "no data"),)),
        found_by="no data is not believed soon after a sync, or after one that failed",
    ),
    "no data is not believed soon after a sync, or after one that failed": Rule(
        proof, "may_still_arrive", lambda *_: False, FIRST, (((3, "end 0"),), ((3, "no data"),))
    ),
    "a checkpoint holds only if nothing has moved": Rule(
        proof, "may_go_on", goes_on, ONE, (((5, "stop"),), ((0, "sync 0 restamp"),))
    ),
    "a checkpoint holds only if the sync had settled": Rule(
        proof, "may_go_on", goes_on_unsettled, ONE, (((0, "sync 0 restamp"), (3, "stale")), ())
    ),
    "a checkpoint holds only after a good sync": Rule(
        proof, "may_go_on", goes_on_after_any_sync, DAILY, ((), ((0, "try 0 restamp"), (5, "stale"), (6, "stop")))
    ),
    "what is ready is read before it is refreshed": Rule(
        DataSetSync, "is_due", refreshes_first, WORLDS["one shop, refreshed each day"], ((), ())
    ),
    "arrived": Rule(State, "is_gone", is_gone_by_any_read, ONE, ((), ((0, "full refresh"), (6, "kill")))),
}
MENDED = {
    "a sync ends between the question for its status and the answer": (
        ONE,
        ((), ((2, "sync 0 restamp"), (4, "stale"))),
    ),
    "a sync ends in the second of asking": (SECOND, (((4, "sync 0 swap"), (5, "behind")), ())),
    "syncs of two shops fail one after the other, without ids": (
        NO_IDS,
        ((), ((0, "try 0 restamp"), (4, "try 1 restamp"))),
    ),
    "a shop's sync begins behind another's, without ids": (
        BASE._replace(ids=False),
        (((0, "link 1"),), ((7, "half 0 restamp"),)),
    ),
    "no data, night after night, after a sync that failed": (
        ONE,
        (((0, "try 0 restamp"), (3, "no data")), ((4, "no data"),)),
    ),
    "no data, after what the run itself has read": (ONE, (((3, "try 0 restamp"), (6, "no data")), ((4, "no data"),))),
    "no data, where the bookmark is not trusted": (ONE, ((), ((0, "try 0 restamp"),), ((3, "no data"),))),
}
"""Histories in which something was lost, with all rules of then."""


@pytest.mark.parametrize("name", MENDED)
def test_nothing_is_lost_that_once_was(name: str) -> None:
    assert replay(*MENDED[name]) is None


@pytest.mark.parametrize("name", WORLDS)
def test_every_history_of_one_event(name: str) -> None:
    search = searched(1, WORLDS[name])
    assert not search.lost, search.lost[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITE)
def test_every_history_of_two_events(name: str) -> None:
    search = searched(2, WORLDS[name])
    assert not search.lost, search.lost[0]


def test_the_table_of_the_rules() -> None:
    lines = [line.split(" | ") for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines()]
    begin = next(n for n, cells in enumerate(lines) if cells[0] == "| rule")
    assert [cells[0].removeprefix("| ") for cells in lines[begin + 2 :][: len(RULES)]] == list(RULES)
    assert len(lines[begin + 2 + len(RULES)]) == 1, "there is another"


@pytest.mark.parametrize("name", RULES)
def test_each_rule_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULES[name]
    assert replay(rule.world, rule.history) is None
    for one in (rule, *([RULES[rule.found_by]] if rule.found_by else [])):
        monkeypatch.setattr(one.where, one.name, one.without)
    assert replay(rule.world, rule.history) is not None
