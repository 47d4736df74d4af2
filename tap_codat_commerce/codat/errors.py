"""Everything that can go wrong between us and Codat, in one place.

    CodatError
    ├── NoAnswer                    there is no answer, or only a part of one                 (retried)
    ├── AnswerToAnother             the answer says of itself that it is one to another request  (retried)
    ├── UntrustedCertificate        nobody who is trusted here has signed the certificate
    ├── BadEnvironment              the environment's proxy, or its file of certificates, can't be used
    ├── TooLarge                    the answer is larger than any page can be
    ├── UnreadableAnswer            the answer is complete, but it is no JSON
    │   └── UnexpectedAnswer        it is JSON, but not of the expected form
    │       └── UnreadableRecords   it is a page, but some of its records can't be read
    ├── Redirected                  the answer points elsewhere: not followed, as that would take the key along
    ├── UnsafeLink                  a link in an answer leads to another host: not followed
    └── Refused                     an answer with a status of 400 or more
        ├── BadRequest              400
        ├── Forbidden               403, the key may not see this
        ├── WrongPath               404 for what is always there: the list of companies
        ├── NotFound                404
        │   ├── NotSupported        404, this platform does not offer the data type
        │   └── NoData              404, nothing was ever fetched: there is nothing to read
        ├── NotReady                409, the data set has never been requested, or its sync has not finished
        ├── UnderWay                a sync can't be queued, as one is under way: the status is not documented
        ├── RateLimited             429                                                       (retried)
        ├── ServerTrouble           500 and up                                                (retried)
        └── EndsTheRun              nothing else that the run needs would be answered
            ├── AccountLimit        402
            └── EndsAllRequests     nothing at all would be answered
                ├── WrongKey        401
                └── QuotaSpent      429, and the wait would be longer than allowed

What an error stops: an `EndsTheRun` stops the run, and an `EndsAllRequests` also what asks for one thing after another
just to see which are answered. Any other stops only what its answer was for: a data set, a company if it was its
status, the run if it was the list of companies.

The statuses and what they mean: Codat's API reference, 'Errors'.
"""

from __future__ import annotations

import contextlib
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

from tap_codat_commerce.codat.redaction import clean


class CodatError(Exception):
    """The root. `str()` of an error is one line: where, what happened, what to do.

    Attributes:
        retriable: whether the same request may succeed a little later.
        retry_after: the seconds that Codat asked to wait, None if it did not.
    """

    retriable: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(self, what: str) -> None:
        """Keep what happened, without the key; `where` is filled in by a caller who knows what was being read."""
        self.what = clean(what)
        super().__init__(self.what)
        self.where = ""
        self.retry_after: float | None = None

    def at(self, where: str) -> CodatError:
        """Set `where`, what was being read, unless it is set already; return the error."""
        self.where = self.where or clean(where)
        return self

    def __str__(self) -> str:
        """Return the one line."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return " ".join(f"{line}. {self.advice}".split())


class NoAnswer(CodatError):
    """The connection could not be made, timed out, was reset, or ended within the body."""

    retriable = True
    advice = "Check api_url, the network and any proxy; the next run goes on from here."


class AnswerToAnother(CodatError):
    """The answer says of itself that it is one to another request: something on the way mixes them up."""

    retriable = True
    advice = (
        "Something between this machine and Codat mixes answers up: check api_url and any proxy; "
        "the next run goes on from here."
    )


class UntrustedCertificate(CodatError):
    """The server's certificate is not signed by anybody who is trusted, or is not for this host."""

    advice = (
        "Check api_url and this machine's clock; if a proxy has certificates of its own, "
        "set REQUESTS_CA_BUNDLE to the file of its CA."
    )


class BadEnvironment(CodatError):
    """No request can be sent: the environment names a proxy, or a file of certificates, that can't be used."""

    advice = "Check api_url, and HTTPS_PROXY, HTTP_PROXY and REQUESTS_CA_BUNDLE in the environment."


class TooLarge(CodatError):
    """The answer has more bytes, or values, than any page can have."""

    advice = "Lower page_size; if that does not help, report this to Codat."


class UnreadableAnswer(CodatError):
    """The body is complete, and is no JSON."""

    advice = "Check that api_url is Codat's API; if it is, report this to Codat."


class UnexpectedAnswer(UnreadableAnswer):
    """The body is JSON, but not of the expected form."""


class UnreadableRecords(UnexpectedAnswer):
    """Some records of a page can't be read."""

    advice = "The others were read; the next run reads all of them again. Report this to Codat."


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
        self.message = clean(message)
        self.correlation_id = clean(correlation_id)


class BadRequest(Refused):
    """400: a malformed query or page size."""

    advice = "If company_query or company_tags is set, check its syntax; otherwise report this as a defect of the tap."


class Forbidden(Refused):
    """403: the key is outdated, or may not see this."""

    advice = "Check in the Codat Portal (Developers, API keys) that the key is current and may see this."


class WrongPath(Refused):
    """404 for what is always there, as the list of companies is."""

    advice = "Check api_url: this is not where Codat's API is."


class NotFound(Refused):
    """404: the company or connection is unknown."""

    advice = "It may have been deleted since it was listed: run again; if that does not help, report it to Codat."


class NotSupported(NotFound):
    """404, with the message that this platform does not offer the data type."""

    advice = "Nothing to do: the platform has no such data."


class NoData(NotFound):
    """404, with the message that there is no data: nothing was ever fetched."""

    advice = "Nothing to do: there is no such data yet."


class NotReady(Refused):
    """409: the data set has never been requested, or its sync has not finished."""

    advice = "Queue a refresh of this data set, or run again when its sync is complete."


class UnderWay(Refused):
    """A sync of this data set can't be queued, as one is under way; by the message, whatever the status."""

    advice = "Wait until it is complete."


class RateLimited(Refused):
    """429: too many requests."""

    retriable = True
    advice = "Another application may be using the same key or address; run again later."


class ServerTrouble(Refused):
    """500 and up: Codat can't answer now."""

    retriable = True
    advice = "Codat has trouble: run again later; if it lasts, report it to Codat with the correlation id."


class EndsTheRun(Refused):
    """Whatever else the run needs would be refused as well."""


class AccountLimit(EndsTheRun):
    """402: the plan has expired, has too many companies, or does not hold a feature."""

    advice = "An account limit is reached: see the plan in the Codat Portal, or ask Codat."


class EndsAllRequests(EndsTheRun):
    """Any request would be refused as well, whatever it asks for."""


class WrongKey(EndsAllRequests):
    """401: the key is not valid."""

    advice = "Set api_key to a valid key: Codat Portal, Developers, API keys."


class QuotaSpent(EndsAllRequests):
    """429, and Codat asks for a wait of more than `max_retry_wait` seconds: mostly, the day's quota is used up."""

    advice = "Run again then, or raise max_retry_wait. The state is kept."


BY_STATUS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: WrongKey,
    402: AccountLimit,
    403: Forbidden,
    409: NotReady,
    429: RateLimited,
}


OF_A_DATA_SET = re.compile(r"/connections/[^/]+/data/")
"""Is in the paths of data sets. Only there a 409 tells about the data set, and only if it has a word of Codat's."""
OF_A_COMPANY = re.compile(r"/companies/[^/]")
"""Is in the paths of what may be deleted."""
QUEUE = "/data/queue/"
"""Is in the paths by which syncs are queued."""

NOT_SUPPORTED = re.compile(r"data ?type\b.*\bnot supported by platform", re.IGNORECASE)
"""Codat's words for a data type that a platform does not offer; 'not supported' alone may mean something else."""
NO_DATA = re.compile(r"\s*no data available\b", re.IGNORECASE)
"""Codat's words for a data type of which nothing was ever fetched."""
UNDER_WAY = re.compile(r"(already|still) ?in ?progress", re.IGNORECASE)
"""Codat's words for a sync that is under way already."""


def reason(body: Mapping[str, Any]) -> str:
    """Return what an error answer says: its message, and those of its validation, as the reason may be there alone."""
    messages = [body.get("error")]
    with contextlib.suppress(AttributeError, KeyError, TypeError):
        messages += [item["message"] for item in body["validation"]["errors"]]
    *begin, end = dict.fromkeys(text for text in messages if isinstance(text, str) and text) or [""]
    return ": ".join([*(text.removesuffix(".") for text in begin), end])


def for_status(status: int, message: str, path: str) -> type[Refused]:
    """Return the class for an error status; the meanings of 404 and 409 differ by Codat's message and the path."""
    if QUEUE in path and UNDER_WAY.search(message):
        return UnderWay
    if status == HTTPStatus.NOT_FOUND:
        if not OF_A_COMPANY.search(path):
            return WrongPath
        no_data = OF_A_DATA_SET.search(path) and NO_DATA.match(message)
        return NotSupported if NOT_SUPPORTED.search(message) else NoData if no_data else NotFound
    if status == HTTPStatus.CONFLICT and not (message and OF_A_DATA_SET.search(path)):
        return Refused
    return BY_STATUS.get(status, ServerTrouble if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused)
