"""What `sync` is handed for each data set: a description of it, and a sink for what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import msgspec

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
        data_type: its key in the data status.
        number: its place in the order in which the data sets of a connection are read.
        paging: how its records are handed out.
        fields: of its records, as Codat has them.
    """

    name: str
    segment: str
    data_type: str
    number: int = 0
    paging: Paging = Paging.NUMBERED
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ProvenRead:
    """A read of a data set that was proven complete.

    Attributes:
        data_type: of the data set.
        started_at: when it began, by this machine's clock, as a stamp; of one that was interrupted, the first time.
        ended_at: when it was proven, likewise.
        sync_id: id of the good sync that was read; None if it is not known for the connection.
        synced_at: when that ended, by Codat.
        full: whether all was asked for, not only what was modified since the bookmark.
        records: how many different records came.
        total: how many the data set has; None if only a part was asked for.
    """

    data_type: str
    started_at: str
    ended_at: str
    sync_id: str | None
    synced_at: str | None
    full: bool
    records: int
    total: int | None


class DueSync(Protocol):
    """A data set of one connection that is to be read now."""

    @property
    def context(self) -> Context:
        """The connection's stream context."""

    def pages(self) -> Iterator[RecordPage[Any]]:
        """Yield its pages; they are proven, and the bookmark moves, when the iteration comes to its end."""

    def note_checkpoint(self) -> None:
        """Note in the state how far the read came whose pages are being handed over."""


class Sink(Protocol):
    """Where the pages of one data set go, for all connections, and where its bookmarks are kept."""

    @property
    def data_set(self) -> DataSet:
        """The data set that it is for."""

    @property
    def incremental(self) -> bool:
        """Whether only what was modified since the bookmark is wanted."""

    @property
    def resumable(self) -> bool:
        """Whether the records of a page are safe once the next is asked for, so that a read can be gone on from."""

    @property
    def state_is_due(self) -> bool:
        """Whether it is time for a checkpoint."""

    def write_state(self) -> None:
        """Write the state: bookmarks and checkpoints as they are now."""

    def write(self, sync: DueSync) -> None:
        """Take the pages of a data set that is due: iterate over `sync.pages()` to its end.

        Raises:
            RecordError: what came can't be written.
        """

    def page_of(self, context: Context) -> Callable[[list[msgspec.Raw]], RecordPage[Any]]:
        """Return what makes a page of records of an answer's results."""

    def bookmark(self, context: Context) -> Bookmark:
        """Return the bookmark of a connection, an empty one if it has none."""

    def is_new(self, context: Context) -> bool:
        """Say whether nothing is known of a connection."""

    def move_bookmark(self, context: Context, bookmark: Bookmark, read: ProvenRead | None = None) -> None:
        """Move the bookmark: all records of a proven read have been handed over, or it is known that there are none."""

    def note_checkpoint(self, context: Context, checkpoint: Checkpoint | None) -> None:
        """Note how far an unfinished read came, None to forget it; the bookmark stays."""
