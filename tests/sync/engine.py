"""`sync` without any tap: a sink that keeps what it is handed, and a run against the stand-in."""

from __future__ import annotations

import json
import logging
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import conftest
from tap_codat_commerce import streams
from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records.record_pages import RecordMaker
from tap_codat_commerce.records.shaping import RecordShaper, StrayFieldCounter
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
from tap_codat_commerce.sync.data_set import DataSet, SelectedDataSet
from tap_codat_commerce.sync.run import Run
from tap_codat_commerce.sync.run_summary import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import msgspec

    from codat_mock.running import Running
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.bookmark import LastRead
    from tap_codat_commerce.sync.data_set import Context
    from tap_codat_commerce.sync.data_set_sync import DataSetSync

DATA_SETS = {data_set.name: data_set for data_set in streams.DATA_SETS}


@dataclass
class KeptBookmarks:
    """Bookmarks in dicts, by the connection's id; `begun` likewise, of unfinished reads."""

    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    begun: dict[str, Checkpoint] = field(default_factory=dict)

    def find(self, context: Context) -> Bookmark:
        """Return the bookmark, with what was begun."""
        found = self.bookmarks.get(context["connectionId"], Bookmark())
        return replace(found, checkpoint=self.begun.get(context["connectionId"]))

    def is_new(self, context: Context) -> bool:
        """Say whether nothing is known of the connection."""
        return context["connectionId"] not in self.bookmarks.keys() | self.begun.keys()

    def move(self, context: Context, bookmark: Bookmark) -> None:
        """Keep the bookmark."""
        self.bookmarks[context["connectionId"]] = bookmark
        self.begun.pop(context["connectionId"], None)

    def note(self, context: Context, checkpoint: Checkpoint | None) -> None:
        """Keep how far an unfinished read came."""
        if checkpoint:
            self.begun[context["connectionId"]] = checkpoint
        else:
            self.begun.pop(context["connectionId"], None)


@dataclass
class KeepingSink(KeptBookmarks):
    """What becomes of one data set: its records and bookmarks are kept in lists.

    Attributes:
        records: as they came, those that came twice included.
        reads: that were proven.
        after_page: is called after each page: it may raise, as a signal does.
    """

    data_set: DataSet = DATA_SETS["orders"]
    incremental: bool = True
    resumable: bool = True
    records: list[dict[str, Any]] = field(default_factory=list)
    reads: list[LastRead] = field(default_factory=list)
    after_page: Callable[[], object] = lambda: None

    def as_selected(self) -> SelectedDataSet:
        """Return what `sync` reads it by."""
        return SelectedDataSet(
            self.data_set, self, self.page_of, incremental=self.incremental, resumable=self.resumable
        )

    def page_of(self, context: Context) -> Callable[[list[msgspec.Raw]], RecordPage[bytearray]]:
        """Return what makes records of results."""
        schema = self.data_set.schema
        shaper = RecordShaper(self.data_set.name, schema, StrayFieldCounter(), left_out={}, keep=False)
        return partial(RecordMaker(schema, shaper).page, context=context)

    def write(self, data_set: DataSetSync) -> None:
        """Keep the records of each page, or what a proven read leads to."""
        if data_set.proven:
            self.reads += [data_set.proven.read] if data_set.proven.read else []
            data_set.conclude()
            return
        try:
            with closing(data_set.pages()) as pages:
                for page in pages:
                    self.records += map(lossless_json.decode_object, page.content.splitlines())
                    self.after_page()
        except RecordError as exc:
            data_set.fail(exc)


class Engine:
    """Runs `sync` over a stand-in, with a sink for each of some data sets, as often as it is told to."""

    def __init__(self, running: Running, *names: str) -> None:
        self.running = running
        self.sinks = {
            name: KeepingSink(data_set=DATA_SETS[name], incremental=DATA_SETS[name].takes_queries) for name in names
        }

    def run(self, **options: Any) -> Run:
        """Run once; return the run, with its summary. What ends the run is raised."""
        client, chosen_options = conftest.client(self.running.url), conftest.options(**{"sync_wait": 0, **options})
        chosen = [sink.as_selected() for sink in self.sinks.values()]
        run = Run(client, chosen_options, chosen, streams=len(chosen))
        try:
            for company in run.companies():
                self._write(run.data_sets(company.readable))
            self._write(run.set_aside())
        finally:
            run.close()
            run.summary.findings.log(logging.getLogger("tests.sync"))
        return run

    def _write(self, data_sets: Iterator[DataSetSync]) -> None:
        for data_set in data_sets:
            self.sinks[data_set.name].write(data_set)

    def asked(self) -> list[str]:
        """Return the last part of each path that was asked for since the last call."""
        asked = [a.path.rpartition("/")[2] for a in self.running.gate.asked]
        self.running.gate.asked.clear()
        return asked


def as_text(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as it would go over a wire, numbers as text."""
    found: dict[str, Any] = json.loads(lossless_json.encode(record), parse_float=str)
    return found
