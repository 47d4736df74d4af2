"""Prints for people and scripts: tables that fit a terminal, lines with tabs for a pipe, JSON."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tap_codat_commerce.codat.redaction import clean
from tap_codat_commerce.records import dates

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDEST = 100
NARROWEST_NAME, NARROWEST = 12, 6
GAP = "  "
Row = "Sequence[str]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines: aligned and cut to the width of a terminal; whole, with tabs between them, for anything else."""
    if not sys.stdout.isatty():
        return ["\t".join(row) for row in (head, *rows)]
    return aligned(head, rows, min(WIDEST, shutil.get_terminal_size().columns))


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return lines of aligned columns, no wider than `width`; the first column, names, is cut before the others."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    while sum(widths) + len(GAP) * (len(head) - 1) > width and max(widths) > NARROWEST:
        widths[0 if widths[0] > NARROWEST_NAME else widths.index(max(widths))] -= 1
    return [
        GAP.join(_cut(cell, size).ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def as_json(value: Any) -> None:
    """Print a value for scripts."""
    click.echo(json.dumps(value, indent=2))


def result(line: str) -> None:
    """Print a line of the result."""
    click.echo(clean(line))


def note(text: str) -> None:
    """Say something beside the result: on stderr, so that a pipe holds the result alone."""
    click.echo(clean(text), err=True)


def age(stamp: str | None, now: datetime) -> str:
    """Return how long ago a date of Codat's was, in its largest unit; `-` if there is none."""
    try:
        found = dates.utc(stamp or "")
    except ValueError:
        return "-"
    if found is None:
        return "-"
    seconds = max(0, int((now - datetime.fromisoformat(found).astimezone(UTC)).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= size):  # noqa: PLR2004 - below that, a smaller unit says more
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"
