"""One visit to one data set of one connection: checked, read, proven, and what came of it said and counted.

What goes wrong at one data set stays there; only what stands in the way of all others ends the run.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_codat_commerce import readiness
from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.ahead import ENDS_THE_RUN
from tap_codat_commerce.codat.retry import utc_now
from tap_codat_commerce.readiness import Action, Kind, Status
from tap_codat_commerce.reading import ORDERS, DataSet, NotToBeResumedError, Reading

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from tap_codat_commerce.bookmarks import Bookmark, Bookmarks, Progress
    from tap_codat_commerce.codat.ahead import Position
    from tap_codat_commerce.readiness import Verdict
    from tap_codat_commerce.rows import Rows
    from tap_codat_commerce.scope import Place
    from tap_codat_commerce.streams import DataSetStream

SETTLED = (Kind.GOOD, Kind.FAILED)


class Visit:
    """A data set, and how often it was read in this run without being proven complete."""

    def __init__(self, stream: DataSetStream, place: Place) -> None:
        """Prepare, without a request."""
        self.stream, self.tap, self.place = stream, stream.tap, place
        self.reason = ""
        self._good_id: str | None = None
        self._status_read = Status()
        self.reads = self.tap.waiting.reads_of(self)

    @property
    def where(self) -> str:
        """What is visited, for people."""
        return f"{self.stream.name} of company {self.place.company_id}, connection {self.place.connection_id}"

    @property
    def position(self) -> Position:
        """When its answers are needed, among those of all others."""
        return (self.place.number, self.place.index, self.stream.number)

    @property
    def is_first(self) -> bool:
        """Whether the data set was never read before."""
        return self._bookmarks.is_new(self.place.context)

    def is_due(self) -> bool:
        """Say whether the data set is to be read now; if not, say and count why.

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
                self.tap.report.succeeded(verdict.action.value)
        return False

    def rows(self) -> Iterator[Rows[Any]]:
        """Yield the rows of a data set that is due, page by page.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: too many data sets in a row failed.
        """
        with self._contained():
            yield from self._proven(self._status_read)

    def look_ahead(self, status: Status) -> Hashable:
        """Ask ahead for what `rows` will begin with, if it is sure to be read; return the token, None if it is not."""
        place = self.place
        if self._may_refresh(status):
            return None
        old, known, may_hide = self._read_before(status)
        if may_hide:
            if old.last_sync is not None:
                self.tap.history.offer(place.company_id, place.connection_id, old.last_sync, self.position)
            return None
        if readiness.judge(status, self.stream.data_type, known, None).action is not Action.READ:
            return None
        token = self._token(status)
        self.stream.offer(self._data_set(status), token, self.position)
        return token

    def give_up(self) -> None:
        """Leave the data set out, as the time to wait for it is spent."""
        self._leave_out(self.reason, "Run again when it is complete, or raise sync_wait.")

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
            self.tap.report.failure(self.where, exc)

    def _token(self, status: Status) -> Hashable:
        """Return what stands for the read that is next.

        What was asked ahead is used only if the data set's status is still the one that it was asked under. Otherwise
        a bookmark could get the id of a sync that ended after the records had come.
        """
        return (self.stream.name, self.place.connection_id, status, self.reads)

    def _judge(self, status: Status) -> Verdict:
        old, known, may_hide = self._read_before(status)
        if may_hide:
            known = known if self._still_the_same(old) else None
        verdict = readiness.judge(status, self.stream.data_type, known, self.place.connection.get("linkUrl"))
        if verdict.reason and verdict.action is not Action.WAIT and verdict.action is not Action.NOT_READY:
            advice = f" {verdict.advice}." if verdict.advice else ""
            self.stream.logger.log(verdict.level, "%s: %s.%s", self.where, verdict.reason, advice)
        return verdict

    def _read_before(self, status: Status) -> tuple[Bookmark, str | None, bool]:
        """Return the bookmark, the sync it knows as read, and whether another one may hide behind that."""
        old = self._bookmarks.find(self.place.context)
        known = old.sync_id if self.tap.settings.skip_unchanged else None
        same = known is not None and known == status.good_sync_id
        return old, known, same and self.place.several and old.last_sync != self.place.last_sync

    def _still_the_same(self, old: Bookmark) -> bool:
        """Say whether no sync of this very data set hides behind one of another connection, and remember that."""
        place = self.place
        since = old.last_sync
        if since is None or self.stream.data_type in self.tap.history.synced_since(
            place.company_id, place.connection_id, since
        ):
            return False
        self._bookmarks.move(place.context, replace(old, last_sync=place.last_sync))
        return True

    def _proven(self, status: Status) -> Iterator[Rows[Any]]:
        """Read until a read is proven complete, each time from the same bookmark; then move that."""
        old, last_sync = self._bookmarks.find(self.place.context), self.place.last_sync
        data_set, doubt = self._data_set(status), "it was read too often"
        while self.reads < len(ORDERS):
            token = self._token(status)
            rows = self.stream.rows_of(self.place.context)
            position = self.position if self.tap.lookahead.enabled else None
            reading: Reading[Any] = Reading(self.tap.ahead, rows, data_set, token=token, position=position)
            try:
                yield from self._emitted(reading, status)
            except NotToBeResumedError:
                data_set = self._data_set(status, "id")
                continue
            except errors.NotSupported:
                if reading.pages:
                    raise
                # The company's status spoke of another connection. This one has nothing, until the next sync at least.
                self.stream.logger.info("%s: the platform does not offer it.", self.where)
                self._bookmarks.move(self.place.context, reading.bookmark(old, status, last_sync))
                self.tap.report.succeeded(Action.NOT_SUPPORTED.value)
                return
            finally:
                self.tap.ahead.drop(token)
            self.reads += 1
            found, after = self._doubt(reading, status)
            if found is None:
                self.stream.proven(self.place.context, reading.bookmark(old, status, last_sync))
                self.tap.report.succeeded(Action.READ.value)
                return
            self._bookmarks.note(self.place.context, None)
            if after.kind is Kind.UNDER_WAY:
                self._set_aside(f"its sync is under way ({after.current})")
                return
            doubt, status = found, after
            data_set = self._data_set(status, ORDERS[min(self.reads, len(ORDERS) - 1)])
            if self.reads < len(ORDERS):
                self.stream.logger.info("%s: reading it again, as %s.", self.where, doubt)
        line = "%s: what came may be incomplete, as %s. The next run reads it again."
        self.stream.logger.warning(line, self.where, doubt)
        self.tap.report.unproven(self.where, doubt)

    def _doubt(self, reading: Reading[Any], before: Status) -> tuple[str | None, Status]:
        """Return why a read may be incomplete, None if it is proven; and the status that was seen for that."""
        doubt = reading.incomplete()
        if doubt is None and not reading.long:
            return None, before
        after = self._status(anew=True)
        if doubt is None and after.good_sync_id != before.good_sync_id:
            doubt = "a sync ended meanwhile"
        if doubt is None and after.kind not in SETTLED:
            doubt = f"its status became {after.current} meanwhile"
        return self._hidden_doubt(doubt, after) if self.place.several else (doubt, after)

    def _hidden_doubt(self, doubt: str | None, after: Status) -> tuple[str | None, Status]:
        """Add what the company's status may hide: a sync of this very data set, behind one of another connection."""
        place = self.place
        now = self.tap.history.now(place.company_id, place.connection_id, self.stream.data_type)
        ended = (now.good_at or "") > (place.last_sync or "") if self._good_id is None else now.good_id != self._good_id
        self._good_id = now.good_id or ""
        if now.under_way:
            return doubt or f"its status became {now.under_way} meanwhile", replace(after, current=now.under_way)
        return doubt or ("a sync ended meanwhile" if ended else None), after

    def _emitted(self, reading: Reading[Any], status: Status) -> Iterator[Rows[Any]]:
        """Yield the rows; should the read end early, `note` knows where to go on."""
        state = self.tap.state_writer
        self._open = reading, status
        self.tap.visiting = self
        try:
            for rows in self.stream.pages_of(reading):
                self.tap.report.records += len(rows.ids)
                yield rows
                self.tap.report.progress(self.tap.client)
                if state.due:
                    self.note()
                    state.write_state(self.tap.state)
        except errors.CodatError:
            self.note()
            raise
        self.tap.visiting = None

    def note(self) -> None:
        """Note in the state how far the read came whose records are being yielded."""
        reading, status = self._open
        if reading.pages > 1 and not self.stream.in_batches:
            self._bookmarks.note(self.place.context, reading.progress(status, self.place.last_sync))

    def _data_set(self, status: Status, order: str | None = None) -> DataSet:
        """Return what to ask for: without an order, the rest of an unfinished read if it still fits."""
        settings, place = self.tap.settings, self.place
        old = self._bookmarks.find(place.context)
        since = (old.stamp or settings.start_date) if self.stream.replication_method == "INCREMENTAL" else None
        after: Progress | None = None if order else old.progress
        fits = (status.good_sync_id, place.last_sync, since, settings.page_size)
        if after and (after.sync_id, after.last_sync, after.since, after.page_size) != fits:
            after = None
        chosen = order or (after.order if after else ORDERS[min(self.reads, len(ORDERS) - 1)])
        segment, size = self.stream.segment, settings.page_size
        return DataSet(place.company_id, place.connection_id, segment, since, chosen, size, after)

    def _refreshed(self, status: Status) -> bool:
        """Queue a sync if the data is old and one can be had; say whether one is under way now."""
        if not self._may_refresh(status) or not self.tap.waiting.first_refresh(self):
            return False
        try:
            self.tap.readiness.refresh(self.place.company_id, self.place.connection_id, self.stream.data_type)
        except errors.BadRequest as exc:
            self.stream.logger.info("%s: a refresh could not be queued: %s", self.where, exc.what)
            return "progress" in exc.message
        except ENDS_THE_RUN:
            raise
        except errors.CodatError as exc:
            self.stream.logger.warning("%s: a refresh could not be queued, reading what there is: %s", self.where, exc)
            return False
        return True

    def _may_refresh(self, status: Status) -> bool:
        old = status.older_than(self.tap.settings.refresh_older_than_hours, utc_now())
        return old and status.kind in SETTLED and self.place.connection.get("status") == "Linked"

    @property
    def _bookmarks(self) -> Bookmarks:
        return self.stream.state_manager

    def _status(self, *, anew: bool = False) -> Status:
        return self.tap.readiness.status(self.place.company_id, self.stream.data_type, anew=anew)

    def _set_aside(self, reason: str) -> None:
        self.reason = reason
        if not self.tap.waiting.set_aside(self):
            self.give_up()

    def _leave_out(self, reason: str, advice: str) -> None:
        self.stream.logger.log(logging.WARNING, "%s: skipped, %s. %s", self.where, reason, advice)
        self.tap.report.left_out(self.where, reason)
