"""What Codat's answers about companies and syncs hold, checked before anything else sees it.

There are three outcomes: a value; an entry that can't be read, which affects no other; an answer that can't be read.
Decoders of whole answers raise ValueErrors, as `Client.get` expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tap_codat_commerce.codat import lossless_json, nesting
from tap_codat_commerce.codat.errors import UnexpectedAnswer
from tap_codat_commerce.codat.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_codat_commerce.codat.envelope import Page

COMMERCE_PREFIX = "commerce-"
"""The keys of all commerce data types begin with it."""

Id = Annotated[str, msgspec.Meta(pattern=r"^(?!\.{1,2}\Z)[^\s\x00-\x1f\x7f-\x9f]+\Z")]
"""No blanks, and not `.` or `..`: ids become parts of paths, log lines and the state."""


Text = Annotated[str, msgspec.Meta(max_length=200)]
"""A word, an id or a date: what is longer is none, and would fill the log and the state."""
NO_IDS = {"", "00000000-0000-0000-0000-000000000000"}
"""Ids that mean 'none'; the second is .NET's."""


ODD_ID = "its id is empty, or has a blank or a control character, or is a dot or two"


class _WithId(msgspec.Struct):
    id: Id


class _Dated(msgspec.Struct):
    created: Any = None


class StatusEntry(msgspec.Struct, rename="camel"):
    """The data status of one data type."""

    data_type: Text | None = None
    current_status: Text | None = None
    last_successful_sync: Text | None = None
    latest_sync_id: Text | None = None
    latest_successful_sync_id: Text | None = None

    @property
    def ids(self) -> tuple[str | None, str | None]:
        """The ids of the latest sync, and of the latest good one: None where there is none."""
        latest, good = (None if i in NO_IDS else i for i in (self.latest_sync_id, self.latest_successful_sync_id))
        return latest, good


class Standing(msgspec.Struct, rename="camel"):
    """How a pull operation stands, and Codat's words about it, whatever they are: the rest can be read all the same."""

    status: Text | None = None
    status_description: Any = None
    error_message: Any = None

    @property
    def description(self) -> str:
        """What Codat says of it, for people."""
        return words(self.status_description)

    @property
    def error(self) -> str:
        """What went wrong, for people."""
        return words(self.error_message)


class Operation(Standing, rename="camel", kw_only=True):
    """A pull operation: one sync of one data type over one connection."""

    id: Text
    connection_id: Text
    data_type: Text
    requested: Text
    completed: Text | None = None


class Queued(Standing, rename="camel"):
    """What Codat answers when it has queued a sync. It has, whatever can be read of that."""

    id: Text | None = None


class Integration(msgspec.Struct, rename="camel"):
    """A platform."""

    key: Text
    name: Text = ""
    source_type: Text | None = None
    enabled: bool | None = None


@dataclass(frozen=True)
class Company:
    """A company.

    Attributes:
        id: its id.
        fields: as Codat sent them, but `dataConnections` is a list of objects with ids, in any case.
        unreadable: a text for each connection that can't be read, and is not in that list: why.
    """

    id: str
    fields: dict[str, Any]
    unreadable: list[str]


_dated: Any = msgspec.json.Decoder(_Dated).decode
_id: Any = msgspec.json.Decoder(_WithId).decode
_integration: Any = msgspec.json.Decoder(Integration).decode
_operation: Any = msgspec.json.Decoder(Operation).decode


def _read(decode: Any, raw: msgspec.Raw) -> Any:
    """Return an entry, decoded.

    Raises:
        ValueError: it is nested too deeply, or of another form.
    """
    nesting.check(raw)
    return decode(raw)


def words(value: object) -> str:
    """Return a text of Codat's for people, empty if it is none."""
    return quoted(value) if isinstance(value, str) else ""


def text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field of an object that came as it is, if it is a text; else an empty one."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def queued(answer: object) -> Queued:
    """Return what came of a sync that was queued."""
    try:
        return msgspec.convert(answer, Queued)
    except ValueError:
        return Queued()


def integrations(page: Page) -> list[Integration]:
    """Return the platforms of a page.

    Raises:
        UnexpectedAnswer: one can't be read.
    """
    try:
        return [_read(_integration, raw) for raw in page.results]
    except ValueError as exc:
        what = f"the list of platforms holds one that can't be read: {exc}"
        raise UnexpectedAnswer(what) from exc


def id_of(raw: msgspec.Raw) -> str:
    """Return the id of an entry.

    Raises:
        UnexpectedAnswer: it is no object, or has no id that can be used.
    """
    try:
        entry_id: str = _read(_id, raw).id
    except ValueError as exc:
        raise UnexpectedAnswer(_why_no_id(exc)) from exc
    return entry_id


def _why_no_id(error: ValueError) -> str:
    return ODD_ID if "matching regex" in str(error) else str(error)


def created(raw: msgspec.Raw) -> str | None:
    """Return when a company was made, as Codat tells it; None if it does not. It has been checked by `id_of`."""
    given = _dated(raw).created
    return given if isinstance(given, str) else None


def with_id(answer: Any) -> dict[str, Any]:
    """Return an answer, checked to be an object with an id.

    Raises:
        UnexpectedAnswer: it is none.
    """
    try:
        msgspec.convert(answer, _WithId)
    except ValueError as exc:
        raise UnexpectedAnswer(_why_no_id(exc)) from exc
    checked: dict[str, Any] = answer
    return checked


def company(raw: msgspec.Raw) -> Company:
    """Return a company.

    Raises:
        UnexpectedAnswer: it is no object, or has no id that can be used.
    """
    try:
        fields = with_id(lossless_json.decode(raw))
    except ValueError as exc:
        raise UnexpectedAnswer(str(exc)) from exc
    given = fields.get("dataConnections")
    unreadable = []
    if not isinstance(given, list):
        unreadable.append(f"dataConnections is no list, but {'missing or null' if given is None else repr(given)[:20]}")
        given = []
    fields["dataConnections"] = []
    for number, entry in enumerate(given, 1):
        try:
            fields["dataConnections"].append(with_id(entry))
        except UnexpectedAnswer as exc:
            unreadable.append(f"connection {number} of {len(given)}: {exc.what}")
    return Company(fields["id"], fields, unreadable)


def data_status(body: bytes) -> dict[str, Any]:
    """Return the entries of a data status by data type, as Codat sent them: `status_entry` reads one.

    Raises:
        ValueError: not even one entry looks like that of a data status.
    """
    entries: dict[str, Any] = lossless_json.decode_object(body)
    if not any(_looks_right(data_type, entry) for data_type, entry in entries.items()):
        msg = "it holds no data type's status"
        raise msgspec.ValidationError(msg)
    return entries


def _looks_right(data_type: str, entry: object) -> bool:
    if entry is None:
        return data_type.startswith(COMMERCE_PREFIX)
    return isinstance(entry, dict) and not {"dataType", "currentStatus"}.isdisjoint(entry)


def status_entry(entry: object) -> StatusEntry:
    """Return an entry of a data status. Null, and an entry that holds only its data type, mean 'never synced'.

    Raises:
        UnexpectedAnswer: it is no such entry.
    """
    if entry is None:
        return StatusEntry()
    try:
        status = msgspec.convert(entry, StatusEntry)
    except ValueError as exc:
        what = f"its entry in the data status can't be read: {exc}"
        raise UnexpectedAnswer(what) from exc
    if status == StatusEntry():
        what = "its entry in the data status holds no status"
        raise UnexpectedAnswer(what)
    return status


def operations(page: Page) -> list[Operation] | None:
    """Return the operations of a page of the history; None if one can't be read: the others prove nothing then."""
    try:
        some = [_read(_operation, raw) for raw in page.results]
    except ValueError:
        return None
    return None if any(operation.id in NO_IDS for operation in some) else some
