"""Everything that can go wrong between us and Codat, in one place.

    CodatError
    ├── NoAnswer               nothing came back, or only a part of it        (retried)
    ├── UnreadableAnswer       an answer came, but it is no JSON              (retried)
    │   └── UnexpectedAnswer   it is JSON, but not what it should be
    ├── Redirected             an answer points elsewhere: not followed, as it would take the key along
    ├── UnsafeLink             a link in an answer leads to another host: not followed
    └── Refused                an answer with a status of 400 or more
        ├── BadRequest         400
        ├── AccessRefused      nothing more can be read with this key: the run ends
        │   ├── WrongKey       401
        │   ├── AccountLimit   402
        │   └── Forbidden      403
        ├── NotFound           404
        │   └── NotSupported   404, this platform does not offer the data type
        ├── NotReady           409, the data set has never been requested, or its sync has not finished
        ├── RateLimited        429                                            (retried)
        │   └── QuotaSpent     429, and the wait would be longer than allowed: the run ends
        └── ServerTrouble      500 and up                                     (retried)

The statuses and what they mean: Codat's API reference, 'Errors'.
"""

from __future__ import annotations

import re
from typing import ClassVar


class CodatError(Exception):
    """The root. `str()` of an error is one line: where, what happened, what to do."""

    retriable: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(self, what: str) -> None:
        """Keep what happened; the caller, who knows what was being read, fills in `where`."""
        super().__init__(what)
        self.what = what
        self.where = ""
        self.retry_after: float | None = None

    def at(self, where: str) -> CodatError:
        """Set `where`, what was being read, unless an inner caller has set it already; return the error."""
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        """Return the one line."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return " ".join(f"{line}. {self.advice}".split())


class NoAnswer(CodatError):
    """The connection could not be made, timed out, was reset, or ended within the body."""

    retriable = True
    advice = "Check api_url, the network and any proxy; the next run goes on from here."


class UnreadableAnswer(CodatError):
    """The body is no JSON."""

    retriable = True
    advice = "Check that api_url is Codat's API; if it is, report this to Codat."


class UnexpectedAnswer(UnreadableAnswer):
    """The body is JSON, but not of the expected form."""

    retriable = False


class Redirected(CodatError):
    """The answer is a redirect: Codat's API sends none, and following it would send the key elsewhere."""

    advice = "The key was not sent there. Check api_url: it must be the API itself."


class UnsafeLink(CodatError):
    """A link in an answer leads to another scheme, host or port."""

    advice = "The key was not sent there. Report this to Codat."


class Refused(CodatError):
    """Codat answered with an error status.

    Attributes:
        status: the HTTP status.
        message: Codat's message, shortened, or an empty string.
        correlation_id: the id that Codat's support asks for, or an empty string.
    """

    advice = "Report this to Codat with the correlation id."

    def __init__(self, what: str, *, status: int, message: str = "", correlation_id: str = "") -> None:
        """Keep the line, and the parts of Codat's answer that it was made of."""
        super().__init__(what)
        self.status = status
        self.message = message
        self.correlation_id = correlation_id


class BadRequest(Refused):
    """400: a malformed query or page size."""

    advice = "If company_query is set, check its syntax; otherwise report this as a defect of the tap."


class AccessRefused(Refused):
    """Nothing more can be read with this key."""


class WrongKey(AccessRefused):
    """401: the key is not valid."""

    advice = "Set api_key to a valid key: Codat Portal, Developers, API keys."


class AccountLimit(AccessRefused):
    """402: the plan has expired, or has too many companies."""

    advice = "An account limit is reached: see the plan in the Codat Portal, or ask Codat."


class Forbidden(AccessRefused):
    """403: the key is outdated, or may not see this."""

    advice = "Check in the Codat Portal (Developers, API keys) that the key is current and may see this."


class NotFound(Refused):
    """404: the company or connection is unknown."""

    advice = "It may have been deleted since it was listed: run again; if that does not help, report it to Codat."


class NotSupported(NotFound):
    """404, with the message that this platform does not offer the data type."""

    advice = "Nothing to do: the platform has no such data."


class NotReady(Refused):
    """409: the data set has never been requested, or its sync has not finished."""

    advice = "Queue a refresh of this data set, or run again when its sync is complete."


class RateLimited(Refused):
    """429: too many requests."""

    retriable = True
    advice = "Another application may be using the same key or address; run again later."


class QuotaSpent(RateLimited):
    """429, and Codat asks for a wait of more than `max_retry_wait` seconds: mostly, the day's quota is used up."""

    retriable = False
    advice = "Run again then, or raise max_retry_wait. The state is kept."


class ServerTrouble(Refused):
    """500 and up: try again later."""

    retriable = True
    advice = "Codat has trouble: run again later; if it lasts, report it to Codat with the correlation id."


BY_STATUS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: WrongKey,
    402: AccountLimit,
    403: Forbidden,
    404: NotFound,
    409: NotReady,
    429: RateLimited,
}


NOT_SUPPORTED = re.compile(r"data ?type\b.*\bnot supported by platform", re.IGNORECASE)
"""Codat's words for a data type that a platform does not offer. Others may hold 'not supported', too."""


def for_status(status: int, message: str) -> type[Refused]:
    """Return the class for an error status; Codat's message tells an unsupported data type from an unknown company."""
    if status == 404 and NOT_SUPPORTED.search(message):  # noqa: PLR2004 - the status itself is the clearest name
        return NotSupported
    return BY_STATUS.get(status, ServerTrouble if status >= 500 else Refused)  # noqa: PLR2004
