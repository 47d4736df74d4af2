"""Makes one page of what the warehouse says of each shop, to be opened in a browser: `python3 dev.py look duckdb`.

Nothing in it comes from elsewhere, and nothing in it runs: its charts are drawn here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import yaml

from tools.environments import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Row = dict[str, Any]
PAGE = ROOT / "output" / "look.html"
TRANSFORM = ROOT / "transform"
SALES = """
select company_id, connection_id, currency, day, is_complete, net_sales
from {{ ref('daily_sales') }}
order by company_id, connection_id, currency, day
"""
WIDTH, HEIGHT, GAP = 560, 120, 1
STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #00796b; --warn: #b45309; }
@media (prefers-color-scheme: dark) { :root { --bar: #4db6ac; --warn: #fbbf24; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; }
h1, h2 { font-weight: 500; margin: 0; } h2 { font-size: 1.1rem; }
p { margin: .25rem 0; } .attention { color: var(--warn); } figure { margin: .75rem 0 0; }
svg { display: block; width: 100%; } rect { fill: var(--bar); } rect.open { opacity: .4; }
rect:hover { opacity: .7; } figcaption, small { font-size: .85rem; opacity: .8; }
figcaption { display: flex; justify-content: space-between; }
"""


def page(shops: Iterable[Row], days: Iterable[Row]) -> str:
    """Return the page.

    Args:
        shops: the rows of shop_health.
        days: those of daily_sales.
    """
    sales: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in days:
        sales[row["company_id"], row["connection_id"]][row["currency"]].append(row)
    first_that_ask = sorted(
        shops, key=lambda shop: (shop["attention"] is None, str(shop["company_name"]), shop["connection_id"])
    )
    cards = [card(shop, sales[shop["company_id"], shop["connection_id"]]) for shop in first_that_ask]
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Shops</title>\n<style>{STYLE}</style>'
    return "\n".join([head, "<h1>Shops</h1>", "<p>Net sales by week.</p>", "<main>", *cards, "</main>", "</html>", ""])


def card(shop: Row, sales: dict[str, list[Row]]) -> str:
    """Return what is said of a shop, with a chart for each currency."""
    lines = ["<section>", f"<h2>{escape(str(shop['company_name']))}</h2>"]
    lines.append(f"<p>{escape(str(shop['platform_name']))}, {escape(str(shop['connection_status']))}</p>")
    if shop["attention"]:
        lines.append(f'<p class="attention">{escape(shop["attention"])}</p>')
    if shop["sales"]:
        lines.append(f"<p><small>{shop['sales']} sales in {shop['days_of_history']} days</small></p>")
    return "\n".join([*lines, *(chart(currency, days) for currency, days in sorted(sales.items())), "</section>"])


def chart(currency: str, days: list[Row]) -> str:
    """Return a bar for each week; one that is not over is pale."""
    weeks: dict[date, float] = defaultdict(float)
    over: dict[date, bool] = {}
    for row in days:
        on = date.fromisoformat(str(row["day"])[:10])
        monday = on - timedelta(days=on.weekday())
        weeks[monday] += float(row["net_sales"])
        over[monday] = on.weekday() == 6 and bool(row["is_complete"])  # noqa: PLR2004 - Sunday ends it
    most = max(1.0, *weeks.values())
    step = WIDTH / len(weeks)
    bars = []
    for number, (monday, amount) in enumerate(sorted(weeks.items())):
        tall = max(amount, 0) / most * HEIGHT
        bars.append(
            f'<rect class="{"over" if over[monday] else "open"}" x="{number * step:.1f}" y="{HEIGHT - tall:.1f}" '
            f'width="{max(step - GAP, 1):.1f}" height="{tall:.1f}">'
            f"<title>{monday}: {amount:,.2f} {escape(currency)}</title></rect>"
        )
    says = f"Net sales by week in {escape(currency)}"
    caption = f"<span>{min(weeks)}</span><span>{escape(currency)}, up to {most:,.0f}</span><span>{max(weeks)}</span>"
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{says}">{"".join(bars)}</svg>'
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def shown(kind: str, *what: str) -> list[Row]:
    """Return the rows that dbt shows, of the warehouse of that kind."""
    name = f"dbt-{kind}"
    utilities = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["utilities"]
    (wanted,) = (utility["pip_url"].split() for utility in utilities if utility["name"] == name)
    where: list[str | Path] = ["--project-dir", TRANSFORM, "--profiles-dir", TRANSFORM, "--target", kind]
    command: list[str | Path] = [environment(f"look-{kind}", *wanted) / "dbt", "--quiet", "show", *what, *where]
    done = subprocess.run([*command, "--output", "json", "--limit", "-1"], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.stdout.decode())  # dbt says there what is wrong
    found: list[Row] = json.loads(done.stdout)["show"]
    return found


def main() -> None:
    """Write it."""
    kind = sys.argv[1]
    html = page(shown(kind, "--select", "shop_health"), shown(kind, "--inline", SALES))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    main()
