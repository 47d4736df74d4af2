"""What `codat-commerce check` found. It holds no secret, no id, no name and no word of Codat's."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from tap_codat_commerce.codat import errors
from tap_codat_commerce.codat.transport import MAX_BODY
from tap_codat_commerce.workflow.assumptions import OTHERWISE

WORDS = {True: "yes", False: "no", None: "not seen"}
SAID: dict[type[errors.CodatError], str] = {
    errors.QuotaSpent: "Codat answered 429, and asks for a longer wait than max_retry_wait",
    errors.TooLarge: f"the answer was larger than {MAX_BODY // 2**20} MB",
    errors.UnexpectedAnswer: "the answer was JSON of an unexpected form",
    errors.UnreadableAnswer: "the answer was no JSON",
    errors.Redirected: "the answer was a redirect",
    errors.AnswerToAnother: "the answer was one to another request",
    errors.CodatError: "no answer came",
}
"""What happened, without what an error's own message may hold: ids, and words of Codat's. The first that fits."""


class Findings:
    """What is seen of each assumption: True, False, or None where nothing is.

    Attributes:
        troubles: what stood in the way of looking, by assumption.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.seen: dict[str, bool | None] = dict.fromkeys(OTHERWISE)
        self.troubles: dict[str, str] = {}

    @property
    def all_well(self) -> bool:
        """Whether nothing was found to be otherwise, and nothing stood in the way."""
        return not self.troubles and False not in self.seen.values()

    def see(self, name: str, *, holds: bool | None) -> None:
        """Note what was seen of an assumption; what stood in the way stays."""
        if name not in self.troubles:
            self.seen[name] = holds

    def trouble(self, name: str, error: errors.CodatError, where: str = "") -> None:
        """Note that a request failed: a refusal is a 'no'; what may pass, or has other reasons, tells nothing."""
        self.seen[name] = False if _is_no(error) else None
        self.troubles[name] = f"{where}: {said(error)}" if where else said(error)

    def lines(self) -> list[str]:
        """Return a line for each assumption."""
        return [
            f"{WORDS[holds]:<10}{name}"
            + (f": {OTHERWISE[name]}." if holds is False else "")
            + (f" ({self.troubles[name]})" if name in self.troubles else "")
            for name, holds in self.seen.items()
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """Return each assumption for scripts."""
        return [
            {"assumption": name, "holds": holds, "otherwise": OTHERWISE[name], "trouble": self.troubles.get(name)}
            for name, holds in self.seen.items()
        ]


def said(error: errors.CodatError) -> str:
    """Return what happened, in words that name nobody."""
    if isinstance(error, errors.Refused) and not isinstance(error, errors.QuotaSpent):
        return f"Codat answered {error.status}"
    return next(words for kind, words in SAID.items() if isinstance(error, kind))


def name_nobody() -> None:
    """Show no text in what is logged from now on but that of the line itself: any other may name somebody."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_without_texts)


def _without_texts(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(value if isinstance(value, int | float) else "…" for value in record.args)
    record.exc_info = record.exc_text = None
    return True


def _is_no(error: errors.CodatError) -> bool:
    if isinstance(error, errors.Refused):
        may_pass = isinstance(error, errors.RateLimited | errors.NotReady)
        return error.status < HTTPStatus.INTERNAL_SERVER_ERROR and not may_pass
    return isinstance(error, errors.UnexpectedAnswer)
