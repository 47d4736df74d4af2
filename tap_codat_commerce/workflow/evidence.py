"""What the answers to `codat-commerce check` show. Any of their values may be missing, or of a wrong kind."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_codat_commerce.codat.pages import Page

Objects = list[dict[str, Any]]


def objects(page: Page) -> Objects:
    """Return the entries of a page, but for those that can't be read."""
    entries = []
    for raw in page.results:
        with suppress(ValueError, RecursionError):
            entries.append(lossless_json.decode_object(raw))
    return entries


def tags(company: dict[str, Any]) -> dict[str, Any]:
    """Return the tags of a company."""
    value = company.get("tags")
    return value if isinstance(value, dict) else {}


def is_plain(tag: tuple[str, Any]) -> bool:
    """Say whether a tag can be asked for without a sign that the query language knows."""
    return isinstance(tag[1], str) and re.fullmatch(r"\w+=[\w-]+", "=".join(tag)) is not None


def stamps(entries: Objects, name: str) -> list[str]:
    """Return the dates that a field holds, as stamps, in the order of the entries."""
    values = (entry.get(name) for entry in entries)
    return [stamp for value in values if isinstance(value, str) and (stamp := dates.stamp(value))]


def is_ordered(stamps: list[str], *, down: bool, among: Sequence[str] = ()) -> bool | None:
    """Say whether stamps are in order, and begin with the first of those `among`; None if all are alike."""
    if stamps != sorted(stamps, reverse=down):
        return False
    if stamps and among and (max(among) > stamps[0] if down else min(among) < stamps[0]):
        return False
    return True if len(set(stamps)) > 1 else None


def is_known_order(ids: list[str]) -> bool:
    """Say whether ids are in an order that texts are likely to have: then it is one by ids."""
    return any(ids == sorted(ids, key=by) for by in (str, str.lower, str.upper, _letters, _numbers))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _numbers(text: str) -> list[tuple[int, str]]:
    return [(len(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", text)]


def is_by_date(records: Objects) -> bool:
    """Say whether records may be in the order of one of their dates."""
    names = {name for record in records for name in record}
    return any(is_ordered(stamps(records, name), down=down) for name in names for down in (False, True))


def chooses(own: Page, other: Page, connection_id: str, *, alone: bool) -> bool | None:
    """Say whether a query for a connection's operations finds them and leaves others out.

    Args:
        own: what it finds.
        other: all operations; of a connection that is alone, what a query for nobody's finds.
        connection_id: the connection.
        alone: see `other`.
    """
    own_ones, others = ([o.get("connectionId") == connection_id for o in objects(page)] for page in (own, other))
    if not all(own_ones) or (alone and other.total > 0):
        return False
    if not own_ones:
        return False if any(others) else None
    return True if alone or other.total > own.total else None


def have_their_own_ids(operations: Objects) -> bool | None:
    """Say whether the syncs of one data set differ in their ids; None if no data set has several."""
    requested: dict[tuple[str, str], dict[str, set[str]]] = {}
    for operation in operations:
        which, when, own = (str(operation.get(n)) for n in ("dataType", "requested", "id"))
        requested.setdefault((str(operation.get("connectionId")), which), {}).setdefault(when, set()).add(own)
    several = [list(syncs.values()) for syncs in requested.values() if len(syncs) > 1]
    return all(len(set.union(*ids)) >= len(ids) for ids in several) if several else None
