"""Counting different ids: as a set would, whatever the pages are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_codat_commerce.sync.distinct_ids import DistinctIds


@given(
    st.lists(st.lists(st.none() | st.text("abcd", min_size=1, max_size=3), max_size=9), max_size=30), st.integers(0, 20)
)
def test_it_counts_as_a_set_does(some_pages: list[list[str | None]], few: int) -> None:
    ids = DistinctIds()
    ids.FEW = few  # so that few ids need parts, too
    for page in some_pages:
        ids.add(page)
    assert ids.count() == len({record_id for page in some_pages for record_id in page})


@pytest.mark.parametrize(("before", "parts"), [(DistinctIds.FEW - 1, 1), (DistinctIds.FEW, DistinctIds.PARTS)])
def test_many_are_kept_in_parts(before: int, parts: int) -> None:
    ids = DistinctIds()
    ids.add(f"a{n}" for n in range(before))
    assert len(ids._parts) == 1  # noqa: SLF001
    ids.add(["b", "a1"])
    assert ids.count() == before + 1
    assert len(ids._parts) == parts  # noqa: SLF001
    assert max(map(len, ids._parts)) <= max(2 * before // parts, before * (parts == 1) + 2)  # noqa: SLF001
