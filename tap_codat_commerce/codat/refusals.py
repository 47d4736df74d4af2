"""Turns an answer by which Codat refuses a request into an error of the class for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import errors, lossless_json, retry_policy, unicode_repair
from tap_codat_commerce.codat.clock import utc_now
from tap_codat_commerce.codat.redaction import quoted

if TYPE_CHECKING:
    from tap_codat_commerce.codat.transport import Answer


def refusal(request: str, answer: Answer, max_retry_wait: float) -> errors.Refused:
    """Return the error for an answer with a status of 400 or more.

    Args:
        request: method and path, for the message.
        answer: Codat's.
        max_retry_wait: seconds; a 429 that asks for a longer wait is a `QuotaSpent`.
    """
    body = _error_body(answer.body)
    message, correlation_id = quoted(errors.reason(body)), quoted(str(body.get("correlationId") or ""))
    said = f", Codat says '{message}'" if message else ", with no word of Codat's: is api_url right?"
    what = f"{request} answered {answer.status}{said}"
    if correlation_id:
        what += f" (correlation id {correlation_id})"
    error_class = errors.for_status(answer.status, message, request)
    wait = retry_policy.retry_after(answer.headers.get("Retry-After"), utc_now())
    if error_class is errors.RateLimited and wait is not None and wait > max_retry_wait:
        error_class = errors.QuotaSpent
        reset = quoted(answer.headers.get("X-Rate-Limit-Reset", f"in {wait:.0f} seconds"))
        what += f"; requests are allowed again {reset} (max_retry_wait is {max_retry_wait:g} s)"
    error = error_class(what, status=answer.status, message=message, correlation_id=correlation_id)
    error.retry_after = wait
    return error


def _error_body(content: bytes) -> dict[str, Any]:
    text, _ = unicode_repair.mended(content)
    try:
        return lossless_json.decode_object(text)
    except ValueError:
        return {}
