"""Makes the site of the documents. It loads nothing from elsewhere: what draws its diagrams lies in it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tools.environments import HOME, environment, one_at_a_time, run

if TYPE_CHECKING:
    from pathlib import Path

MERMAID = "mermaid@12"
BUILT = HOME / "site-built"


def site() -> int:
    """Make the site of the documents."""
    if not shutil.which("npm"):
        print("npm is needed: it fetches Mermaid, which draws the diagrams.")
        return 1
    run([environment("site", "--group", "docs") / "mkdocs", "build", "--strict"])
    shutil.copy(mermaid(), BUILT)
    print("The site is in .dev/site-built.")
    return 0


def mermaid() -> Path:
    """Return Mermaid, as one file."""
    folder = HOME / "mermaid"
    with one_at_a_time("mermaid"):
        found = folder / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
        if not found.exists():
            folder.mkdir(parents=True, exist_ok=True)
            run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, MERMAID])
        return found
