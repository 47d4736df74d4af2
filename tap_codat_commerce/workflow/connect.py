"""Makes a company and its connection, and gives the link by which the merchant gives Codat access.

Facts (Codat's API reference, 'Create company', 'Create connection'): a name may hold letters, digits, blanks and some
signs: Codat takes all else out without a word. A new connection is `PendingAuth` until its link was opened.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import answers, pages
from tap_codat_commerce.codat.errors import CodatError, NoAnswer, ServerTrouble, UnreadableAnswer
from tap_codat_commerce.codat.paths import path
from tap_codat_commerce.settings import Settings
from tap_codat_commerce.sync.company_selection import COMMERCE
from tap_codat_commerce.workflow.session import UsageError, names_of

if TYPE_CHECKING:
    from tap_codat_commerce.codat.answers import Integration
    from tap_codat_commerce.codat.prefetcher import Prefetcher
    from tap_codat_commerce.workflow.session import Session

FORBIDDEN = re.compile(r"[^A-Za-z0-9\s\-',&@.?!]")
PAGE_SIZE = 1000
SANDBOX = "aiwb"
"""The key of Codat's Commerce Sandbox, which has no merchant."""


def kept(name: str) -> str:
    """Return what Codat keeps of a company's name."""
    return FORBIDDEN.sub("", name).strip()


def refuse_twin(session: Session, name: str, platform_key: str, description: str | None) -> None:
    """See that no company is called so already, by its name or, where Codat does not keep that whole, its description.

    With a description of the user's own, a company that is called what Codat keeps of the name counts, too.

    Raises:
        UsageError: one has.
        CodatError: a request failed.
    """
    selection = session.selection(Settings.of({}).sync)
    wanted = {text.casefold() for text in (name, kept(name) if description else name) if text}
    twins = [c["id"] for c in map(selection.company, selection.companies()) if wanted & names_of(c)]
    if twins:
        msg = (
            f"company {name!r} exists already, with the id {' and '.join(twins)}. To add a connection to it: "
            f"`codat-commerce connect --company {twins[0]} --platform {platform_key}`; "
            "to make another company of that name: --again."
        )
        raise UsageError(msg)


def platform(prefetcher: Prefetcher, wanted: str) -> Integration:
    """Return the platform with this key or name.

    Raises:
        UsageError: there is none, or it has no commerce data, or is not enabled.
        CodatError: a request failed.
    """
    every = [answers.integrations(page) for page in pages.by_number(prefetcher, "/integrations", {}, PAGE_SIZE)]
    platforms = [p for some in every for p in some]
    chosen = next((p for p in platforms if wanted.casefold() == p.key or _plain(p.name) == _plain(wanted)), None)
    commerce = {p.name: p for p in platforms if p.source_type == COMMERCE}
    if chosen is None:
        folded = {_plain(n): n for n in commerce} | {p.key: n for n, p in commerce.items()}
        near = list(dict.fromkeys(folded[m] for m in get_close_matches(_plain(wanted), folded, n=3, cutoff=0.5)))
        names = [f"{n} ({commerce[n].key})" for n in near or sorted(commerce)]
        hint = f"did you mean {' or '.join(names)}?" if near else f"there are {', '.join(names)}."
        msg = f"platform {wanted!r}: Codat knows none of that key or name; {hint}"
        raise UsageError(msg)
    if chosen.source_type != COMMERCE:
        msg = f"platform {chosen.name}: is of the type {chosen.source_type}, and has no commerce data."
        raise UsageError(msg)
    if not chosen.enabled:
        msg = f"platform {chosen.name}: is not enabled; set it up in the Codat Portal (Settings, Integrations)."
        raise UsageError(msg)
    return chosen


UNKNOWN = (NoAnswer, ServerTrouble, UnreadableAnswer)
"""After these errors of a POST, it is unknown whether Codat has done what it says."""


def company(prefetcher: Prefetcher, name: str, description: str | None) -> dict[str, Any]:
    """Make a company and return it; a name that Codat does not keep whole becomes the description, if there is none.

    Raises:
        UsageError: it is unknown whether the company was made.
        CodatError: the company was not made.
    """
    description = description or (name if kept(name) != name else None)
    body = {"name": name} | ({"description": description} if description else {})
    try:
        made = prefetcher.post("/companies", body=body, repeatable=False)
        return answers.with_id(made)
    except UNKNOWN as exc:
        msg = f"{exc.what}. The company may have been made all the same: look with `codat-commerce status {name!r}`."
        raise UsageError(msg) from exc


def connection(prefetcher: Prefetcher, owner: dict[str, Any], platform_key: str, *, just_made: bool) -> dict[str, Any]:
    """Add a connection to a company and return it.

    Raises:
        UsageError: the connection was not made, but its company was just made; or it is unknown whether it was made.
        CodatError: the connection was not made.
    """
    try:
        connections = path("companies", owner["id"], "connections")
        return answers.with_id(prefetcher.post(connections, body={"platformKey": platform_key}, repeatable=False))
    except CodatError as exc:
        is_unknown = isinstance(exc, UNKNOWN)
        if not just_made and not is_unknown:
            raise
        made = f" The company was made, with the id {owner['id']}." if just_made else ""
        add = f"add it with `codat-commerce connect --company {owner['id']} --platform {platform_key}`."
        look = f"may have been made all the same: look with `codat-commerce status {owner['id']}`; if it is not there"
        msg = f"{exc.what}.{made} The connection {f'{look}, {add}' if is_unknown else f'was not: {add}'}"
        raise UsageError(msg) from exc


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
