"""One visit to one data set of one connection: checked, read, proven, and what came of it said and counted.

What goes wrong at one data set stays there; only what stands in the way of all others ends the run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tap_codat_commerce import history, readiness
from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.retry import utc_now
from tap_codat_commerce.readiness import Action, Kind, Status
from tap_codat_commerce.reading import ORDERS, DataSet, NotToBeResumedError, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Record

    from tap_codat_commerce.bookmarks import Bookmark, Bookmarks, Progress
    from tap_codat_commerce.readiness import Verdict
    from tap_codat_commerce.streams import DataSetStream

ENDS_THE_RUN = (errors.WrongKey, errors.AccountLimit, errors.QuotaSpent)
SETTLED = (Kind.GOOD, Kind.FAILED)


@dataclass(frozen=True)
class Place:
    """A connection of a company, as Codat described it.

    Attributes:
        several: whether the company has other shops too, so that its data status may be that of another.
    """

    company_id: str
    connection_id: str
    connection: dict[str, Any]
    several: bool

    @property
    def context(self) -> dict[str, str]:
        """The stream context: ids only."""
        return {"companyId": self.company_id, "connectionId": self.connection_id}

    @property
    def last_sync(self) -> str | None:
        """When the connection was last synced, as a bookmark's stamp; None where the company has only this one."""
        return history.stamp(self.connection.get("lastSync")) if self.several else None


class Visit:
    """A data set, and how often it was read in this run without being proven complete."""

    def __init__(self, stream: DataSetStream, place: Place) -> None:
        """Prepare, without a request."""
        self.stream, self.tap, self.place = stream, stream.tap, place
        self.where = f"{stream.name} of company {place.company_id}, connection {place.connection_id}"
        self.reason = ""
        self._good_id: str | None = None
        self.reads = self.tap.waiting.reads_of(self)

    def records(self) -> Iterator[Record]:
        """Yield the records, if the data set may be read now.

        Raises:
            CodatError: nothing more can be read with this key, or today.
            RunError: too many data sets in a row failed.
        """
        try:
            yield from self._records()
        except errors.NotReady as exc:
            self._leave_out("Codat answered 409", str(exc))
        except ENDS_THE_RUN as exc:
            exc.at(self.where)
            raise
        except errors.CodatError as exc:
            exc.at(self.where)
            self.tap.report.failure(self.where, exc)

    def give_up(self) -> None:
        """Leave the data set out, as the time to wait for it is spent."""
        self._leave_out(self.reason, "Run again when it is complete, or raise sync_wait.")

    def _records(self) -> Iterator[Record]:
        status = self._status()
        if self._refreshed(status):
            self._set_aside("a refresh was queued")
            return
        verdict = self._judge(status)
        if verdict.action is Action.WAIT:
            self._set_aside(verdict.reason)
        elif verdict.action is Action.NOT_READY:
            self._leave_out(verdict.reason, f"{verdict.advice}.")
        elif verdict.action is Action.READ:
            yield from self._proven(status)
        else:
            self.tap.report.succeeded(verdict.action.value)

    def _judge(self, status: Status) -> Verdict:
        old = self._bookmarks.find(self.place.context)
        known = old.sync_id if self.tap.settings.skip_unchanged else None
        if known and known == status.good_sync_id and self.place.several and old.last_sync != self.place.last_sync:
            known = known if self._still_the_same(old) else None
        verdict = readiness.judge(status, self.stream.data_type, known, self.place.connection.get("linkUrl"))
        if verdict.reason and verdict.action is not Action.WAIT and verdict.action is not Action.NOT_READY:
            advice = f" {verdict.advice}." if verdict.advice else ""
            self.stream.logger.log(verdict.level, "%s: %s.%s", self.where, verdict.reason, advice)
        return verdict

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

    def _proven(self, status: Status) -> Iterator[Record]:
        """Read until a read is proven complete, each time from the same bookmark; then move that."""
        old, last_sync = self._bookmarks.find(self.place.context), self.place.last_sync
        data_set, doubt = self._data_set(status), "it was read too often"
        while self.reads < len(ORDERS):
            reading = Reading(self.tap.client, self.stream.shape, data_set)
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

    def _doubt(self, reading: Reading, before: Status) -> tuple[str | None, Status]:
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

    def _emitted(self, reading: Reading, status: Status) -> Iterator[Record]:
        """Yield the records; should the read end early, `note` knows where to go on."""
        context, state = self.place.context, self.tap.state_writer
        self._open = reading, status
        self.tap.visiting = self
        try:
            for page in self.stream.pages_of(reading):
                self.tap.report.records += len(page)
                for record in page:
                    yield {**context, **record}
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
        old = status.older_than(self.tap.settings.refresh_older_than_hours, utc_now())
        if not old or status.kind not in SETTLED or self.place.connection.get("status") != "Linked":
            return False
        if not self.tap.waiting.first_refresh(self):
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
