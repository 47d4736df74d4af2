"""How the stream of a data set is written: its pages as they come; and where its bookmarks are."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING

from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import REPLICATION_KEY, RecordMaker
from tap_codat_commerce.singer.bookmarks import Bookmarks
from tap_codat_commerce.singer.messages import around_record
from tap_codat_commerce.singer.stream_base import CodatStream
from tap_codat_commerce.sync import proof
from tap_codat_commerce.sync.data_set import SelectedDataSet
from tap_codat_commerce.sync.run_summary import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import msgspec
    from singer_sdk.helpers.types import Context

    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.records.shaping import Tree
    from tap_codat_commerce.singer.stream_base import Json
    from tap_codat_commerce.singer.tap_base import CodatTap
    from tap_codat_commerce.sync.bookmark import Bookmark
    from tap_codat_commerce.sync.data_set import DataSet
    from tap_codat_commerce.sync.data_set_sync import DataSetSync


class DataSetStream(CodatStream):
    """A data set, over all connections. `sync` says when it is due, and what its bookmark becomes."""

    def __init__(self, tap: CodatTap, data_set: DataSet) -> None:
        """Make the stream of a data set."""
        self.data_set, self.fields = data_set, data_set.schema
        super().__init__(tap, name=data_set.name)
        self.primary_keys = self._own_keys = data_set.keys
        self.replication_key = REPLICATION_KEY if data_set.takes_queries else None

    @cached_property
    def bookmarks(self) -> Bookmarks:
        """The bookmarks of all connections."""
        return Bookmarks(self.name, self.tap_state)

    def as_selected(self) -> SelectedDataSet:
        """Return what `sync` reads it by."""
        return SelectedDataSet(
            self.data_set,
            self.bookmarks,
            self._page_of,
            incremental=self.replication_method == "INCREMENTAL",
            resumable=self.get_batch_config(self.config) is None,
        )

    def write_data_set(self, data_set: DataSetSync) -> None:
        """Write what came of a data set that is due."""
        try:
            with closing(data_set.pages()) as pages:
                if self.tap.limit is not None:
                    self._write_all(self.finished(_some(pages, self.tap.limit)))
                elif self._batch_config is not None:
                    counted = self._counted(pages, data_set)
                    self._write_files(record for page in counted for _, record in self._finished(page))
                elif self._in_pages:
                    for page in self._counted(pages, data_set):
                        self.tap.message_writer.write_lines(page)
                else:
                    for page in self._counted(pages, data_set):
                        extracted = utc_now()
                        for stream, record in self._finished(page):
                            self.tap.message_writer.write_record(stream, record, extracted)
        except RecordError as exc:
            data_set.fail(exc)

    def gone(self, company_id: str, listed: Collection[str]) -> Iterator[tuple[Context, Bookmark]]:
        """Yield bookmarks that say that nothing is left of connections that a company lists no more."""
        run = self.tap.run
        for context in self.bookmarks.known(company_id):
            old = self.bookmarks.find(context)
            if context["connectionId"] in listed:
                if back := proof.of_what_is_back(old):
                    self.bookmarks.move(context, back)
            elif gone := proof.of_what_is_gone(old, dates.now(), run.listed_at, run.start_date):
                yield context, gone
                self.bookmarks.move(context, gone)

    def _finished(self, page: bytearray) -> Iterator[tuple[str, Json]]:
        """Yield the records of a page as `finished` does."""
        records = page.splitlines()
        page.clear()
        return self.finished(records)

    def _counted(self, pages: Iterator[RecordPage[bytearray]], data_set: DataSetSync) -> Iterator[bytearray]:
        """Yield the lines of each page, and count its records; write STATE between two pages if it is time."""
        for page in pages:
            self.has_records = self.has_records or bool(page.ids)
            yield page.content
            page.content.clear()  # a page may be large, and the next one comes while this one is still referred to
            self.counter.increment(len(page.ids))
            if self.tap.states.due:
                data_set.note_checkpoint()
                self.tap.states.write_state(self.tap.state)

    def _page_of(self, context: Context) -> Callable[[list[msgspec.Raw]], RecordPage[bytearray]]:
        """Return what makes a page of records of an answer's results: lines of messages, or else of records."""

        def page(results: list[msgspec.Raw]) -> RecordPage[bytearray]:
            around = around_record(self.name) if self._in_pages else (b"", b"\n")
            return self._record_maker.page(results, context, around)

        return page

    @cached_property
    def _in_pages(self) -> bool:
        """Whether pages go out as they are."""
        return not (self.flatteners or self._batch_config) and self._is_unmapped and self.tap.limit is None

    @cached_property
    def _record_maker(self) -> RecordMaker:
        """What makes records of results, by the schema in the catalog if one was given."""
        return RecordMaker(self.effective_schema, self.shaper)

    @cached_property
    def left_out(self) -> Tree:
        """The fields that are not selected, or that the catalog's schema has no more."""
        found = self.trimmed
        for path in sorted(self.deselected, key=len, reverse=True):
            *parents, name = path
            place = found
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = {}
        return found


def _some(pages: Iterator[RecordPage[bytearray]], limit: int) -> Iterator[bytes | bytearray]:
    """Yield so many records of pages; the read comes to its end only if there are no more."""
    for page in pages:
        records = page.content.splitlines()
        yield from records[:limit]
        if len(records) > limit:
            return
        limit -= len(records)
