"""`python -m tap_codat_commerce`, and the command `tap-codat-commerce`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the tap; Ctrl-C ends it without a traceback also while modules are being imported."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_codat_commerce.tap import TapCodatCommerce  # noqa: PLC0415

    TapCodatCommerce.cli()


if __name__ == "__main__":
    main()
