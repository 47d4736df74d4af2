"""How the SDK's stream becomes a data set's sink: pages are written as they come, and the bookmark moves when told."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records.record_pages import RecordMaker
from tap_codat_commerce.singer.bookmarks import Bookmarks
from tap_codat_commerce.singer.messages import around_record
from tap_codat_commerce.singer.stream_base import CodatStream
from tap_codat_commerce.sync.data_set import DataSet, Paging

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    import msgspec
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record

    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.records.shaping import Tree
    from tap_codat_commerce.singer.stream_base import Json
    from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
    from tap_codat_commerce.sync.data_set import DueSync, ProvenRead


class DataSetParentStream(CodatStream):
    """A stream whose children are data sets."""

    def _sync_children(self, child_context: Context | None) -> None:
        """Read only what is due: what the SDK does for a stream that has nothing to read costs more than all else."""
        self.tap.company_sync.read((child_context or {})["connection"])


class DataSetStream(CodatStream):
    """A data set: the `Sink` for its pages. `sync` says when it is due, and what its bookmark becomes."""

    segment: ClassVar[str]
    """Its name in the path."""
    data_type: ClassVar[str]
    """Its key in the data status."""
    paging: ClassVar[Paging] = Paging.NUMBERED

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the data type be the segment where it is not said otherwise."""
        super().__init_subclass__(**kwargs)
        if "segment" in vars(cls) and "data_type" not in vars(cls):
            cls.data_type = cls.segment

    @cached_property
    def state_manager(self) -> Bookmarks:
        """The stream's bookmarks, in the place of the SDK's."""
        return Bookmarks(
            tap_name=self.tap_name,
            stream_name=self.name,
            tap_state=self._tap_state,
            state_partitioning_keys=self.state_partitioning_keys,
        )

    # The sink

    @cached_property
    def data_set(self) -> DataSet:
        """The data set that the stream is for."""
        number = list(self.tap.streams).index(self.name)
        fields = frozenset(self.fields["properties"]) - {"companyId", "connectionId"}
        return DataSet(self.name, self.segment, self.data_type, number, self.paging, fields)

    @property
    def incremental(self) -> bool:
        """Whether only what was modified since the bookmark is wanted."""
        return self.replication_method == "INCREMENTAL"

    @property
    def resumable(self) -> bool:
        """Whether records are out once the next page is asked for: in batches they are not."""
        return not self.in_batches

    @property
    def state_is_due(self) -> bool:
        """Whether it is time for a STATE."""
        return self.tap.state_writer.due

    def write_state(self) -> None:
        """Write the state as it is now."""
        self.tap.state_writer.write_state(self.tap.state)

    def write(self, sync: DueSync) -> None:
        """Take the pages of a data set that is due, by the SDK's way through a context.

        Raises:
            RecordError: what came can't be written.
        """
        with suppress(AbortedSyncFailedException, AbortedSyncPausedException):
            self.sync({**sync.context, "sync": sync})

    def page_of(self, context: Context) -> Callable[[list[msgspec.Raw]], RecordPage[bytearray]]:
        """Return what makes a page of records of an answer's results: lines of messages, or else of records."""

        def page(results: list[msgspec.Raw]) -> RecordPage[bytearray]:
            around = around_record(self.name) if self._in_pages else (b"", b"\n")
            return self.record_maker.page(results, context, around)

        return page

    def bookmark(self, context: Context) -> Bookmark:
        """Return the bookmark of a connection."""
        return self.state_manager.find(context)

    def is_new(self, context: Context) -> bool:
        """Say whether nothing is known of a connection."""
        return self.state_manager.is_new(context)

    def move_bookmark(self, context: Context, bookmark: Bookmark, read: ProvenRead | None = None) -> None:
        """Move the bookmark; in batches, after the last BATCH message: until then the records are in no message."""
        if self._batched_moves is None:
            self._move(context, bookmark, read)
        else:
            self._batched_moves.append((context, bookmark, read))

    def note_checkpoint(self, context: Context, checkpoint: Checkpoint | None) -> None:
        """Note how far an unfinished read came."""
        self.state_manager.note(context, checkpoint)

    # The SDK's stream

    @cached_property
    def record_maker(self) -> RecordMaker:
        """What makes records of results, by the schema in the catalog if one was given."""
        return RecordMaker(self.effective_schema, self.shaper)

    @cached_property
    def left_out(self) -> Tree:  # type: ignore[override]
        """The fields that are not selected."""
        found: Tree = {}
        breadcrumbs = [b for b, selected in self.mask.items() if not selected and {*b[::2]} == {"properties"}]
        for breadcrumb in sorted(breadcrumbs, key=len, reverse=True):
            *parents, name = breadcrumb[1::2]
            place = found
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = {}
        return found

    def preprocess_context(self, context: Context) -> Context:
        """Keep ids only in the context, as it goes into state, logs and metrics."""
        sync: DueSync = context["sync"]
        self._sync = sync
        return sync.context

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - the SDK's signature
        """Yield what is new in the data set."""
        for page in self._sync.pages():
            yield from map(lossless_json.decode_object, page.content.splitlines())

    @cached_property
    def _in_pages(self) -> bool:
        """Whether pages go out as they are."""
        return not (self.flatteners or self.in_batches) and self._is_unmapped and self.ABORT_AT_RECORD_COUNT is None

    def _pages(self, context: Context | None) -> Iterator[bytearray]:
        """Yield the lines of each page, and count its records."""
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            counter.with_context(context)
            timer.with_context(context)
            for page in self._sync.pages():
                yield page.content
                page.content.clear()  # a page may be large, and the next one comes while this one is still referred to
                counter.increment(len(page.ids))

    def _finished_all(self, context: Context | None) -> Iterator[tuple[str, Json]]:
        """Yield records without the SDK's loop, which costs several times as much as all the rest of a record."""
        for page in self._pages(context):
            records = page.splitlines()
            page.clear()
            yield from self.finished(records)

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write pages, or records, likewise; a dry run goes the SDK's way, as that ends after a few records."""
        writer = self.tap.message_writer
        if self.ABORT_AT_RECORD_COUNT is not None:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        if self._in_pages:
            for page in self._pages(context):
                writer.write_lines(page)
        else:
            for stream, record in self._finished_all(context):
                writer.write_record(stream, record)
        self._write_state_message()

    def _move(self, context: Context, bookmark: Bookmark, read: ProvenRead | None) -> None:
        """Move the bookmark, after the row of `reads`: were it the other way round, a signal could cost the row."""
        if read:
            self.tap.note_read(context, read)
        self.state_manager.move(context, bookmark)

    _batched_moves: list[tuple[Context, Bookmark, ProvenRead | None]] | None = None

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        """Move the bookmarks of a batched read when all its messages are out."""
        self._batched_moves = []
        try:
            super()._sync_batches(batch_config, context)
            moves = self._batched_moves
        finally:
            self._batched_moves = None
        for move in moves:
            self._move(*move)
