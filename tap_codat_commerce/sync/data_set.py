"""The data sets, and what `sync` is given for each one that is to be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from tap_codat_commerce.records.record_pages import IDS

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from tap_codat_commerce.records.fields import Schema
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint

    Context = dict[str, str]
    """The ids of a company and of one of its connections."""


class Paging(Enum):
    """How Codat hands out the records of a data set."""

    NUMBERED = "pages by number; takes queries and an order"
    LINKED = "pages by link; takes no parameters"
    SINGLE = "one object, without an id"


@dataclass(frozen=True)
class DataSet:
    """One of Codat's data sets.

    Attributes:
        name: its stream's.
        segment: its name in the path.
        schema: of its records, with the ids of company and connection, as JSON Schema.
        data_type: its key in the data status; the segment, if it is not given.
        paging: how its records are handed out.
    """

    name: str
    segment: str
    schema: Schema = field(repr=False, compare=False)
    data_type: str = ""
    paging: Paging = Paging.NUMBERED

    def __post_init__(self) -> None:
        """Let the data type be the segment where it is not said otherwise."""
        object.__setattr__(self, "data_type", self.data_type or self.segment)

    @property
    def keys(self) -> tuple[str, ...]:
        """The fields that tell a record from all others: ids are unique only within one connection."""
        return IDS if self.paging is Paging.SINGLE else (*IDS, "id")

    @property
    def takes_queries(self) -> bool:
        """Whether only what was modified since can be asked for."""
        return self.paging is Paging.NUMBERED

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields of its records, as Codat has them."""
        return frozenset(self.schema["properties"]) - {*IDS}


class BookmarkStore(Protocol):
    """Where the bookmarks of one data set are kept, for all connections."""

    def find(self, context: Context) -> Bookmark:
        """Return the bookmark of a connection, an empty one if it has none."""

    def is_new(self, context: Context) -> bool:
        """Say whether nothing is known of a connection."""

    def move(self, context: Context, bookmark: Bookmark) -> None:
        """Keep the bookmark in the place of the one before."""

    def note(self, context: Context, checkpoint: Checkpoint | None) -> None:
        """Note how far an unfinished read came, None to forget it; the bookmark stays."""


@dataclass(frozen=True)
class SelectedDataSet:
    """A data set that is to be read, and how.

    Attributes:
        data_set: which one.
        bookmarks: its bookmarks.
        page_of: returns, for a connection's context, what makes a page of records of an answer's results.
        incremental: whether only what was modified since the bookmark is wanted.
        resumable: whether the records of a page are safe once the next is asked for, so that an interrupted read can be
            gone on from.
    """

    data_set: DataSet
    bookmarks: BookmarkStore
    page_of: Callable[[Context], Callable[[list[msgspec.Raw]], RecordPage[Any]]]
    incremental: bool = True
    resumable: bool = True
