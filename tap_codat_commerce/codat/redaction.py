"""Makes a text safe to show: takes the key out, and makes visible what a terminal would obey.

The key is known as it is, in base64, and percent-encoded.

Errors pass through here when they are made, log lines when they are logged. What somebody else wrote reaches a person
by `quoted` alone: so no answer can fill a log, forge a line of it, or have it hold a link to be opened.
"""

from __future__ import annotations

import base64
import logging
import re
from functools import lru_cache

SHOWN = 300
"""How many characters of somebody else's words a line quotes at most."""
SHORTEST = 4
"""A text of fewer characters is no key, and taking it out everywhere would garble other texts."""
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters but tab and line feed, characters that turn the direction of text, halves of characters."""

PIECE = 10
"""So many characters of a key in a row are taken out, too: servers may cut a key, or break it over two lines."""
PASSWORD = re.compile(r"(?<=://)[^/\s@:]{0,200}:[^\s?]{0,400}(?=@)")
"""A proxy's user and password in its address, even if they hold characters that should have been encoded."""
LOOKED_AT = 4096
"""Characters of somebody else's words that are looked at: far more than are shown, as cleaning may shorten them."""
LINK = re.compile(
    r"(?::|%(?:25)*3a|^)(?:/|%(?:25)*2f){2}|\.[a-z]{2,63}(?::\d+)?(?:[/?#]|%(?:25)*(?:2f|3f|23))", re.IGNORECASE
)
"""What tells that a word holds a link, in whatever spelling: whoever opens it may be able to act for a merchant."""
LEFT_OUT = "(link)"
PLACE = re.compile(r"((?:[a-z][a-z0-9+.-]{0,20}:)?)//(?:[^/?#@\s]{0,200}@)?([\w.:\[\]-]{1,253})", re.IGNORECASE)
"""The scheme of a link, and its host and port."""
SMALL = {ord(c): ord(c.lower()) for c in map(chr, range(ord("A"), ord("Z") + 1))}

_keys: dict[str, re.Pattern[str]] = {}
_pieces: set[str] = set()


def hide(authorization: str) -> None:
    """Have a key taken out of everything that is shown from now on.

    Args:
        authorization: the header value `Basic …`.
    """
    encoded = authorization.removeprefix("Basic ").rstrip("=")
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except ValueError:
        raw = ""
    forms = "|".join(_any_form(text) for text in (encoded, raw) if len(text) >= SHORTEST)
    if forms:
        _keys[authorization] = re.compile(rf"(?:{forms})(?:=|%(?:25)*3[dD])*")
    for text in (encoded, raw):
        small = text.translate(SMALL)
        _pieces.update(small[i : i + PIECE] for i in range(len(small) - PIECE + 1))
    logging.setLogRecordFactory(CleanRecord)


def clean(text: str) -> str:
    r"""Return the text without any key, and with an escape like `\x1b` for each character that must not be obeyed."""
    for key in _keys.values():
        text = key.sub("***", text)
    text = PASSWORD.sub("***", _without_pieces(text))
    return UNSEEN.sub(lambda character: character[0].encode("unicode_escape").decode(), text)


def quoted(text: str) -> str:
    """Return somebody else's words: cleaned, on one line, without links, and cut. A longer text takes no longer.

    It is cut before that, too: then a last word that may be a part of a key is not shown.
    """
    words = clean(text[:LOOKED_AT]).split()
    if len(text) > LOOKED_AT:
        words[-1:] = [words[-1][:SHOWN]] if len(words) == 1 else []
    line = " ".join(LEFT_OUT if LINK.search(word) else word for word in words)
    return line if len(line) <= SHOWN and len(text) <= LOOKED_AT else line[:SHOWN] + "…"


def host(link: str) -> str:
    """Return where a link leads, for people: its host alone, as all else may let somebody act for a merchant."""
    place = PLACE.match(link)
    return clean(f"{place[1]}//{place[2]}") if place else "another path" if link else "nowhere"


def one_line(text: str) -> str:
    """Return a cleaned text with its line feeds made visible: a name at Codat must not forge a line of the log."""
    return clean(text).replace("\n", "\\n")


class CleanRecord(logging.LogRecord):
    """A log record whose message and traceback are clean, whatever logger and formatter it passes through."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Clean a message without arguments at once: some formatters don't ask for it by `getMessage`."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if not self.args:
            self.msg = one_line(str(self.msg))

    def getMessage(self) -> str:  # noqa: N802 - the name in `logging`
        """Return the message."""
        return one_line(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """The traceback as text, once a formatter has made it."""
        text: str | None = self.__dict__.get("exc_text")
        return text

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self.__dict__["exc_text"] = text and clean(text)


def _without_pieces(text: str) -> str:
    """Return a text without any piece of a key, in upper or lower case."""
    small, end = text.translate(SMALL), 0
    kept: list[str] = []
    for start in range(len(small) - PIECE + 1):
        if small[start : start + PIECE] in _pieces:
            kept += [text[end:start], "***"] if start > end or not kept else []
            end = start + PIECE
    return "".join([*kept, text[end:]])


@lru_cache
def _any_form(text: str) -> str:
    """Return a pattern for a text, each of its characters plain or percent-encoded, once or more often."""
    same = {"+": "[+-]", "/": "[/_]"}  # as base64 for URLs writes them
    return "".join(f"(?:{same.get(c, re.escape(c))}|{_percent(c)})" for c in text)


def _percent(character: str) -> str:
    return "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode())
