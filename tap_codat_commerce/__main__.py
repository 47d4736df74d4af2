"""`python -m tap_codat_commerce`, and the commands `tap-codat-commerce` and `codat-commerce`.

Ctrl-C ends both without a traceback also while modules are being imported.
"""

from __future__ import annotations

import signal


def main() -> None:
    """Run the tap."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_codat_commerce.tap import TapCodatCommerce  # noqa: PLC0415

    TapCodatCommerce.cli()


def workflow() -> None:
    """Run the workflow commands."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_codat_commerce.workflow.cli import main as commands  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    commands()


if __name__ == "__main__":
    main()
