"""A few runs against answers that are changed at random. More: `python3 dev.py fuzz`."""

from __future__ import annotations

import pytest
from fuzz import tried

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(1, 7))
def test_whatever_comes(seed: int) -> None:
    done, found = tried(seed)
    assert found == []
    assert done["answers"] > 10
