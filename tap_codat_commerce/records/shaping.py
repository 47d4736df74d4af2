"""Brings Codat's records into the form that the schemas promise: dates in one form, ids as text, no unknown fields.

A schema is compiled once into a function; records then pass through it. Values that the schema has no place for, by
name or by type, are strays: set aside with their paths, counted and, if `unknown_fields` is `keep`, kept in the record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.lossless_json import Unreadable, number
from tap_codat_commerce.codat.redaction import quoted
from tap_codat_commerce.records.dates import utc
from tap_codat_commerce.records.fields import alternatives

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_codat_commerce.records.fields import Schema

Shaper = Callable[[Any, "Strays"], Any]
Tree = dict[str, "Tree"]
"""Fields by name, with nested names; empty means the whole field."""

AMBIGUOUS = re.compile(r"[.\[]")
INDEX = re.compile(r"\[\d+\]")
UNMAPPED = "unmapped"
"""The field for what the schema does not know."""
MOST_COUNTED, MOST_NAMED, LONGEST_NAME = 1000, 20, 100
"""How many fields are counted, how many are named, and how many characters of a name are shown."""
LONGEST_WHOLE = 1000
"""Digits up to which a whole number is written in full: `1e999999999` stays as it is."""
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class Strays(list[tuple[str, Any]]):
    """Paths, for example `orderLineItems[0].color`, and values as they came.

    Attributes:
        keep: whether they are kept.
        dropped: paths, without positions, of unknown fields that were dropped unseen.
    """

    def __init__(self, *, keep: bool) -> None:
        """Begin with nothing. If strays are not kept, a path is noted once, however many items of an array have it."""
        super().__init__()
        self.keep, self.dropped = keep, set[str]()

    def of_field(self, start: int, name: str) -> None:
        """Put the name of a field before the paths from a position on: they lie within that field."""
        for position in range(start, len(self)):
            path, value = self[position]
            self[position] = (joined(name, path), value)

    def of_item(self, start: int, position: int, seen: set[str]) -> None:
        """Do the same for an item of an array; `seen` holds the paths of the items before it."""
        if self.keep:
            self.of_field(start, f"[{position}]")
            return
        if len(self) == start + 1 and self[-1][0] in seen:
            self.pop()
            return
        paths = {path for path, _ in self[start:]} - seen
        seen |= paths
        self[start:] = [(joined("[]", path), None) for path in paths]


def segment(name: str) -> str:
    """Return a field's name as it stands in a path: no two paths are alike."""
    return name if name and not AMBIGUOUS.search(name) else f"[{lossless_json.encode(name).decode()}]"


def joined(name: str, path: str) -> str:
    """Return a path with a segment before it, if there is one."""
    return f"{name}.{path}" if name and path and not path.startswith("[") else name + path


def compile_schema(schema: Schema) -> Shaper:
    """Return the function that brings a value into the form of the schema."""
    shapers = [_compile_type(one) for one in alternatives(schema)]
    return _best_of(shapers) if len(shapers) > 1 else shapers[0] if shapers else anything


def _compile_type(schema: Schema) -> Shaper:
    kind, fields = schema["type"], schema.get("properties")
    if kind == "object":
        others = schema.get("additionalProperties", fields is None)
        shaped = {name: compile_schema(field) for name, field in (fields or {}).items()}
        return named(shaped, None if others is False else compile_schema({} if others is True else others))
    if kind == "array":
        return array(compile_schema(schema.get("items", {})))
    if kind == "string" and schema.get("format") == "date-time":
        return date
    return {"string": _text, "number": _decimal, "integer": _whole, "boolean": _flag, "null": _misfit}[kind]


class StrayFieldCounter:
    """Counts strays over all streams of a run: a limited number of names, and long ones cut."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.counts: Counter[tuple[str, str]] = Counter()
        self._kept: set[str] = set()
        self._uncounted: set[str] = set()

    def add(self, stream: str, paths: Iterable[str], *, kept: bool, times: int = 1) -> None:
        """Count strays of so many records of the stream that have the same; kept or not, as those of its other records.

        Args:
            stream: its name.
            paths: of the strays.
            kept: whether they are.
            times: of how many records.
        """
        if kept:
            self._kept.add(stream)
        for place in {(stream, _shown(path)) for path in paths}:
            if place in self.counts or len(self.counts) < MOST_COUNTED:
                self.counts[place] += times
            else:
                self._uncounted.add(stream)

    def summary(self, *, kept: bool) -> str:
        """Return the names of fields, and in how many records each was; empty if there are none.

        Args:
            kept: True for the fields that were kept, False for those that were dropped.
        """
        counted = [(-n, joined(s, path)) for (s, path), n in self.counts.items() if (s in self._kept) == kept]
        named = [f"{quoted(name)} ({-n})" for n, name in sorted(counted)[:MOST_NAMED]]
        if more := len(counted) - len(named):
            least = "at least " if any((s in self._kept) == kept for s in self._uncounted) else ""
            named.append(f"and {least}{more} more")
        return ", ".join(named)


@lru_cache(maxsize=MOST_COUNTED)
def _shown(path: str) -> str:
    """Return a path without the positions of items, cut if it is long."""
    name = INDEX.sub("[]", path[: 2 * LONGEST_NAME])
    return name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"


class RecordShaper:
    """Brings the records of one stream into the form of its schema."""

    def __init__(self, stream: str, schema: Schema, counter: StrayFieldCounter, *, left_out: Tree, keep: bool) -> None:
        """Compile the schema.

        Args:
            stream: the stream's name, for the counter.
            schema: the stream's schema.
            counter: counts the strays.
            left_out: fields that are left out on purpose, strays within them included.
            keep: whether strays go into `unmapped`.
        """
        self._shape, self.left_out = compile_schema(schema), left_out
        self._stream, self._counter = stream, counter
        self.keep = keep and left_out.get(UNMAPPED) != {}

    def __call__(self, record: dict[str, Any], ids: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the record in the form of the schema, with these ids. The given record may be changed."""
        strays, ids = Strays(keep=self.keep), ids or {}
        if UNMAPPED in record:  # Codat's own, which is not ours
            strays.append((UNMAPPED, record.pop(UNMAPPED)))
        strays += [(name, record.pop(name)) for name in ids if record.get(name) not in (None, ids[name])]
        leave_out(record, self.left_out)
        shaped: dict[str, Any] = self._shape(record, strays)
        return {**shaped, **(self.unmapped(strays) if strays else {}), **ids}

    def count_dropped(self, places: Iterable[str], times: int) -> None:
        """Count unknown fields that so many records had, and that were dropped unseen."""
        self._counter.add(self._stream, places, kept=False, times=times)

    def unmapped(self, strays: Strays) -> dict[str, Any]:
        """Count the strays of a record; return the field `unmapped` by its name, nothing if they are not kept."""
        self._counter.add(self._stream, [path for path, _ in strays], kept=self.keep)
        kept = {UNMAPPED: dict(strays)} if self.keep else {}
        leave_out(kept, self.left_out)
        return kept


def leave_out(value: Any, left_out: Tree) -> None:
    """Take fields out of an object, and out of the objects in it; out of each item of an array."""
    for item in value if isinstance(value, list) else ():
        leave_out(item, left_out)
    for name, within in left_out.items() if isinstance(value, dict) else ():
        if within:
            leave_out(value.get(name), within)
        else:
            value.pop(name, None)


def _best_of(shapers: list[Shaper]) -> Shaper:
    def shape(value: Any, strays: Strays) -> Any:
        outcomes: list[tuple[Any, Strays]] = []
        for shaper in shapers:
            own = Strays(keep=strays.keep)
            outcomes.append((shaper(value, own), own))
        shaped, own = min(outcomes, key=lambda o: (bool(o[1]), type(o[0]) is not type(value)))
        strays += own
        return shaped

    return shape


def named(fields: dict[str, Shaper], others: Shaper | None) -> Shaper:
    """Return what shapes an object: fields by their names, `others` by one shaper, or set aside without one."""

    def shape(value: Any, strays: Strays) -> Any:
        if not isinstance(value, dict):
            return _misfit(value, strays)
        shaped = {}
        for name, item in value.items():
            field = fields.get(name, others)
            if field is None:
                strays.append((segment(name), item))
                continue
            before = len(strays)
            shaped[name] = None if item is None else field(item, strays)
            if len(strays) > before:
                strays.of_field(before, segment(name))
        return shaped

    return shape


def array(field: Shaper) -> Shaper:
    """Return what shapes a list, its items by the given shaper."""

    def shape(value: Any, strays: Strays) -> Any:
        if not isinstance(value, list):
            return _misfit(value, strays)
        shaped: list[Any] = []
        seen: set[str] = set()
        for position, item in enumerate(value):
            before = len(strays)
            shaped.append(None if item is None else field(item, strays))
            if len(strays) > before:
                strays.of_item(before, position, seen)
        return shaped

    return shape


def _text(value: Any, strays: Strays) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | Decimal | Unreadable):  # ids are text, though some platforms' come as numbers
        return str(value).lower() if isinstance(value, bool) else str(value)
    return _misfit(value, strays)


def date(value: Any, strays: Strays) -> Any:
    """Return a date in our form; None if it stands for no date, or is none."""
    try:
        return utc(value) if isinstance(value, str) else _misfit(value, strays)
    except ValueError:
        return _misfit(value, strays)


def _decimal(value: Any, strays: Strays) -> Any:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    is_number = isinstance(value, str) and len(value) <= lossless_json.MOST_DIGITS and JSON_NUMBER.fullmatch(value)
    parsed = number(value) if is_number else None
    return parsed if isinstance(parsed, Decimal) else _misfit(value, strays)


def _whole(value: Any, strays: Strays) -> Any:
    parsed = _decimal(value, strays)
    if isinstance(parsed, Decimal) and parsed != parsed.to_integral_value():
        return _misfit(value, strays)
    return int(parsed) if isinstance(parsed, Decimal) and parsed.adjusted() < LONGEST_WHOLE else parsed


def _flag(value: Any, strays: Strays) -> Any:
    return value if isinstance(value, bool) else _misfit(value, strays)


def anything(value: Any, strays: Strays) -> Any:
    """Return free content; the numbers in it that nobody can read are null. Without recursion, as it may be deep."""
    if isinstance(value, Unreadable):
        return _misfit(value, strays)
    within = [("", value)]
    while within:
        path, around = within.pop()
        pairs = around.items() if isinstance(around, dict) else enumerate(around) if isinstance(around, list) else ()
        for key, item in pairs:
            if isinstance(item, dict | list | Unreadable):
                name = segment(key) if isinstance(key, str) else f"[{key}]"
                within.append((joined(path, name), item))
            if isinstance(item, Unreadable):
                strays.append(within.pop())
                around[key] = None
    return value


def _misfit(value: Any, strays: Strays) -> Any:
    strays.append(("", value))
    return None
