"""How this process uses memory: measured in `benchmarks/`."""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_MMAP_THRESHOLD = -3
"""Number of the option in glibc's malloc.h."""
LARGE = 2**20


def settle() -> None:
    """Tune memory for a long run over many pages; call it once, when all objects that stay have been made."""
    _collect_seldom()
    _give_back_large_blocks()


def _collect_seldom() -> None:
    """Have the collector of cyclic garbage run less often, and look only at objects made from now on.

    Records hold no cycles. They only make the collector run, again and again, over all other objects too.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _give_back_large_blocks() -> None:
    """Have glibc give the memory of each page back to the system.

    Without this it keeps large blocks once one was freed, for each thread apart: with ten threads and pages of
    several megabytes, twice the memory that is needed. Other C libraries lack this option, and are left as they are.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no such library, no such function
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
