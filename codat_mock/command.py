"""The command `codat-mock`, where what it needs may not be installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run it; say how to install what is missing."""
    try:
        from codat_mock import cli  # noqa: PLC0415 - it imports aiohttp, an extra
    except ModuleNotFoundError as exc:
        sys.exit(f"codat-mock needs {exc.name} beside it: pip install {exc.name}")
    cli.main()
