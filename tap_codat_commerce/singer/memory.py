"""How this process uses memory: measured in `benchmarks/`."""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_MMAP_THRESHOLD = -3
"""Number of the option in glibc's malloc.h."""
LARGE = 2**20


def settle() -> None:
    """Set up what is better for a long run over many pages; call it once, when all that stays has been made."""
    _spare_the_collector()
    _give_back_large_blocks()


def _spare_the_collector() -> None:
    """Let the collector of cyclic garbage look at what is made from now on, and not at every few records.

    Records are no garbage of the kind that it looks for; they only make it look, at all else too, again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _give_back_large_blocks() -> None:
    """Have glibc give the memory of each page back to the system.

    By itself it begins to keep large blocks once one was freed, for each thread apart: with ten threads and pages of
    several megabytes, twice of what is needed. Other C libraries do not have this option, and are left as they are.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no such library, no such function
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
