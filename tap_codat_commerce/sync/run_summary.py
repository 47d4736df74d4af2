"""What came of a run: counted while it goes on, summed up at its end."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.redaction import clean
from tap_codat_commerce.sync.outage import Outage

if TYPE_CHECKING:
    import logging

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.codat.errors import CodatError

SECONDS_BETWEEN_LINES = 10.0
SHOWN = 10
"""Data sets that are named of each reason in the summary; each was named in a line of its own before."""


class RunError(Exception):
    """The run did not do all that it should; the message is one line."""

    def __init__(self, message: str) -> None:
        """Keep the message, without the key: it names what Codat has named."""
        super().__init__(clean(message))


class RecordError(RunError):
    """A record can't be written as it should be: its data set fails, the others are read."""


class RunSummary:
    """Counts of one run, and the lines made of them."""

    def __init__(self, client: Client, logger: logging.Logger) -> None:
        """Begin now."""
        self._client, self._logger = client, logger
        self._began = self._last_line = time.monotonic()
        self.companies = self.companies_done = self.connections = self.records = 0
        self.outcomes: Counter[str] = Counter()
        self.not_ready: defaultdict[str, list[str]] = defaultdict(list)
        self.failed: dict[str, str] = {}
        self.unread: list[str] = []
        self._outage = Outage(client)

    def succeeded(self, outcome: str) -> None:
        """Count a data set that was read, unchanged or not supported."""
        self.outcomes[outcome] += 1
        if outcome == "read":
            self._outage.read()

    def left_out(self, where: str, reason: str) -> None:
        """Count a data set that could not be read yet."""
        self.outcomes["not ready"] += 1
        self.not_ready[reason].append(where)

    def unproven(self, where: str, doubt: str) -> None:
        """Count a data set of which no read could be proven complete."""
        self.outcomes["failed"] += 1
        self.failed[where] = f"what came may be incomplete, as {doubt}"

    def unreadable(self, where: str, why: str) -> None:
        """Say and count that something in Codat's answers can't be read; the rest of the answer is."""
        self._logger.warning("%s can't be read: %s. The rest is read; report this to Codat.", where, why)
        self.unread.append(f"{where} ({why})")

    def company_done(self, company_id: str) -> None:
        """Count a company that was gone through."""
        self.companies_done += 1
        self._outage.company_done(company_id)

    def failure(self, where: str, company_id: str, error: CodatError | RecordError) -> None:
        """Say and count that a data set failed.

        Raises:
            RunError: so many companies are in trouble that Codat or the network must be.
        """
        self._logger.warning("%s The rest is read.", error)
        self.outcomes["failed"] += 1
        self.failed[where] = str(error)
        if not isinstance(error, RecordError) and self._outage.trouble(company_id, error):
            left = self.companies - self.companies_done
            msg = f"Codat or the network has trouble, and {left} companies are not read, or not wholly: {error}"
            raise RunError(msg)

    def log_progress(self) -> None:
        """Log how far the run is, if it is time."""
        now = time.monotonic()
        if now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        self._logger.info(
            "%d of %d companies done, %d records, %d requests (%.0f a minute).",
            self.companies_done,
            self.companies,
            self.records,
            self._client.requests,
            60 * self._client.requests / (now - self._began),
        )

    def log(self) -> None:
        """Log the summary."""
        quota = self._client.quota
        left = "" if quota.remaining is None else f" ({quota.remaining} of the day's {quota.limit} are left)"
        outcomes = ", ".join(f"{self.outcomes[o]} {o}" for o in ("read", "unchanged", "not ready", "failed"))
        for reason, places in self.not_ready.items():
            self._logger.info("Not ready, %s: %s.", reason, _some(places))
        self._logger.info(
            "%d of %d companies, %d connections; data sets: %s, %d not supported; %d records; %d requests%s; %.1f s.",
            self.companies_done,
            self.companies,
            self.connections,
            outcomes,
            self.outcomes["not supported"],
            self.records,
            self._client.requests,
            left,
            time.monotonic() - self._began,
        )
        self._logger.debug("summary %s", lossless_json.encode(self.as_json()).decode())

    def as_json(self) -> dict[str, Any]:
        """Return the summary for machines."""
        return {
            "companies": self.companies,
            "companies_done": self.companies_done,
            "connections": self.connections,
            "data_sets": dict(self.outcomes),
            "not_ready": dict(self.not_ready),
            "failed": self.failed,
            "unreadable": self.unread,
            "records": self.records,
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
            reasons = [f"{where} ({why.removeprefix(f'{where}: ')})" for where, why in self.failed.items()]
            lines.append(f"{len(reasons)} failed, and are read by the next run from where they were: {_some(reasons)}")
        if self.unread:
            lines.append(f"In Codat's answers {len(self.unread)} entries could not be read: {_some(self.unread)}")
        if fail_if_not_ready and self.not_ready:
            places = [f"{where} ({reason})" for reason, some in self.not_ready.items() for where in some]
            lines.append(f"{len(places)} are not ready, and on_not_ready is fail: {_some(places)}")
        if lines:
            raise RunError(". ".join(lines))


def _some(places: list[str]) -> str:
    more = len(places) - SHOWN
    return "; ".join(places[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
