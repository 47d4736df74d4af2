"""A new status of good syncs is one line, in `STATUSES`: whoever asks whether a sync was good asks there."""

from __future__ import annotations

from typing import Any

import pytest

from tap_codat_commerce.codat.answers import Operation
from tap_codat_commerce.sync import data_status
from tap_codat_commerce.sync.data_status import Action, Kind, SyncStatus
from tap_codat_commerce.sync.pull_history import Operations
from tap_codat_commerce.workflow.refresh import Pull
from tap_codat_commerce.workflow.status import Line

REQUESTED, COMPLETED = "2026-03-02T05:00:00Z", "2026-03-02T06:00:00Z"


@pytest.mark.parametrize("known", [True, False])
def test_a_new_good_status(monkeypatch: pytest.MonkeyPatch, *, known: bool) -> None:
    if known:
        monkeypatch.setitem(data_status.STATUSES, "Brand new", Kind.GOOD)
    status = SyncStatus("Brand new")
    connection: Any = None
    assert status.has_data is known
    assert (data_status.judge(status, unchanged=False, alone=True).action is Action.READ) is known
    one = {"id": "s1", "connection_id": "k1", "data_type": "commerce-orders"}
    operations = Operations([Operation("Brand new", **one, requested=REQUESTED, completed=COMPLETED)])
    found = operations.status("k1", "commerce-orders")
    assert found == (
        SyncStatus("Brand new", COMPLETED, "s1", "s1")
        if known
        else SyncStatus("Brand new", None, "s1", None, certain=False)
    )
    assert Line({}, status=status).is_ready is known
    pull = Pull("A", connection, "commerce-orders", "s1", "Brand new")
    assert pull.good is known
    assert not pull.under_way
