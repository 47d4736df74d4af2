"""Draws the streams, for Mermaid: which is a parent of which, and whose ids are in which."""

from __future__ import annotations

from tap_codat_commerce.tap import TapCodatCommerce
from tools import dictionary

OF_KINDS = ("orders", "payments")
"""The streams of the kinds Order and Payment. There is none of fees and service charges."""


def parents() -> str:
    """Return the streams as a flowchart: parents lead to children, those that are alike share a box."""
    boxes: dict[tuple[str, ...], list[str]] = {}
    for stream in TapCodatCommerce(config={"api_key": "-"}).streams.values():
        parent = stream.parent_stream_type
        boxes.setdefault((getattr(parent, "name", ""), *stream.primary_keys), []).append(stream.name)
    lines = ["```mermaid", "flowchart LR"]
    for (above, *keys), names in boxes.items():
        label = f"<b>{'<br>'.join(names)}</b><br>{', '.join(keys)}"
        lines.append(f'    {f"{above} --> " if above else ""}{names[0]}["{label}"]')
    return "\n".join([*lines, "```"])


def references() -> str:
    """Return the streams as an entity-relationship diagram, with the columns that hold an id of another record."""
    lines = []
    for stream in dictionary.streams()[1:]:  # without companies, which lead to companies only
        name = stream["stream"]
        for path, _, text in dictionary.columns(stream["schema"]):
            column = path.removesuffix(".id").removesuffix(".type").replace("[].", "[]<br>")
            if (to := dictionary.leads_to(path, text)) and path not in {"companyId", "connectionId"}:
                lines.append(f'    {to} ||--o{{ {name} : "{column}"')
            kinds = OF_KINDS if text.startswith("What kind of record it is: ") else ()
            lines += [f'    {kind} ||..o{{ {name} : "{column}"' for kind in kinds]
    return "\n".join(["```mermaid", "erDiagram", *lines, "```"])
