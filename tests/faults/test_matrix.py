"""A part of the matrix in which every fault and every request comes up. All of it: `python3 dev.py faults`."""

from __future__ import annotations

from itertools import cycle

import pytest
from matrix import FAULTS, REQUESTS, run, wrong

pytestmark = pytest.mark.slow
CELLS = list(zip(cycle(REQUESTS), FAULTS, strict=False))


@pytest.mark.parametrize(("request_", "fault"), CELLS, ids=[f"{request}: {fault}" for request, fault in CELLS])
def test_what_comes_of_a_fault(request_: str, fault: str) -> None:
    result = run({**REQUESTS[request_], **FAULTS[fault].fault})
    assert wrong(request_, fault, result) == [], result.log
