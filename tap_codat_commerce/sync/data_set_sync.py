"""One data set of one connection in one run: checked, read and proven; the outcome is logged and counted.

What goes wrong at one data set stays there; only what stands in the way of all others ends the run.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.prefetcher import ENDS_THE_RUN
from tap_codat_commerce.codat.retry_policy import utc_now
from tap_codat_commerce.sync import data_status
from tap_codat_commerce.sync.data_status import Action, Kind, SyncStatus
from tap_codat_commerce.sync.paged_read import ORDERS, NotToBeResumedError, PagedRead, ReadRequest

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from tap_codat_commerce.codat.prefetcher import Position
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.bookmark import Bookmark, Checkpoint
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import Context, Sink
    from tap_codat_commerce.sync.data_status import Verdict
    from tap_codat_commerce.sync.run import Run

SETTLED = (Kind.GOOD, Kind.FAILED)


class DataSetSync:
    """A data set of a connection, and how often it was read in this run without being proven complete."""

    def __init__(self, run: Run, sink: Sink, connection: ConnectionRef) -> None:
        """Prepare, without a request."""
        self._run, self.sink, self.connection = run, sink, connection
        self.data_set = sink.data_set
        self._reason = ""
        self._good_id: str | None = None
        self._status_read = SyncStatus()
        self.reads = run.pending.reads_of(self.key)

    @property
    def key(self) -> Hashable:
        """What tells it from other data sets."""
        return (self.data_set.name, self.connection.connection_id)

    @property
    def where(self) -> str:
        """Which data set it is, for people."""
        return (
            f"{self.data_set.name} of company {self.connection.company_id}, connection {self.connection.connection_id}"
        )

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
            RunError: too many data sets in a row failed.
        """
        with self._contained():
            status = self._status()
            if self._refreshed(status):
                self._set_aside("a refresh was queued")
                return False
            verdict = self._judge(status)
            if verdict.action is Action.READ:
                self._status_read = status
                return True
            if verdict.action is Action.WAIT:
                self._set_aside(verdict.reason)
            elif verdict.action is Action.NOT_READY:
                self._leave_out(verdict.reason, f"{verdict.advice}.")
            else:
                self._run.summary.succeeded(verdict.action.value)
        return False

    def pages(self) -> Iterator[RecordPage[Any]]:
        """Yield the pages of a data set that is due.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: too many data sets in a row failed.
        """
        with self._contained():
            yield from self._proven(self._status_read)

    def prefetch(self, status: SyncStatus) -> Hashable:
        """Ask ahead for what `pages` will begin with, if it is sure to be read; return the token, None if it is not."""
        connection = self.connection
        if self._may_refresh(status):
            return None
        old, known, may_hide = self._read_before(status)
        if may_hide:
            if old.last_sync is not None:
                ids = connection.company_id, connection.connection_id
                self._run.history.prefetch(*ids, old.last_sync, self.position)
            return None
        if data_status.judge(status, self.data_set.data_type, known, None).action is not Action.READ:
            return None
        token = self._token(status)
        self._request(status).prefetch(self._run.prefetcher, token, self.position)
        return token

    def give_up(self) -> None:
        """Leave the data set out, as the time to wait for it is spent."""
        self._leave_out(self._reason, "Run again when it is complete, or raise sync_wait.")

    def note_checkpoint(self) -> None:
        """Note in the state how far the read came whose pages are being handed over."""
        read, status = self._open
        if read.pages > 1 and self.sink.resumable:
            checkpoint = read.checkpoint(status, self.connection.last_sync)
            self.sink.note_checkpoint(self.context, checkpoint)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Keep what goes wrong at this data set from the others."""
        try:
            yield
        except errors.NotReady as exc:
            self._leave_out("Codat answered 409", str(exc))
        except ENDS_THE_RUN as exc:
            exc.at(self.where)
            raise
        except errors.CodatError as exc:
            exc.at(self.where)
            self._run.summary.failure(self.where, exc)

    def _token(self, status: SyncStatus) -> Hashable:
        """Return what stands for the read that is next.

        What was asked ahead is used only if the data set's status is still the one that it was asked under. Otherwise
        a bookmark could get the id of a sync that ended after the records had come.
        """
        return (*self.key, status, self.reads)  # type: ignore[misc]

    def _judge(self, status: SyncStatus) -> Verdict:
        old, known, may_hide = self._read_before(status)
        if may_hide:
            known = known if self._still_the_same(old) else None
        link = self.connection.details.get("linkUrl")
        verdict = data_status.judge(status, self.data_set.data_type, known, link)
        if verdict.reason and verdict.action is not Action.WAIT and verdict.action is not Action.NOT_READY:
            advice = f" {verdict.advice}." if verdict.advice else ""
            self._run.logger.log(verdict.level, "%s: %s.%s", self.where, verdict.reason, advice)
        return verdict

    def _read_before(self, status: SyncStatus) -> tuple[Bookmark, str | None, bool]:
        """Return the bookmark, the sync it knows as read, and whether another one may hide behind that."""
        old = self.sink.bookmark(self.context)
        known = old.sync_id if self._run.options.skip_unchanged else None
        same = known is not None and known == status.good_sync_id
        return old, known, same and self.connection.several and old.last_sync != self.connection.last_sync

    def _still_the_same(self, old: Bookmark) -> bool:
        """Say whether no sync of this very data set hides behind one of another connection, and remember that."""
        connection, since = self.connection, old.last_sync
        if since is None or self.data_set.data_type in self._run.history.synced_since(
            connection.company_id, connection.connection_id, since
        ):
            return False
        self.sink.move_bookmark(self.context, replace(old, last_sync=connection.last_sync))
        return True

    def _proven(self, status: SyncStatus) -> Iterator[RecordPage[Any]]:
        """Read until a read is proven complete, each time from the same bookmark; then move that."""
        context, last_sync = self.context, self.connection.last_sync
        old, request, doubt = self.sink.bookmark(context), self._request(status), "it was read too often"
        while self.reads < len(ORDERS):
            token = self._token(status)
            read = self._new_read(request, token)
            try:
                yield from self._handed_over(read, status)
            except NotToBeResumedError:
                request = self._request(status, "id")
                continue
            except errors.NotSupported:
                if read.pages:
                    raise
                # The company's status spoke of another connection. This one has nothing, until the next sync at least.
                self._run.logger.info("%s: the platform does not offer it.", self.where)
                self.sink.move_bookmark(context, read.bookmark(old, status, last_sync))
                self._run.summary.succeeded(Action.NOT_SUPPORTED.value)
                return
            finally:
                self._run.prefetcher.drop(token)
            self.reads += 1
            found, after = self._doubt(read, status)
            if found is None:
                self.sink.move_bookmark(context, read.bookmark(old, status, last_sync))
                self._run.summary.succeeded(Action.READ.value)
                return
            self.sink.note_checkpoint(context, None)
            if after.kind is Kind.UNDER_WAY:
                self._set_aside(f"its sync is under way ({after.current})")
                return
            doubt, status = found, after
            request = self._request(status, ORDERS[min(self.reads, len(ORDERS) - 1)])
            if self.reads < len(ORDERS):
                self._run.logger.info("%s: reading it again, as %s.", self.where, doubt)
        line = "%s: what came may be incomplete, as %s. The next run reads it again."
        self._run.logger.warning(line, self.where, doubt)
        self._run.summary.unproven(self.where, doubt)

    def _new_read(self, request: ReadRequest, token: Hashable) -> PagedRead[Any]:
        page_of = self.sink.page_of(self.context)
        position = None if self._run.dry else self.position
        return PagedRead(self._run.prefetcher, page_of, request, token=token, position=position)

    def _doubt(self, read: PagedRead[Any], before: SyncStatus) -> tuple[str | None, SyncStatus]:
        """Return why a read may be incomplete, None if it is proven; and the status that was seen for that."""
        doubt = read.incomplete()
        if doubt is None and not read.long:
            return None, before
        after = self._status(anew=True)
        if doubt is None and after.good_sync_id != before.good_sync_id:
            doubt = "a sync ended meanwhile"
        if doubt is None and after.kind not in SETTLED:
            doubt = f"its status became {after.current} meanwhile"
        return self._hidden_doubt(doubt, after) if self.connection.several else (doubt, after)

    def _hidden_doubt(self, doubt: str | None, after: SyncStatus) -> tuple[str | None, SyncStatus]:
        """Add what the company's status may hide: a sync of this very data set, behind one of another connection."""
        connection = self.connection
        now = self._run.history.now(connection.company_id, connection.connection_id, self.data_set.data_type)
        last = connection.last_sync or ""
        ended = (now.good_at or "") > last if self._good_id is None else now.good_id != self._good_id
        self._good_id = now.good_id or ""
        if now.under_way:
            return doubt or f"its status became {now.under_way} meanwhile", replace(after, current=now.under_way)
        return doubt or ("a sync ended meanwhile" if ended else None), after

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

    def _request(self, status: SyncStatus, order: str | None = None) -> ReadRequest:
        """Return what to ask for: without an order, the rest of an unfinished read if it still fits."""
        options, connection = self._run.options, self.connection
        old = self.sink.bookmark(self.context)
        since = (old.stamp or options.start_date) if self.sink.incremental else None
        after: Checkpoint | None = None if order else old.checkpoint
        fits = (status.good_sync_id, connection.last_sync, since, options.page_size)
        if after and (after.sync_id, after.last_sync, after.since, after.page_size) != fits:
            after = None
        chosen = order or (after.order if after else ORDERS[min(self.reads, len(ORDERS) - 1)])
        ids = connection.company_id, connection.connection_id
        return ReadRequest(*ids, self.data_set, since, chosen, options.page_size, after)

    def _refreshed(self, status: SyncStatus) -> bool:
        """Queue a sync if the data is old and one can be had; say whether one is under way now."""
        if not self._may_refresh(status) or not self._run.pending.first_refresh(self.key):
            return False
        connection, data_type = self.connection, self.data_set.data_type
        try:
            self._run.statuses.refresh(connection.company_id, connection.connection_id, data_type)
        except errors.BadRequest as exc:
            self._run.logger.info("%s: a refresh could not be queued: %s", self.where, exc.what)
            return "progress" in exc.message
        except ENDS_THE_RUN:
            raise
        except errors.CodatError as exc:
            line = "%s: a refresh could not be queued, reading what there is: %s"
            self._run.logger.warning(line, self.where, exc)
            return False
        return True

    def _may_refresh(self, status: SyncStatus) -> bool:
        old = status.older_than(self._run.options.refresh_older_than_hours, utc_now())
        return old and status.kind in SETTLED and self.connection.details.get("status") == "Linked"

    def _status(self, *, anew: bool = False) -> SyncStatus:
        return self._run.statuses.status(self.connection.company_id, self.data_set.data_type, anew=anew)

    def _set_aside(self, reason: str) -> None:
        self._reason = reason
        if not self._run.pending.set_aside(self):
            self.give_up()

    def _leave_out(self, reason: str, advice: str) -> None:
        self._run.logger.log(logging.WARNING, "%s: skipped, %s. %s", self.where, reason, advice)
        self._run.summary.left_out(self.where, reason)
