"""One visit to one data set of one connection: checked, read, proven, and what came of it said and counted.

What goes wrong at one data set stays there; only what stands in the way of all others ends the run.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_codat_commerce import readiness
from tap_codat_commerce.codat import errors
from tap_codat_commerce.readiness import Action, Kind, Status
from tap_codat_commerce.reading import ORDERS, DataSet, OrderChangedError, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_codat_commerce.bookmarks import Progress
    from tap_codat_commerce.readiness import Verdict
    from tap_codat_commerce.streams import DataSetStream

ENDS_THE_RUN = (errors.WrongKey, errors.AccountLimit, errors.QuotaSpent)
SETTLED = (Kind.GOOD, Kind.FAILED)


class Visit:
    """A data set, and how often it was read in this run without being proven complete."""

    def __init__(self, stream: DataSetStream, context: Context, connection: dict[str, Any]) -> None:
        """Prepare, without a request."""
        self.stream, self.tap = stream, stream.tap
        self.context, self.connection = dict(context), connection
        self.company_id, self.connection_id = context["companyId"], context["connectionId"]
        self.where = f"{stream.name} of company {self.company_id}, connection {self.connection_id}"
        self.reason = ""
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
            self.stream.logger.warning("%s The rest is read.", exc)
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
        known = self.stream.state_manager.find(self.context).sync_id if self.tap.settings.skip_unchanged else None
        verdict = readiness.judge(status, self.stream.data_type, known, self.connection.get("linkUrl"))
        if verdict.reason and verdict.action is not Action.WAIT and verdict.action is not Action.NOT_READY:
            advice = f" {verdict.advice}." if verdict.advice else ""
            self.stream.logger.log(verdict.level, "%s: %s.%s", self.where, verdict.reason, advice)
        return verdict

    def _proven(self, status: Status) -> Iterator[Record]:
        """Read until a read is proven complete, each time from the same bookmark; then move that."""
        bookmarks = self.stream.state_manager
        old = bookmarks.find(self.context)
        data_set, doubt = self._data_set(status), "it was read too often"
        while self.reads < len(ORDERS):
            reading = Reading(self.tap.client, self.stream.shape, data_set)
            try:
                yield from self._emitted(reading, status)
            except OrderChangedError:
                data_set = self._data_set(status, "id")
                continue
            except errors.NotSupported:
                if reading.pages:
                    raise
                # The company's status spoke of another connection. This one has nothing, until the next sync at least.
                self.stream.logger.info("%s: the platform does not offer it.", self.where)
                bookmarks.move(self.context, reading.bookmark(old, status))
                self.tap.report.succeeded(Action.NOT_SUPPORTED.value)
                return
            self.reads += 1
            found, after = self._doubt(reading, status)
            if found is None:
                self.stream.proven(self.context, reading.bookmark(old, status))
                self.tap.report.succeeded(Action.READ.value)
                return
            if after.kind is Kind.UNDER_WAY:
                self._set_aside(f"its sync is under way ({after.current})")
                return
            doubt, status = found, after
            bookmarks.note(self.context, None)
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
        return doubt, after

    def _emitted(self, reading: Reading, status: Status) -> Iterator[Record]:
        """Yield the records; note after each page where to go on, and let the state be written if it is time."""
        for page in self.stream.pages_of(reading):
            self.tap.report.records += len(page)
            for record in page:
                yield {**self.context, **record}
            self.tap.report.progress(self.tap.client)
            if not self.stream.in_batches and (progress := reading.progress(status)):
                self.stream.state_manager.note(self.context, progress)
                self.tap.state_writer.write_state(self.tap.state)

    def _data_set(self, status: Status, order: str | None = None) -> DataSet:
        """Return what to ask for: without an order, the rest of an unfinished read if it still fits."""
        settings, old = self.tap.settings, self.stream.state_manager.find(self.context)
        since = (old.stamp or settings.start_date) if self.stream.replication_method == "INCREMENTAL" else None
        after: Progress | None = None if order else old.progress
        if after and (after.sync_id, after.since, after.page_size) != (status.good_sync_id, since, settings.page_size):
            after = None
        chosen = order or (after.order if after else ORDERS[min(self.reads, len(ORDERS) - 1)])
        return DataSet(
            self.company_id, self.connection_id, self.stream.segment, since, chosen, settings.page_size, after
        )

    def _refreshed(self, status: Status) -> bool:
        """Queue a sync if the data is old and one can be had; say whether one is under way now."""
        old = status.older_than(self.tap.settings.refresh_older_than_hours, readiness.now())
        if not old or status.kind not in SETTLED or self.connection.get("status") != "Linked":
            return False
        if not self.tap.waiting.first_refresh(self):
            return False
        try:
            self.tap.readiness.refresh(self.company_id, self.connection_id, self.stream.data_type)
        except errors.BadRequest as exc:
            self.stream.logger.info("%s: a refresh could not be queued: %s", self.where, exc.what)
            return "progress" in exc.message
        except ENDS_THE_RUN:
            raise
        except errors.CodatError as exc:
            self.stream.logger.warning("%s: a refresh could not be queued, reading what there is: %s", self.where, exc)
            return False
        return True

    def _status(self, *, anew: bool = False) -> Status:
        return self.tap.readiness.status(self.company_id, self.stream.data_type, anew=anew)

    def _set_aside(self, reason: str) -> None:
        self.reason = reason
        if not self.tap.waiting.set_aside(self):
            self.give_up()

    def _leave_out(self, reason: str, advice: str) -> None:
        self.stream.logger.log(logging.WARNING, "%s: skipped, %s. %s", self.where, reason, advice)
        self.tap.report.left_out(self.where, reason)
