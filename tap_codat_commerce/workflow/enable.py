"""Has Codat fetch the commerce data types, for the whole client or for one company.

Facts (Codat's API reference, 'Sync settings'): the setting of a data type says whether it is fetched when a connection
is linked, and after how many hours again (0: never). All are read and written as one list. Some may be locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tap_codat_commerce.codat import answers, lossless_json
from tap_codat_commerce.codat.paths import path
from tap_codat_commerce.workflow.session import DATA_TYPES, UsageError, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_codat_commerce.codat.prefetcher import Prefetcher

FETCH, SCHEDULE = "fetchOnFirstLink", "syncSchedule"
NEW = {"syncOrder": 0, SCHEDULE: 0, FETCH: False}


class _Setting(msgspec.Struct, rename="camel"):
    data_type: answers.Text | None = None
    fetch_on_first_link: bool | None = None
    sync_schedule: int | None = None
    is_locked: bool | None = None


class _Answer(msgspec.Struct):
    settings: list[_Setting] | None = None


@dataclass(frozen=True)
class Change:
    """One data type's setting, as it is and as it is to be; `before` is empty if Codat does not list it."""

    data_type: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def needed(self) -> bool:
        """Whether the setting is not yet as it is to be."""
        return any(self.before.get(k) != self.after[k] for k in (FETCH, SCHEDULE))

    @property
    def locked(self) -> bool:
        """Whether the change is needed, but Codat has locked the setting."""
        return bool(self.before.get("isLocked")) and self.needed

    @property
    def is_fetched_once(self) -> bool:
        """Whether it is never fetched again by itself."""
        return not (self.before if self.locked else self.after).get(SCHEDULE)

    def cells(self) -> tuple[str, str, str, str]:
        """Return a row for people."""
        fetch = _arrow(*("on" if s.get(FETCH) else "off" for s in (self.before, self.after)))
        schedule = _arrow(*(_hours(s.get(SCHEDULE)) for s in (self.before, self.after)))
        remark = "locked, left as it is" if self.locked else "" if self.needed else "as it was"
        return short(self.data_type), fetch, schedule, remark

    def as_json(self) -> dict[str, Any]:
        """Return the change for scripts."""
        before, after = ({k: s.get(k) for k in (FETCH, SCHEDULE)} for s in (self.before, self.after))
        return {"dataType": self.data_type, "before": before, "after": after, "locked": self.locked}


class SyncSettings:
    """The sync settings of the client, or of one company."""

    def __init__(self, prefetcher: Prefetcher, company_id: str | None) -> None:
        """Begin without a request."""
        self._prefetcher = prefetcher
        self._path = path("companies", company_id, "syncSettings") if company_id else "/profile/syncSettings"
        self._owner = ("companyId", company_id) if company_id else ("clientId", None)

    def changes(self, schedule: int | None) -> list[Change]:
        """Read the settings and return the change of each commerce data type, needed or not.

        Args:
            schedule: hours between syncs; None to leave them as they are.

        Raises:
            CodatError: the request failed.
        """
        self._answer = self._prefetcher.get(self._path, None, _decode)
        known = {s.get("dataType"): s for s in self._answer.get("settings") or []}
        return [_change(t, known.get(t, {}), schedule) for t in sorted(DATA_TYPES.values())]

    def save(self, changes: list[Change]) -> None:
        """Write the needed changes, and all other settings as they were read.

        Raises:
            UsageError: Codat took the settings, but did not change all of them.
            CodatError: a request failed.
        """
        wanted = {c.data_type: dict(c.after) for c in changes if c.needed and not c.locked}
        settings = [wanted.pop(s.get("dataType"), s) for s in self._answer.get("settings") or []]
        name, value = self._owner
        owner = {name: value or self._answer.get(name)}
        body = {**owner, "settings": [*settings, *wanted.values()], "overridesDefaults": True}
        self._prefetcher.post(self._path, body=body)
        unsaved = [c.data_type for c in self.changes(None) if not _is_saved(c, changes)]
        if unsaved:
            msg = f"Codat took the settings, but did not change {', '.join(unsaved)}. Look at them in the Codat Portal."
            raise UsageError(msg)


def _decode(body: bytes) -> dict[str, Any]:
    """Return an answer unchanged: all of it is written back.

    Raises:
        ValueError: it is no list of settings.
    """
    answer = lossless_json.decode_object(body)
    for setting in settings if isinstance(settings := answer.get("settings"), list) else ():
        hours = setting.get(SCHEDULE) if isinstance(setting, dict) else None
        if isinstance(hours, Decimal) and hours == hours.to_integral_value():  # as 24.0
            setting[SCHEDULE] = int(hours)
    msgspec.convert(answer, _Answer)
    return answer


def _change(data_type: str, before: dict[str, Any], schedule: int | None) -> Change:
    after = {**NEW, "dataType": data_type, **before, FETCH: True}
    if schedule is not None:
        after[SCHEDULE] = schedule
    return Change(data_type, before, after)


def _is_saved(now: Change, changes: list[Change]) -> bool:
    change = next(c for c in changes if c.data_type == now.data_type)
    return change.locked or all(now.before.get(k) == change.after[k] for k in (FETCH, SCHEDULE))


def _arrow(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _hours(number: int | None) -> str:
    return f"every {number} h" if number else "never"
