"""Codat's own clients take what the stand-in answers: they are made from Codat's descriptions, and check all of it.

But for one thing: Codat's documents show a data type that was never synced by its name alone, and the client wants a
status in it.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.environments import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Stage

pytestmark = pytest.mark.slow
CLIENTS = ("codat-platform==6.*", "codat-lending==12.*")
ENDPOINTS = 26
ANSWERS = re.compile(r"not supported by platform|is still in progress|AlreadyInProgress|No linked connection")
"""Refusals, which the clients take as such."""


@pytest.mark.parametrize("never_synced", ["named", "left out"])
def test_they_take_every_answer(stage: Callable[..., Stage], never_synced: str) -> None:
    shops = stage(companies=3, connections=2, records=30)
    shops.world.never_synced = never_synced
    shops.world.begin(next(iter(shops.world.companies)), None, "commerce-orders", "Fetching")
    program = environment("clients", *CLIENTS) / "python"
    command: list[str | Path] = [program, Path(__file__).parent / "official.py", shops.url, shops.gate.authorization]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    assert len(found) == ENDPOINTS
    refused = {name: [one for one in some if not ANSWERS.search(one)] for name, some in found.items()}
    statuses = refused.pop("data status")
    assert bool(statuses) == (never_synced == "named")
    assert all(one.count("Field required") == one.count(".currentStatus\n  Field required") for one in statuses)
    assert {name: some for name, some in refused.items() if some} == {}
