"""What came of a run: counted while it goes on, summed up at its end."""

from __future__ import annotations

import logging
import time
from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.redaction import clean
from tap_codat_commerce.sync.findings import Findings
from tap_codat_commerce.sync.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.codat.errors import CodatError

SECONDS_BETWEEN_LINES = 10.0
WIDTH = 100
"""Characters of a line of the summary."""
GAP = "  "

logger = logging.getLogger("tap-codat-commerce")


class RunError(Exception):
    """The run did not do all that it should; the message is one line."""

    def __init__(self, message: str) -> None:
        """Keep the message, without the key: it names what Codat has named."""
        super().__init__(clean(message))


class RecordError(RunError):
    """A record can't be written as it should be: its data set fails, the others are read."""


class RunSummary:
    """Counts of one run, and the lines made of them."""

    def __init__(self, client: Client, shard: str = "") -> None:
        """Begin now; `shard` is which of several this run reads, for people."""
        self._client, self._shard = client, shard
        self._began = self._last_line = time.monotonic()
        self.companies = self.companies_done = self.connections = self.left_old = 0
        self.records_of: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.filtered: Counter[str] = Counter()
        self.findings = Findings()
        self.failed: dict[str, str] = {}
        self.unread: list[str] = []
        self._said: set[Hashable] = set()
        self._outage = Outage(client)

    @property
    def records(self) -> int:
        """How many records came, those of reads that were not proven included."""
        return self.records_of.total()

    def log_scope(self, connections: int, streams: int) -> None:
        """Log what is to be read."""
        line = "Reading %d streams%s: companies %d, connections %d."
        logger.info(line, streams, self._shard and f" of {self._shard}", self.companies, connections)

    def succeeded(self, outcome: str) -> None:
        """Count a data set that was read, unchanged or not supported."""
        self.outcomes[outcome] += 1
        if outcome == "read":
            self._outage.read()

    def left_out(self, data_set: str, place: str, reason: str, advice: str) -> None:
        """Count a data set that could not be read yet; `place` names company and connection, here and below."""
        self.outcomes["not ready"] += 1
        self.findings.add(f"Not ready: {reason}. {advice}.", place, data_set)

    def not_refreshed(self, data_set: str, place: str, error: CodatError) -> None:
        """Say that a sync of a data set could not be queued; of errors that are alike, the first in full."""
        line = str(error.at(f"{data_set} of {place}"))
        alike = ("refresh", type(error), getattr(error, "status", None))
        if alike not in self._said:
            self._said.add(alike)
            logger.warning("A refresh could not be queued: %s", line)
        logger.debug("%s", line)
        self.findings.add("A refresh could not be queued (see above), what is there is read.", place, data_set)

    def unproven(self, data_set: str, place: str, doubt: str) -> None:
        """Say and count that no read of a data set could be proven complete."""
        what = f"what came may be incomplete, as {doubt}"
        logger.warning("%s of %s: %s. The next run reads it again.", data_set, place, what)
        self.outcomes["failed"] += 1
        self.failed[f"{data_set} of {place}"] = what

    def unreadable(self, where: str, why: str, advice: str = "report this to Codat") -> None:
        """Say and count that something in Codat's answers can't be read; the rest of the answer is."""
        logger.warning("%s can't be read: %s. The rest is read; %s.", where, why, advice)
        self.unread.append(f"{where} ({why})")

    def company_done(self, company_id: str) -> None:
        """Count a company that was gone through."""
        self.companies_done += 1
        self._outage.company_done(company_id)

    def unwritten(self, data_set: str, place: str, error: RecordError) -> None:
        """Say and count that a record of what came can't be written; without a connection `place` names a company."""
        where = f"{data_set} of {place}"
        line = f"{where}: {error}"
        self.outcomes["failed"] += 1
        self.failed[where] = line
        self._say(line, place, data_set, alike=(data_set, type(error)))

    def _say(self, line: str, place: str, data_set: str, *, alike: Hashable) -> None:
        """Say that a data set failed; of those that failed in the same way, the first in full, the others by name."""
        if alike in self._said:
            logger.debug("%s", line)
            self.findings.add("Failed in the same way (see above).", place, data_set)
        else:
            self._said.add(alike)
            logger.warning("%s The rest is read.", line)

    def failure(self, data_set: str, place: str, company_id: str, error: CodatError) -> None:
        """Say and count that a data set failed.

        Raises:
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        where = f"{data_set} of {place}"
        line = str(error.at(where))
        self.outcomes["failed"] += 1
        if self._outage.trouble(company_id, error):
            left = self.companies - self.companies_done
            msg = f"Codat or the network has trouble, and {left} companies are not read, or not wholly: {line}"
            raise RunError(msg)
        self.failed[where] = line
        if error.where == where:
            message = getattr(error, "message", "")
            self._say(line, place, data_set, alike=(place, type(error), message))
            return
        if line not in self._said:
            self._said.add(line)
            logger.warning("%s The rest is read.", line)
        self.findings.add(f"Not read, as {error.where} failed (see above).", place, data_set)

    def log_progress(self) -> None:
        """Log how far the run is, if it is time."""
        now = time.monotonic()
        if now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        if not self.companies:
            logger.info("The list of companies is being read, %d requests so far.", self._client.requests)
            return
        trouble = "".join(f", {self.outcomes[o]} {o}" for o in ("not ready", "failed") if self.outcomes[o])
        logger.info(
            "%d of %d companies done, %d records, %d requests (%.0f a minute)%s.",
            self.companies_done,
            self.companies,
            self.records,
            self._client.requests,
            60 * self._client.requests / (now - self._began),
            trouble,
        )

    def log(self) -> None:
        """Log the summary."""
        seconds, left = time.monotonic() - self._began, self._client.quota.remaining
        about_the_run = [
            f"companies {self.companies_done} of {self.companies}",
            f"connections {self.connections}",
            f"requests {self._client.requests}",
            *([] if left is None else [f"left today {left}"]),
            f"seconds {seconds:.1f}",
            *([self._shard] if self._shard else []),
        ]
        about_data_sets = [
            f"data sets: read {self.outcomes['read']}",
            *(
                f"{outcome} {self.outcomes[outcome]}"
                for outcome in ("unchanged", "not ready", "failed", "not supported")
            ),
            f"records {self.records}",
        ]
        for line in _columns(about_the_run, about_data_sets):
            logger.info("%s", line)
        if self.records:
            logger.info("records: %s", "  ".join(f"{name} {number}" for name, number in self.records_of.most_common()))
        if self.filtered.total():
            filtered = "  ".join(f"{name} {number}" for name, number in self.filtered.items() if number)
            logger.info("not read, as stream_maps filter them out: %s", filtered)
        if self.left_old:
            logger.info("not refreshed, as no more refreshes were asked for: %s", _count(self.left_old, "data set"))
        logger.debug("summary %s", lossless_json.encode(self.as_json()).decode())

    def as_json(self) -> dict[str, Any]:
        """Return the summary for machines."""
        return {
            "companies": self.companies,
            "companies_done": self.companies_done,
            "connections": self.connections,
            "data_sets": dict(self.outcomes),
            "findings": self.findings.as_json(),
            "failed": self.failed,
            "filtered": dict(self.filtered),
            "not_refreshed": self.left_old,
            "unreadable": self.unread,
            "records": dict(self.records_of),
            "requests": self._client.requests,
            "quota_remaining": self._client.quota.remaining,
            "seconds": round(time.monotonic() - self._began, 3),
        }

    def check(self, *, fail_if_not_ready: bool) -> None:
        """Say whether the run did all that it should.

        Raises:
            RunError: data sets failed, or entries could not be read; or were not ready, if that is to fail.
        """
        lines = []
        if self.failed:
            failed = _count(len(self.failed), "data set")
            lines.append(f"{failed} failed (see above). The next run reads them from where they were.")
        if self.unread:
            lines.append(f"{_count(len(self.unread), 'entry')} of Codat's answers can't be read (see above).")
        if fail_if_not_ready and (number := self.outcomes["not ready"]):
            lines.append(f"{_count(number, 'data set')} not ready (see above), and on_not_ready is fail.")
        if lines:
            raise RunError(" ".join(lines))


def _count(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number} {what if number == 1 else {'entry': 'entries'}.get(what, f'{what}s')}"


def _columns(*rows: list[str]) -> list[str]:
    """Return rows with their columns aligned, or side by side where that would be too wide."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    aligned = [GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return aligned if max(map(len, aligned)) <= WIDTH else [GAP.join(row) for row in rows]
