"""One data set of one connection in one run: checked, read and proven.

What goes wrong at one data set stays there; only what stands in the way of all others ends the run.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors
from tap_codat_commerce.records import dates
from tap_codat_commerce.sync import data_status, proof
from tap_codat_commerce.sync.data_status import Action, Kind, SyncStatus
from tap_codat_commerce.sync.outcome import Outcome
from tap_codat_commerce.sync.paged_read import CannotResumeError
from tap_codat_commerce.sync.proof import Seen
from tap_codat_commerce.sync.refreshes import Refresh

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Iterator

    from tap_codat_commerce.codat.prefetcher import Position
    from tap_codat_commerce.records.record_pages import RecordPage
    from tap_codat_commerce.sync.bookmark import Bookmark
    from tap_codat_commerce.sync.company_selection import ConnectionRef
    from tap_codat_commerce.sync.data_set import Context, SelectedDataSet
    from tap_codat_commerce.sync.data_status import Verdict
    from tap_codat_commerce.sync.options import SyncOptions
    from tap_codat_commerce.sync.paged_read import PagedRead, ReadRequest
    from tap_codat_commerce.sync.pending_syncs import PendingSyncs
    from tap_codat_commerce.sync.pre_sync_check import PreSyncCheck
    from tap_codat_commerce.sync.proof import Read
    from tap_codat_commerce.sync.reader import Reader
    from tap_codat_commerce.sync.refreshes import Refreshes
    from tap_codat_commerce.sync.run_summary import RecordError, RunSummary

READS = 3
"""How often a data set is read before it counts as failed."""
WAIT_LONGER = "Run again when it is complete, or raise sync_wait"
SHOWN = 10
"""Records that can't be read, which are named."""

logger = logging.getLogger("tap-codat-commerce")


class DataSetSync:
    """A data set of a connection, from its check to its bookmark.

    If it `is_due`, its `pages` are written. When all of its company have been, its status is looked at again: then the
    read is `proven` or not. The row of a proven read is written, and the bookmark moves.

    Attributes:
        name: the data set's, as is `data_type`.
        key: what tells it from other data sets.
        connection: of which one.
        position: when its answers are needed, among those of all others.
        check: how it stands.
        reads: how often it was read in this run without being proven complete.
        proven: its bookmark after a read that was proven; None before, or if it could not be.
    """

    def __init__(  # noqa: PLR0913 - which data set it is, and the parts of the run that it needs
        self,
        selected: SelectedDataSet,
        connection: ConnectionRef,
        number: int,
        check: PreSyncCheck,
        *,
        reader: Reader,
        summary: RunSummary,
        pending: PendingSyncs[DataSetSync],
        refreshes: Refreshes,
        options: SyncOptions,
    ) -> None:
        """Prepare, without a request; `number` is its place among the data sets of a connection."""
        self._selected, self.connection, self.check = selected, connection, check
        self._bookmarks = selected.bookmarks
        self.name, self.data_type = selected.data_set.name, selected.data_set.data_type
        self.key: Hashable = (self.name, connection.connection_id)
        self.position: Position = (connection.number, connection.index, number)
        self._reader, self._summary, self._options, self._pending = reader, summary, options, pending
        self._outcome = Outcome(self.name, connection, summary)
        self._refresh = Refresh(refreshes, connection, self.data_type, self.position, self._outcome)
        self._whole, self._status = False, SyncStatus()
        self._open: tuple[PagedRead[Any], Seen] | None = None
        self._done: tuple[PagedRead[Any], Seen, Bookmark] | None = None
        self.reads = 0
        self.proven: Bookmark | None = None

    @property
    def where(self) -> str:
        """Which data set it is, for people."""
        return self._outcome.where

    @property
    def context(self) -> Context:
        """The connection's stream context."""
        return self.connection.context

    @property
    def is_new(self) -> bool:
        """Whether the data set was never read before."""
        return self._bookmarks.is_new(self.context)

    # Before the read

    def is_due(self) -> bool:
        """Say whether the data set is to be read now; if not, log and count why.

        What is unchanged and old is refreshed. What is due is read before that, see `refresh`.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        is_due = False
        with self._contained():
            status = self.check.status()
            verdict = self.check.verdict(status)
            if self._is_old(verdict, status) or self._refresh.is_refused(status):
                self._is_refreshed(status)
            if self._refresh.is_awaited(status):
                self._wait(self._refresh.awaits)
            elif status != self._status or not self._outcome.is_good:  # else it was read as it is
                is_due = self._acts_on(verdict, status)
        return is_due

    def prefetch_refresh(self) -> None:
        """Ask ahead for what `refresh` will ask for."""
        if self._outcome.is_good and self._refresh.is_due(self._status):
            self._refresh.prefetch()

    def refresh(self) -> None:
        """Have Codat sync what has been read, if that is old; then it is set aside, and read again.

        Were that done before the read, a sync that outlasts the time to wait would keep out what there is, each night.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        with self._contained():
            if self._outcome.is_good and self._is_refreshed(self._status):
                self._wait(self._refresh.awaits)
                self.reads, self.proven = 0, None

    def prefetch(self, status: SyncStatus) -> Hashable:
        """Ask ahead for what is sure to be asked for, a refresh or a page; return the token, None if nothing is."""
        verdict = self.check.verdict(status)
        if self._is_old(verdict, status):
            return self._refresh.prefetch()
        is_read = verdict.action is Action.READ and not self._refresh.is_awaited(status)
        if not (is_read and self.check.is_settled(status) and self.check.is_plain(status)):
            return None
        token = self._token(status)
        self._request(self.check.trusted(status), status).prefetch(self._reader.prefetcher, token, self.position)
        return token

    def _acts_on(self, verdict: Verdict, status: SyncStatus) -> bool:
        if verdict.reason:
            logger.debug("%s: %s.", self.where, verdict.reason)
        if verdict.stale_since:
            self._outcome.report(f"Stale: {verdict.reason}. {verdict.advice}.", f"since {verdict.stale_since}")
        match verdict.action:
            case Action.READ:
                self._refresh.end()
                settles_in = proof.settles_in(status, self._reader.now())
                if not self.check.is_settled(status) and self._pending.set_aside(self, settles_in):
                    return False
                self._status = status
                return True
            case Action.WAIT:
                if status.certain:
                    self._refresh.begins()
                self._wait(verdict.reason)
            case Action.NOT_READY:
                self._outcome.left_out(verdict.reason, verdict.advice)
            case Action.NOT_SUPPORTED:
                self._outcome.succeeded(Action.NOT_SUPPORTED)
            case Action.UNCHANGED:
                self._move_to(self.check.as_unchanged(status))
                action = Action.NOT_SUPPORTED if self.check.bookmark.not_supported else Action.UNCHANGED
                self._outcome.succeeded(action)
        return False

    def _wait(self, reason: str) -> None:
        """Set the data set aside; if there is no time left, say for what it has not waited.

        What was read before the run had it synced is not missing, but it is older than wanted.
        """
        if self._pending.set_aside(self):
            return
        if self._refresh.is_open:
            self._outcome.succeeded(Action.UNCHANGED)
            self._outcome.report(f"Not refreshed: {self._refresh.awaits}. {WAIT_LONGER}.")
        else:
            self._outcome.left_out(reason, WAIT_LONGER)

    def _is_old(self, verdict: Verdict, status: SyncStatus) -> bool:
        """Say whether what is there was read before, and a sync of it is to be queued."""
        may_be = not self.check.bookmark.not_supported and not self._is_kept_back(status)
        return verdict.action is Action.UNCHANGED and may_be and self._refresh.is_due(status)

    def _is_kept_back(self, status: SyncStatus) -> bool:
        """Say whether Codat would refuse a sync again, as another one of the company shows to be under way."""
        return self._refresh.is_refused(status) and self.check.is_company_under_way

    def _is_refreshed(self, status: SyncStatus) -> bool:
        """Have Codat sync the data set if it is old; say whether that is to be waited for."""
        if self._is_kept_back(status):
            return True
        if not (self._refresh.is_due(status) and self._refresh.queue(status)):
            return False
        if self._refresh.sync_id and self.check.bookmark.read:
            self._move_to(replace(self.check.bookmark, queued=self._refresh.sync_id))
        return True

    # The read

    def pages(self) -> Generator[RecordPage[Any], None, None]:
        """Yield the pages of a data set that is due.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        with self._contained():
            while not (yield from self._read()):
                pass

    def note_checkpoint(self) -> None:
        """Note in the state how far the read came whose pages are being handed over."""
        if self._open and self._open[0].pages > 1 and self._selected.resumable:
            read, seen = self._open
            self._bookmarks.note(self.context, read.checkpoint(seen.status, seen.asked_at))

    def fail(self, error: RecordError) -> None:
        """Log and count that what came can't be written. The bookmark stays; the next read begins anew from there."""
        self._done = None
        self._bookmarks.note(self.context, None)
        self._outcome.unwritten(error)

    def _read(self) -> Generator[RecordPage[Any], None, bool]:
        """Yield the pages of one read; say whether there is nothing more to be tried."""
        status = self._status
        old, token = self.check.trusted(status), self._token(status)
        request = self._request(old, status)
        asked_at = request.after.asked_at if request.after else self.check.asked_at
        seen = Seen(status, asked_at, self.check.mark(status))
        read = self._reader.read(self._selected, request, token, self.position)
        logger.debug("Reading %s: %s.", self.where, request.query or "all of it")
        try:
            yield from self._handed_over(read, seen)
        except CannotResumeError:
            self._bookmarks.note(self.context, None)
            return False
        except errors.BadRequest as exc:
            if not self._reader.refuses_order(read, exc):
                raise
            return False
        except errors.NotSupported:
            if read.pages:
                raise
            self._not_supported(status)
        else:
            self._done = read, seen, old
        finally:
            self._reader.prefetcher.drop(token)
        return True

    def _handed_over(self, read: PagedRead[Any], seen: Seen) -> Iterator[RecordPage[Any]]:
        """Yield the pages; however that ends, note how far: also a read of all pages is not proven yet."""
        self._open = read, seen
        try:
            for page in read.record_pages():
                self._summary.records_of[self.name] += len(page.ids)
                yield page
                self._summary.log_progress()
        finally:
            self.note_checkpoint()
            self._open = None

    def _request(self, old: Bookmark, status: SyncStatus) -> ReadRequest:
        return self._reader.request(self._selected, self.connection, old, status, reads=self.reads, whole=self._whole)

    # After the read

    @property
    def is_read(self) -> bool:
        """Whether it was read, and that has to be proven."""
        return self._done is not None

    def look_again(self) -> bool:
        """Look whether the read is proven, when its company's status was forgotten; say whether to read it again.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        again = False
        with self._contained():
            again = self._is_doubtful()
        self._done = None
        return again

    def conclude(self) -> None:
        """Move the bookmark: all that came is out, the row of the read included."""
        if self.proven:
            self._move_to(self.proven)

    def _is_doubtful(self) -> bool:
        if self._done is None:
            return False
        read, seen, old = self._done
        result, self.reads = read.result(), self.reads + 1
        nothing = not (result.miscounted or result.no_data) and self._reader.query_check.finds_nothing(
            self.where, read.request.path, result, old.stamp
        )
        self._whole = self._whole or nothing
        looked_at, self._status = self._reader.now(), self.check.status_after()
        doubt = proof.doubt(result, seen.status, self._status, query_finds_nothing=nothing)
        if doubt is None:
            self._accept(result, seen, old, looked_at)
            return False
        self._bookmarks.note(self.context, None)
        if self._status.kind is not Kind.UNDER_WAY and self.reads >= READS:
            self._outcome.unproven(doubt)
            return False
        logger.debug("%s: reading it again, as %s.", self.where, doubt)
        self._outcome.report(f"Read again, as {doubt}.", level=logging.INFO)
        return True

    def _accept(self, read: Read, seen: Seen, old: Bookmark, looked_at: str) -> None:
        """Say what follows from a read that was proven, if there is nothing else against it.

        Raises:
            UnreadableRecords: some of the records can't be read.
        """
        if read.unreadable:
            what = f"{len(read.unreadable)} of its records can't be read: {'; '.join(read.unreadable[:SHOWN])}"
            raise errors.UnreadableRecords(what)
        if read.no_data and self._had_data:
            self._outcome.left_out("Codat says that it has no data, though it had some", "Run again")
            return
        if read.duplicates:
            self._outcome.report(
                "Codat holds records twice. Targets that upsert keep one row of each.", f"({read.duplicates})"
            )
        if read.unstamped:
            self._outcome.report("Read whole each time: a record has no modifiedDate.", level=logging.INFO)
        self._outcome.succeeded(Action.READ)
        if proof.may_still_arrive(read, seen):
            self._outcome.report(
                "No data, says Codat, after a sync that failed or has just ended: asked again.", level=logging.INFO
            )
        elif not proof.is_settled(seen.status, seen.asked_at):
            self._outcome.report("Read again by the next run: the sync had just ended.", level=logging.INFO)
        else:
            told = proof.last_read(read, seen, ended_at=dates.now(), looked_at=looked_at)
            keeps = self._options.full_read_every_days is not None
            self.proven = proof.next_bookmark(read, seen, old, told, start=self._start, keeps_full_reads=keeps)

    @property
    def _start(self) -> str | None:
        """Since when records are wanted, if the data set was never read."""
        return self._options.start_date if self._selected.incremental else None

    @property
    def _had_data(self) -> bool:
        """Whether there was data before; by the bookmark as it stands, trusted or not."""
        return proof.had_data(self.check.bookmark, self._start)

    def _token(self, status: SyncStatus) -> Hashable:
        """Return what stands for the read that is next.

        What was asked ahead is used only if the data set's status is still the one that it was asked under. Otherwise
        a bookmark could get the id of a sync that ended after the records had come.
        """
        return (self.key, status, self.reads)

    # What goes wrong

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Keep what goes wrong at this data set from the others."""
        try:
            yield
        except errors.NotReady as exc:
            self._not_ready(exc)
        except errors.EndsTheRun as exc:
            exc.at(self.where)
            raise
        except errors.CodatError as exc:
            exc.at(self.where)
            self._outcome.failed(exc)

    def _not_ready(self, error: errors.NotReady) -> None:
        """Leave the data set out by its own word; if its status knows more of the reason, by that."""
        if self._status.kind is Kind.FAILED and not self._status.certain:
            self._outcome.left_out(*data_status.why_not_ready(self._status))
        else:
            logger.debug("%s", error.at(self.where))
            self._outcome.left_out("Codat answered 409", error.advice.removesuffix("."))

    def _not_supported(self, status: SyncStatus) -> None:
        """Take the data set's own word that its platform does not offer it: the status spoke of another connection."""
        logger.debug("%s: the platform does not offer it.", self.where)
        if self._had_data:
            self._outcome.left_out("Codat says that the platform does not offer it, though it had some", "Run again")
            return
        self._move_to(self.check.as_not_supported(status))
        self._outcome.succeeded(Action.NOT_SUPPORTED)

    def _move_to(self, bookmark: Bookmark) -> None:
        if bookmark is not self.check.bookmark:
            self._bookmarks.move(self.context, bookmark)
            self.check.bookmark = bookmark
