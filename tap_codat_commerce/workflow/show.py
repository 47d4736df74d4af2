"""Prints for people and scripts: tables that fit a terminal, lines with tabs for a pipe, JSON."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tap_codat_commerce.codat.redaction import clean, one_line
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDEST = 100
"""Columns of a table, on a wider terminal, too."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: as wide as a terminal at most; with tabs, and nothing cut, to anything else.

    On a terminal the widest columns are cut first; only the last one goes on below itself.
    """
    if not sys.stdout.isatty():
        for cells in (head, *rows):
            row(cells)
        return
    console = Console(highlight=False)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=None)
    for name in head:
        shown.add_column(name)
    for some in rows:
        *cells, last = map(_one_line, some)
        shown.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells), Text(last))
    with console.capture() as text:
        console.print(shown, width=min(WIDEST, console.width))
    for line in text.get().splitlines():
        click.echo(line.rstrip())


def as_json(value: Any) -> None:
    """Print a value for scripts."""
    click.echo(json.dumps(value, indent=2, default=str))  # Codat may put a number where a text belongs


def row(cells: Sequence[str]) -> None:
    """Print a row for scripts, with tabs."""
    click.echo("\t".join(map(_one_line, cells)))


def result(line: str) -> None:
    """Print a line of the result: one, whatever line feeds a name may hold."""
    click.echo(one_line(line))


def note(text: str) -> None:
    """Say something beside the result: on stderr, so that a pipe holds the result alone."""
    click.echo(one_line(text), err=True)


def _one_line(cell: str) -> str:
    """Return a cell that can't be taken for several: a name may hold tabs and line feeds."""
    return " ".join(clean(cell).split())


def age(stamp: str | None, now: datetime) -> str:
    """Return how long ago a date of Codat's was, in its largest unit; `-` if there is none."""
    try:
        date = dates.utc(stamp or "")
    except ValueError:
        return "-"
    if date is None:
        return "-"
    seconds = max(0, int((now - datetime.fromisoformat(date).astimezone(UTC)).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= size):  # noqa: PLR2004 - below that, a smaller unit says more
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
