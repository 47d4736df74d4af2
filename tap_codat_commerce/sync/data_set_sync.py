"""One data set of one connection in one run: checked, read and proven; the outcome is logged and counted.

What goes wrong at one data set stays there; only what stands in the way of all others ends the run.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.prefetcher import ENDS_THE_RUN
from tap_codat_commerce.records import dates
from tap_codat_commerce.records.record_pages import REPLICATION_KEY
from tap_codat_commerce.sync import data_status
from tap_codat_commerce.sync.conclusion import Conclusion
from tap_codat_commerce.sync.data_set import Paging
from tap_codat_commerce.sync.data_status import Action, Kind, SyncStatus
from tap_codat_commerce.sync.paged_read import BY_ID, NotToBeResumedError, PagedRead, ReadRequest
from tap_codat_commerce.sync.pre_sync_check import PreSyncCheck

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from tap_codat_commerce.codat.prefetcher import Position
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.bookmark import Bookmark
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import Context, Sink
    from tap_codat_commerce.sync.data_status import Verdict
    from tap_codat_commerce.sync.run import Run
    from tap_codat_commerce.sync.run_summary import RecordError

READS = 3
"""How often a data set is read before it counts as failed."""
SHOWN = 10
"""Records that can't be read, which are named."""


class DataSetSync:
    """A data set of a connection, and how often it was read in this run without being proven complete."""

    def __init__(self, run: Run, sink: Sink, connection: ConnectionRef) -> None:
        """Prepare, without a request."""
        self._run, self.sink, self.connection = run, sink, connection
        self.data_set = sink.data_set
        self._reason = ""
        self._is_read = False
        self.check = PreSyncCheck(run, sink, connection)
        self._status_read = SyncStatus()
        self._whole = False
        self.reads = run.pending.reads_of(self.key)

    @property
    def key(self) -> Hashable:
        """What tells it from other data sets."""
        return (self.data_set.name, self.connection.connection_id)

    @property
    def where(self) -> str:
        """Which data set it is, for people."""
        return f"{self.data_set.name} of {self.connection.place}"

    @property
    def context(self) -> Context:
        """The connection's stream context."""
        return self.connection.context

    @property
    def position(self) -> Position:
        """When its answers are needed, among those of all others."""
        return (self.connection.number, self.connection.index, self.data_set.number)

    @property
    def is_new(self) -> bool:
        """Whether the data set was never read before."""
        return self.sink.is_new(self.context)

    def is_due(self) -> bool:
        """Say whether the data set is to be read now; if not, log and count why.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        with self._contained():
            status = self.check.status()
            if self.check.seen_before:
                self._unchanged()
                return False
            if self._refreshed(status):
                self._set_aside("a refresh was queued and has not ended")
                return False
            verdict = self.check.verdict(status)
            self._note(verdict)
            if verdict.action is Action.READ:
                self._status_read = status
                return True
            if verdict.action is Action.UNCHANGED and self.check.shared:
                self.check.remember(status)
            if verdict.action is Action.WAIT:
                self._set_aside(verdict.reason)
            elif verdict.action is Action.NOT_READY:
                self._leave_out(verdict.reason, verdict.advice)
            elif verdict.action is Action.UNCHANGED:
                self._unchanged()
            else:
                self._run.summary.succeeded(verdict.action.value)
        return False

    def pages(self) -> Iterator[RecordPage[Any]]:
        """Yield the pages of a data set that is due.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        with self._contained():
            yield from self._proven(self._status_read)

    def prefetch(self, status: SyncStatus) -> Hashable:
        """Ask ahead for what `pages` will begin with, if it is sure to be read; return the token, None if it is not."""
        check = self.check
        if check.may_refresh(status) or check.verdict(status).action is not Action.READ or not check.is_plain:
            return None
        token = self._token(status)
        self._request(status).prefetch(self._run.prefetcher, token, self.position)
        return token

    def give_up(self) -> None:
        """Leave the data set out, as the time to wait for it is spent."""
        self._leave_out(self._reason, "Run again when it is complete, or raise sync_wait")

    def note_checkpoint(self) -> None:
        """Note in the state how far the read came whose pages are being handed over."""
        read, status = self._open
        if read.pages > 1 and self.sink.resumable:
            self.sink.note_checkpoint(self.context, read.checkpoint(status))

    def _note(self, verdict: Verdict) -> None:
        if verdict.reason:
            self._run.logger.debug("%s: %s.", self.where, verdict.reason)
        if verdict.stale_since:
            self._find(f"Stale: {verdict.reason}. {verdict.advice}.", f"since {verdict.stale_since}")

    def _find(self, reason: str, remark: str = "", level: int = logging.WARNING) -> None:
        data_set = f"{self.data_set.name} {remark}".rstrip()
        self._run.summary.findings.add(reason, self.connection.place, data_set, level=level)

    def _unchanged(self) -> None:
        """Count the data set as what it was found to be when it was last asked for."""
        action = Action.NOT_SUPPORTED if self.check.bookmark.not_supported else Action.UNCHANGED
        self._run.summary.succeeded(action.value)

    def fail(self, error: RecordError) -> None:
        """Log and count that what came can't be written, be it read to its end or not. The bookmark stays."""
        self._run.reading = None
        self._run.summary.outcomes[Action.READ.value] -= self._is_read
        self._run.summary.unwritten(self.data_set.name, self.connection.place, error)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Keep what goes wrong at this data set from the others."""
        try:
            yield
        except errors.NotReady as exc:
            self._not_ready(exc)
        except ENDS_THE_RUN as exc:
            exc.at(self.where)
            raise
        except errors.CodatError as exc:
            exc.at(self.where)
            self._run.summary.failure(self.data_set.name, self.connection.place, self.connection.company_id, exc)

    def _not_ready(self, error: errors.NotReady) -> None:
        """Leave the data set out by its own word; if its status knows more of the reason, by that."""
        if self._status_read.kind is Kind.FAILED and not self._status_read.certain:
            self._leave_out(*data_status.why_not_ready(self._status_read))
        else:
            self._run.logger.debug("%s", error.at(self.where))
            self._leave_out("Codat answered 409", error.advice.removesuffix("."))

    def _token(self, status: SyncStatus) -> Hashable:
        """Return what stands for the read that is next.

        What was asked ahead is used only if the data set's status is still the one that it was asked under. Otherwise
        a bookmark could get the id of a sync that ended after the records had come.
        """
        return (*self.key, status, self.reads)  # type: ignore[misc]

    def _proven(self, status: SyncStatus) -> Iterator[RecordPage[Any]]:
        """Read until a read is proven complete, each time from the same bookmark; then move that."""
        old, request, doubt = self.check.trusted(status), self._request(status), "it was read too often"
        while self.reads < READS:
            token, asked_at = self._token(status), self.check.asked_at
            read = self._new_read(request, token)
            try:
                yield from self._handed_over(read, status)
            except NotToBeResumedError:
                self.sink.note_checkpoint(self.context, None)
                request = self._request(status)
                continue
            except errors.BadRequest as exc:
                if read.pages or request.order != BY_ID or request.data_set.paging is not Paging.NUMBERED:
                    raise
                self._order_refused(exc)
                request = self._request(status)
                continue
            except errors.NotSupported:
                if read.pages:
                    raise
                # The status spoke of another connection.
                self._run.logger.debug("%s: the platform does not offer it.", self.where)
                self.check.not_supported(status)
                self._run.summary.succeeded(Action.NOT_SUPPORTED.value)
                return
            finally:
                self._run.prefetcher.drop(token)
            self.reads += 1
            found, after = self._doubt(read, status)
            if found is None:
                self._conclude(Conclusion(read, status, asked_at, old))
                return
            self.sink.note_checkpoint(self.context, None)
            if after.kind is Kind.UNDER_WAY:
                self._set_aside(f"the sync is under way ({after.current})")
                return
            doubt, status = found, after
            request = self._request(status)
            if self.reads < READS:
                self._run.logger.debug("%s: reading it again, as %s.", self.where, doubt)
                self._find(f"Read again, as {doubt}.", level=logging.INFO)
        self._run.summary.unproven(self.data_set.name, self.connection.place, doubt)

    def _conclude(self, found: Conclusion) -> None:
        """Move the bookmark after a read that was proven, if there is nothing else against that.

        Raises:
            UnreadableRecords: some of the records can't be read.
        """
        read, options = found.read, self._run.options
        if read.unreadable:
            what = f"{len(read.unreadable)} of its records can't be read: {'; '.join(read.unreadable[:SHOWN])}"
            raise errors.UnreadableRecords(what)
        if found.may_come_yet and found.old.stamp:
            self._leave_out("Codat says that it has no data, though its sync is complete", "Run again")
            return
        if found.may_come_yet:
            self._find("No data, says Codat, soon after a good sync: the next run asks again.", level=logging.INFO)
        if read.twice:
            self._find("Codat holds records twice. Targets that upsert keep one row of each.", f"({read.twice})")
        if read.unstamped:
            self._find("Read whole each time: a record has no modifiedDate.", level=logging.INFO)
        if not found.may_come_yet:
            seen, now = self.check.seen(found.status), dates.written(self._run.prefetcher.clock.now())
            bookmark = found.bookmark(options, seen, now, incremental=self.sink.incremental)
            self.sink.move_bookmark(self.context, bookmark, found.described())
        self._run.summary.succeeded(Action.READ.value)
        self._is_read = True

    def _order_refused(self, error: errors.BadRequest) -> None:
        """Read in the order of modification from now on, in this whole run."""
        self._run.order = REPLICATION_KEY
        line = "Codat refuses the order by id, so that pages are read by modifiedDate: %s"
        self._run.logger.warning(line, error.what)

    def _new_read(self, request: ReadRequest, token: Hashable) -> PagedRead[Any]:
        page_of = self.sink.page_of(self.context)
        position = None if self._run.dry else self.position
        return PagedRead(self._run.prefetcher, page_of, request, token=token, position=position)

    def _doubt(self, read: PagedRead[Any], before: SyncStatus) -> tuple[str | None, SyncStatus]:
        """Return why a read may be incomplete, None if it is proven; and the status that was seen for that."""
        doubt = read.incomplete() or self._too_little(read)
        if doubt is None and not read.long and not self._tells_what_is_gone(read):
            return None, before
        after = self.check.status(anew=True)
        if after.kind is Kind.UNDER_WAY:
            doubt = f"its status became {after.current} meanwhile"
        elif after.mark != before.mark:
            doubt = "a sync began or ended meanwhile"
        return doubt, after

    def _too_little(self, read: PagedRead[Any]) -> str | None:
        """Return what is wrong if a query left out what is there: this data set is read whole then."""
        if not self._run.query_check.finds_nothing(self.where, read, self.check.bookmark.stamp):
            return None
        self._whole = True
        return "a query brings not even what was modified last"

    def _tells_what_is_gone(self, read: PagedRead[Any]) -> bool:
        """Say whether rows of before will count as gone, so that also a page that a sync has emptied is to be seen."""
        known = self.check.bookmark.sync_id is not None
        return known and read.request.query is None and self._run.options.full_read_every_days is not None

    def _handed_over(self, read: PagedRead[Any], status: SyncStatus) -> Iterator[RecordPage[Any]]:
        """Yield the pages; should the read end early, `note_checkpoint` knows where to go on."""
        self._open = read, status
        self._run.reading = self
        try:
            for page in read.record_pages():
                self._run.summary.records += len(page.ids)
                yield page
                self._run.summary.log_progress()
                if self.sink.state_is_due:
                    self.note_checkpoint()
                    self.sink.write_state()
        except errors.CodatError:
            self.note_checkpoint()
            raise
        self._run.reading = None

    def _request(self, status: SyncStatus) -> ReadRequest:
        """Return what to ask for: the rest of an unfinished read, if nothing has moved since."""
        options, connection, order = self._run.options, self.connection, self._run.order
        wanted, after = self._query(self.check.trusted(status)), self.sink.bookmark(self.context).checkpoint
        size = max(1, options.page_size - self.reads)  # other pages each time: an id held twice may span two of them
        fits = (status.good_sync_id, status.sync_id, wanted, size)
        if after and (after.sync_id, after.latest_sync_id, after.query, after.page_size) != fits:
            after = None
        after = after if status.certain and order == BY_ID else None
        ids = connection.company_id, connection.connection_id
        return ReadRequest(*ids, self.data_set, size, wanted, order, after)

    def _query(self, old: Bookmark) -> str | None:
        options = self._run.options
        if not self.sink.incremental or self._whole or old.full_read_is_due(options.full_read_every_days):
            return None
        return old.query(options.start_date)

    def _refreshed(self, status: SyncStatus) -> bool:
        """Queue a sync if the data is old and one can be had; say whether one is under way now."""
        pending = self._run.pending
        if self.key in pending.refreshed:
            return pending.lags(self.key, status.mark)
        if not self.check.may_refresh(status):
            return False
        pending.refreshed[self.key] = None
        connection, data_type = self.connection, self.data_set.data_type
        try:
            self._run.statuses.refresh(connection.company_id, connection.connection_id, data_type)
        except errors.UnderWay as exc:
            self._run.logger.debug("%s: a refresh could not be queued: %s", self.where, exc.what)
        except ENDS_THE_RUN:
            raise
        except errors.CodatError as exc:
            self._run.logger.debug("%s", exc.at(self.where))
            why = exc.message if isinstance(exc, errors.Refused) and exc.message else exc.what
            level = logging.INFO if isinstance(exc, errors.BadRequest) else logging.WARNING
            self._find(f"A refresh could not be queued, what is there is read: {why}.", level=level)
            return False
        pending.refreshed[self.key] = status.mark
        return True

    def _set_aside(self, reason: str) -> None:
        self._reason = reason
        if not self._run.pending.set_aside(self):
            self.give_up()

    def _leave_out(self, reason: str, advice: str) -> None:
        self._run.summary.left_out(self.data_set.name, self.connection.place, reason, advice)
