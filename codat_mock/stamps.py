"""The stamps that the records of a sync get, as their `modifiedDate`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_mock.platforms import Dates, Platform, written

if TYPE_CHECKING:
    import random
    from collections.abc import Collection

MICROSECOND = timedelta(microseconds=1)
NEAR = 40
"""How many microseconds those are apart at most that are close to each other."""


def by_platform(platform: Platform, now: datetime, count: int) -> list[datetime]:
    """Return the moments as a platform has them: all the same, or several within the second, some the same."""
    if platform.one_stamp:
        return [now] * count
    return [now + (position // 3) * 7 * MICROSECOND for position in range(count)]


def shuffled(
    chance: random.Random, begin: datetime, end: datetime, count: int, taken: Collection[datetime] = ()
) -> list[datetime]:
    """Return distinct moments after the begin and before the end, in no order: some close to others, some far.

    None of those that are `taken` is among them.
    """
    span = (end - begin) // MICROSECOND - 1
    others = {(t - begin) // MICROSECOND for t in taken}
    if count + len(others) > span // 2:  # too many to be drawn by trial
        free = [n for n in range(1, span + 1) if n not in others]
        return [begin + n * MICROSECOND for n in chance.sample(free, count)]
    chosen: set[int] = set()
    last = 0
    while len(chosen) < count:
        close = chosen and chance.random() < 0.5  # noqa: PLR2004 - every other
        last = last + chance.randint(1, NEAR) if close else chance.randint(1, span)
        if last <= span and last not in others:
            chosen.add(last)
    ticks = sorted(chosen)
    chance.shuffle(ticks)
    return [begin + n * MICROSECOND for n in ticks]


def texts(platform: Platform, moments: list[datetime], *, fine: bool) -> list[str]:
    """Return moments as they are shown; with `fine` always so that distinct ones differ."""
    style: Dates = "ticks" if fine or (platform.dates == "ticks" and not platform.one_stamp) else "zulu"
    known = {m: written(m, style) for m in set(moments)}  # often there is but one
    return [known[m] for m in moments]
