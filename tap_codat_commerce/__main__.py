"""`python -m tap_codat_commerce`, and the commands `tap-codat-commerce` and `codat-commerce`.

Ctrl-C ends both without a traceback also while modules are being imported.
"""

from __future__ import annotations

import os
import signal
import sys

LOG_CONFIG = "SINGER_SDK_LOG_CONFIG"
OF_THE_LOG = ("TAP_CODAT_COMMERCE_LOGLEVEL", "LOGLEVEL", LOG_CONFIG)
"""The variables by which the SDK sets up the log, before any command begins. It can't do with empty ones."""


def main() -> None:
    """Run the tap."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_codat_commerce.tap import TapCodatCommerce  # noqa: PLC0415

    given = [name for name in OF_THE_LOG if os.environ.get(name)]
    for name in set(OF_THE_LOG) - set(given):
        os.environ.pop(name, None)
    if (path := os.environ.get(LOG_CONFIG)) and not os.path.exists(path):  # noqa: PTH110 - cheaper to import
        sys.exit(f"The log can't be set up by {LOG_CONFIG}: there is no file {path}.")
    try:
        command = TapCodatCommerce.cli
    except Exception as exc:  # noqa: BLE001 - a log configuration may fail in as many ways as there are
        sys.exit(f"The log can't be set up by {' and '.join(given)}: {exc}. Levels are debug, info, warning and error.")
    command()


def workflow() -> None:
    """Run the workflow commands."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tap_codat_commerce.workflow.cli import main as commands  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    commands()


if __name__ == "__main__":
    main()
