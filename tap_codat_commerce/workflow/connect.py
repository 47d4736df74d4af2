"""Makes a company and its connection, and gives the link that its merchant opens to let Codat in.

Facts (Codat's API reference, 'Create company', 'Create connection'): a name may hold letters, digits, blanks and some
signs, anything else is taken out without a word; a new connection is `PendingAuth` until its link was opened.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tap_codat_commerce.codat import pages
from tap_codat_commerce.codat.errors import CodatError, NoAnswer, ServerTrouble
from tap_codat_commerce.sync.company_selection import COMMERCE
from tap_codat_commerce.workflow.session import UsageError

if TYPE_CHECKING:
    from tap_codat_commerce.codat.prefetcher import Prefetcher

FORBIDDEN = re.compile(r"[^A-Za-z0-9\s\-',&@.?!]")
SIZE = 1000


def forbidden(name: str) -> str:
    """Return the characters of a company's name that Codat would take out, each once."""
    return "".join(dict.fromkeys(FORBIDDEN.findall(name)))


def platform(prefetcher: Prefetcher, wanted: str) -> dict[str, Any]:
    """Return the platform of a key or a name.

    Raises:
        UsageError: there is none, or it is not one of commerce, or not enabled.
        CodatError: a request failed.
    """
    every = [p for page in pages.by_number(prefetcher, "/integrations", {}, SIZE) for p in page.objects()]
    found = next(
        (p for p in every if wanted.casefold() == p.get("key") or _plain(p.get("name")) == _plain(wanted)), None
    )
    shops = {str(p.get("name")): p for p in every if p.get("sourceType") == COMMERCE}
    if found is None:
        folded = {_plain(n): n for n in shops} | {str(p.get("key")): n for n, p in shops.items()}
        near = list(dict.fromkeys(folded[m] for m in get_close_matches(_plain(wanted), folded, n=3, cutoff=0.5)))
        names = [f"{n} ({shops[n].get('key')})" for n in near or sorted(shops)]
        hint = f"did you mean {' or '.join(names)}?" if near else f"there are {', '.join(names)}."
        msg = f"platform {wanted!r}: Codat knows none of that key or name; {hint}"
        raise UsageError(msg)
    if found.get("sourceType") != COMMERCE:
        msg = f"platform {found.get('name')}: is of the type {found.get('sourceType')}, and has no commerce data."
        raise UsageError(msg)
    if not found.get("enabled"):
        msg = f"platform {found.get('name')}: is not enabled; set it up in the Codat Portal (Settings, Integrations)."
        raise UsageError(msg)
    return found


def company(prefetcher: Prefetcher, name: str, description: str | None) -> dict[str, Any]:
    """Make a company and return it.

    Raises:
        UsageError: nobody knows whether it was made.
        CodatError: it was not made.
    """
    body = {"name": name} | ({"description": description} if description else {})
    try:
        made: dict[str, Any] = prefetcher.post("/companies", body=body, repeatable=False)
    except (NoAnswer, ServerTrouble) as exc:
        msg = f"{exc.what}. The company may have been made all the same: look with `codat-commerce status {name!r}`."
        raise UsageError(msg) from exc
    return made


def connection(prefetcher: Prefetcher, owner: dict[str, Any], key: str, *, just_made: bool) -> dict[str, Any]:
    """Add a connection to a company and return it.

    Raises:
        UsageError: it was not made, but the company had been.
        CodatError: it was not made.
    """
    try:
        made: dict[str, Any] = prefetcher.post(
            f"/companies/{owner['id']}/connections", body={"platformKey": key}, repeatable=False
        )
    except CodatError as exc:
        if not just_made:
            raise
        msg = (
            f"{exc.what}. The company was made, with the id {owner['id']}: "
            f"add the connection with `codat-commerce connect --company {owner['id']} --platform {key}`."
        )
        raise UsageError(msg) from exc
    return made


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).casefold())
