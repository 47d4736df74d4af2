"""`sync` without any tap: a sink that keeps what it is handed, and a run against the stand-in."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import conftest
from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.records import schemas
from tap_codat_commerce.records.record_pages import RecordMaker
from tap_codat_commerce.records.shaping import RecordShaper, StrayFieldCounter
from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
from tap_codat_commerce.sync.company_sync import CompanySync
from tap_codat_commerce.sync.data_set import DataSet, Paging
from tap_codat_commerce.sync.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from codat_mock.running import Running
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.data_set import Context, DueSync, ProvenRead

DATA_SETS = {
    "customers": DataSet("customers", "commerce-customers", "commerce-customers", 0),
    "orders": DataSet("orders", "commerce-orders", "commerce-orders", 1),
    "locations": DataSet("locations", "commerce-locations", "commerce-locations", 2, Paging.LINKED),
    "company_info": DataSet(
        "company_info", "commerce-info", "commerce-companyInfo", 3, Paging.SINGLE, frozenset({"companyName"})
    ),
}


@dataclass
class KeepingSink:
    """A sink that keeps records and bookmarks in lists.

    Attributes:
        records: as they came, those that came twice included.
        bookmarks: by the connection's id; `begun` likewise, of unfinished reads.
        reads: that were proven.
        after_page: is called after each page: it may raise, as a signal does.
    """

    data_set: DataSet
    incremental: bool = True
    resumable: bool = True
    state_is_due: bool = False
    records: list[dict[str, Any]] = field(default_factory=list)
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    begun: dict[str, Checkpoint] = field(default_factory=dict)
    reads: list[ProvenRead] = field(default_factory=list)
    after_page: Callable[[], object] = lambda: None

    def write_state(self) -> None:
        """Do nothing: there is none but what is kept."""

    def write(self, sync: DueSync) -> None:
        """Keep the records of each page."""
        for page in sync.pages():
            self.records += map(lossless_json.decode_object, page.content.splitlines())
            self.after_page()

    def page_of(self, context: Context) -> Callable[[list[msgspec.Raw]], RecordPage[bytearray]]:
        """Return what makes records of results."""
        schema = getattr(schemas, self.data_set.name.upper())
        shaper = RecordShaper(self.data_set.name, schema, StrayFieldCounter(), left_out={}, keep=False)
        return partial(RecordMaker(schema, shaper).page, context=context)

    def bookmark(self, context: Context) -> Bookmark:
        """Return the bookmark, with what was begun."""
        found = self.bookmarks.get(context["connectionId"], Bookmark())
        begun = self.begun.get(context["connectionId"])
        return replace(found, checkpoint=begun)

    def is_new(self, context: Context) -> bool:
        """Say whether nothing is known of the connection."""
        return context["connectionId"] not in self.bookmarks.keys() | self.begun.keys()

    def move_bookmark(self, context: Context, bookmark: Bookmark, read: ProvenRead | None = None) -> None:
        """Keep the bookmark, and what it rests on."""
        self.reads += [read] if read else []
        self.bookmarks[context["connectionId"]] = bookmark
        self.begun.pop(context["connectionId"], None)

    def note_checkpoint(self, context: Context, checkpoint: Checkpoint | None) -> None:
        """Keep how far an unfinished read came."""
        if checkpoint:
            self.begun[context["connectionId"]] = checkpoint
        else:
            self.begun.pop(context["connectionId"], None)


class Engine:
    """Runs `sync` over a stand-in, with a sink for each of some data sets, as often as it is told to."""

    def __init__(self, running: Running, *names: str) -> None:
        self.running = running
        self.sinks = {name: KeepingSink(DATA_SETS[name]) for name in names}
        for name in names:
            self.sinks[name].incremental = DATA_SETS[name].paging is Paging.NUMBERED

    def run(self, **options: Any) -> Run:
        """Run once; return the parts of the run, with its summary. What ends the run is raised."""
        chosen = conftest.options(**{"sync_wait": 0, **options})
        run = Run(conftest.client(self.running.url), chosen, logging.getLogger("tests.sync"))
        sync = CompanySync(run, list(self.sinks.values()), streams=len(self.sinks))
        try:
            for company in sync.companies():
                for connection in company.connections:
                    sync.read(connection)
        finally:
            run.close()
            run.summary.findings.log(run.logger)
        return run

    def asked(self) -> list[str]:
        """Return the last part of each path that was asked for since the last call."""
        asked = [a.path.rpartition("/")[2] for a in self.running.gate.asked]
        self.running.gate.asked.clear()
        return asked


def as_text(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as it would go over a wire, numbers as text."""
    found: dict[str, Any] = json.loads(lossless_json.encode(record), parse_float=str)
    return found
