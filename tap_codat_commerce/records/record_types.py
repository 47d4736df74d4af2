"""Types, made of a schema, that decode records: what does not fit them is refused.

Numbers and free content stay `msgspec.Raw`, so that they keep their spelling. A field that was once refused can be
learned: then it is Raw, too, and shaped or set aside alone.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from tap_codat_commerce.codat import lossless_json, nesting
from tap_codat_commerce.records import shaping
from tap_codat_commerce.records.dates import utc
from tap_codat_commerce.records.fields import alternatives, plain
from tap_codat_commerce.records.shaping import joined, segment

if TYPE_CHECKING:
    from collections.abc import Collection

    from tap_codat_commerce.records.fields import Schema
    from tap_codat_commerce.records.shaping import Shaper, Strays, Tree

Path = tuple[str, ...]
"""Names of fields, each within the one before; those of an array's items follow on the array's."""
UNKNOWN = re.compile(r"(?s)Object contains unknown field `(.*)`")
PLACE = " - at `$"
"""How msgspec says what it refuses, and where. If it should use other words one day, nothing is learned."""
HUGE = re.compile(rb"[eE][+-]?\d{18}")
"""Is in every number that is too large or too small for a decimal."""
INDEX = re.compile(r"\[(?:\d+|\.\.\.)\]")
WHOLE = re.compile(rb"-?\d+")
MOST_AROUND = 20
"""Levels that a schema has at most."""
_check = partial(nesting.check, around=MOST_AROUND)
"""Refuses a value whose record may be too deep: the way of whole records decides."""
UNSAFE = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
"""Characters that msgspec takes in no field's name: an object with such a field is refused."""


HEAD = "def shape(struct, strays):\n"
DATE = """
    text = struct.{0}
    if text or text == "":
        try:
            struct.{0} = utc(text)
        except ValueError:
            strays.append((name_{0}, text))
            struct.{0} = None
"""
OTHER = """
    value = struct.{0}
    if value is not UNSET and value is not None:
        before = len(strays)
        struct.{0} = shape_{0}(value, strays)
        if len(strays) > before:
            strays.of_field(before, name_{0})
"""
LEAVE_OUT = """
    if struct.{0} is not UNSET:
        check(struct.{0})
        struct.{0} = UNSET
"""
DROP = (
    LEAVE_OUT
    + """
        strays.dropped.add(name_{0})
"""
)
TAIL = """
    return struct
"""


class Kind(NamedTuple):
    """What the values of a schema are decoded as.

    Attributes:
        type: the type.
        shape: puts a decoded value right; None if there is nothing to do.
        numbers: a type that refuses values that should be numbers and are not; None if there are no numbers.
    """

    type: Any
    shape: Shaper | None = None
    numbers: Any = None


SIMPLE = {
    "number": Kind(Raw, None, float),
    "integer": Kind(int),  # refuses 5.0 and 1e3, which are then learned
    "string": Kind(str),
    "boolean": Kind(bool),
    "null": Kind(None),
}
"""What values are decoded as that hold no others, by their JSON type."""


def refused(refusal: str) -> Path:
    """Return the path of the field for which a record was refused, by the error's text; empty if it tells none."""
    what, _, place = refusal.rpartition(PLACE) if PLACE in refusal else (refusal, "", "")
    unknown = UNKNOWN.fullmatch(what)
    return tuple(filter(None, (*INDEX.sub("", place.rstrip("`")).split("."), unknown[1] if unknown else "")))


def of_object(
    fields: dict[str, Schema],
    left_out: Tree,
    learned: Collection[Path],
    path: Path = (),
    place: str | None = None,
) -> Kind:
    """Return the kind of objects that have these fields and no others.

    Args:
        fields: schemas by name.
        left_out: fields that are to be left out.
        learned: paths of fields that do not fit their schema, or have none.
        path: of the object.
        place: of the object, as it is shown, for example `orderLineItems[]`: its unknown fields are dropped, and only
            their places noted. None if they are set aside with their values.
    """
    more = [name for *parent, name in learned if tuple(parent) == path]
    names = [name for name in dict.fromkeys((*fields, *left_out, *more)) if not UNSAFE.search(name)]
    attributes = {f"f{number}": name for number, name in enumerate(names)}
    kinds: dict[str, Kind] = {}
    unknown: dict[str, str] = {}
    for attribute, name in attributes.items():
        here = None if place is None else joined(place, segment(name))
        if left_out.get(name) == {}:
            kinds[attribute] = Kind(Raw, _leave_out)
        elif name in fields:
            kinds[attribute] = _of(fields[name], left_out.get(name, {}), learned, (*path, name), here)
        elif here is None:
            kinds[attribute] = Kind(Raw, _set_aside)
        else:
            kinds[attribute] = Kind(Raw, _drop)
            unknown[attribute] = here
    members = [(attribute, _or_null(kind.type), UNSET) for attribute, kind in kinds.items()]
    numbers = [(attribute, _or_null(kind.numbers), None) for attribute, kind in kinds.items() if kind.numbers]
    shapes = [
        (one, unknown.get(one) or segment(attributes[one]), kind.shape) for one, kind in kinds.items() if kind.shape
    ]
    return Kind(
        msgspec.defstruct("Object", members, rename=attributes, gc=False, kw_only=True, forbid_unknown_fields=True),
        _in_place(shapes) if shapes else None,
        msgspec.defstruct("Numbers", numbers, rename=attributes, gc=False, kw_only=True) if numbers else None,
    )


def _of(schema: Schema, left_out: Tree, learned: Collection[Path], path: Path, place: str | None) -> Kind:
    one = {} if path in learned else plain(schema)
    others = one.get("additionalProperties", "properties" not in one)
    match one:
        case {"type": "string", "format": "date-time"}:
            return Kind(str, shaping.date)
        case {"type": "array"}:
            item = _of(one.get("items", {}), left_out, learned, path, place and place + "[]")
            numbers = list[_or_null(item.numbers)] if item.numbers else None  # type: ignore[misc]
            return Kind(list[_or_null(item.type)], item.shape and shaping.array(item.shape), numbers)  # type: ignore[misc]
        case {"type": "object"} if others is False:
            return of_object(one.get("properties", {}), left_out, learned, path, place)
        case {"type": "object"} if not (left_out or "properties" in one):
            item = _of({} if others is True else others, {}, learned, path, None)
            numbers = dict[str, _or_null(item.numbers)] if item.numbers else None  # type: ignore[misc]
            return Kind(dict[str, _or_null(item.type)], item.shape and shaping.named({}, item.shape), numbers)  # type: ignore[misc]
        case {"type": kind} if kind in SIMPLE:
            return SIMPLE[kind]
    if path not in learned and not left_out and not alternatives(schema):
        return Kind(Raw, _anything)
    shape, kind = _by_schema(schema, left_out), plain(schema)
    return Kind(Raw, _text_or(shape) if kind.get("type") == "string" and "format" not in kind else shape)


def _or_null(kind: Any) -> Any:
    return kind if kind in {Raw, None} else kind | None


def _in_place(shapes: list[tuple[str, str, Shaper]]) -> Shaper:
    """Return what puts attributes of a struct right: a function made for it, as a loop over attributes is slower.

    Args:
        shapes: attributes, each with what shapes its value, and its field's name as it stands in a path, or its place.
    """
    shapes = sorted(shapes, key=lambda one: one[2] is not shaping.date)  # so strays come in the order they always had
    steps = [STEPS.get(field, OTHER).format(attribute) for attribute, _, field in shapes]
    known: dict[str, Any] = {"utc": utc, "UNSET": UNSET, "check": _check}
    for attribute, name, field in shapes:
        known |= {f"name_{attribute}": name, f"shape_{attribute}": field}
    exec("".join([HEAD, *steps, TAIL]), known)  # noqa: S102 - of no text but ours
    shape: Shaper = known["shape"]
    return shape


def _leave_out(_: Raw, __: Strays) -> Any:
    """Stand for what takes a field out that is to be left out."""
    return UNSET


def _drop(_: Raw, __: Strays) -> Any:
    """Stand for what takes a field out that is unknown, and notes its place."""
    return UNSET


STEPS = {shaping.date: DATE, _leave_out: LEAVE_OUT, _drop: DROP}
"""What is done with a field, where that is no call of its shaper."""


def _text_or(shaper: Shaper) -> Shaper:
    """Return what makes a text of a whole number, as ids of some platforms are, and shapes any other value."""

    def shape(raw: Raw, strays: Strays) -> Any:
        digits = memoryview(raw)
        return str(digits, "ascii") if WHOLE.fullmatch(digits) else shaper(raw, strays)

    return shape


def _by_schema(schema: Schema, left_out: Tree) -> Shaper:
    """Return what shapes a raw value alone."""
    shaper = shaping.compile_schema(schema)

    def shape(raw: Raw, strays: Strays) -> Any:
        _check(raw)
        value = lossless_json.decode(raw)
        shaping.leave_out(value, left_out)
        return None if value is None else as_raw(shaper(value, strays))

    return shape


def _anything(raw: Raw, strays: Strays) -> Any:
    """Return free content unchanged, but for the numbers in it that nobody can read."""
    _check(raw)
    return as_raw(shaping.anything(lossless_json.decode(raw), strays)) if HUGE.search(memoryview(raw)) else raw


def as_raw(value: Any) -> Any:
    """Return a value as a struct may hold it: numbers keep their spelling if they are raw, and can be read."""
    if isinstance(value, Raw) and HUGE.search(memoryview(value)):
        value = lossless_json.decode(value)
    return value if isinstance(value, str | Raw | None) else Raw(lossless_json.encode(value))


def _set_aside(raw: Raw, strays: Strays) -> Any:
    _check(raw)
    strays.append(("", raw))
    return UNSET
