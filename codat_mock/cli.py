"""`codat-mock`: the stand-in as a command."""

from __future__ import annotations

import html
import re
import signal
import threading
import urllib.request

import click

from codat_mock.running import Running
from codat_mock.world import World


@click.group(invoke_without_command=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8642, show_default=True, help="0 for any free one.")
@click.option("--companies", type=click.IntRange(0), default=3, show_default=True, help="How many companies.")
@click.option("--connections", type=click.IntRange(0), default=2, show_default=True, help="Shops of each company.")
@click.option("--records", type=click.IntRange(0), default=400, show_default=True, help="Orders of each shop.")
@click.option("--latency", type=click.FloatRange(0), default=0.0, show_default=True, help="Seconds for each answer.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes other shops.")
@click.option("--sync-seconds", type=click.FloatRange(0), default=2.0, show_default=True, help="How long a sync takes.")
@click.option("--api-key", default="codat-mock-key", show_default=True, help="The key that is accepted.")
@click.pass_context
def main(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    *,
    port: int,
    companies: int,
    connections: int,
    records: int,
    latency: float,
    seed: int,
    sync_seconds: float,
    api_key: str,
) -> None:
    """Serve a stand-in for Codat's API, with made-up shops, until interrupted. Its knobs are below /_mock/."""
    if ctx.invoked_subcommand:
        return
    world = World(companies=companies, connections=connections, records=records, seed=seed)
    world.sync_seconds = sync_seconds
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Running(world, api_key, port) as stand_in:
            stand_in.gate.latency = latency
            click.echo(f"codat-mock: {companies} companies at {stand_in.url}, api_key {api_key}")
            stop.wait()
    except OSError as exc:
        raise click.ClickException(str(exc)) from None


@main.command()
@click.argument("link")
def authorize(link: str) -> None:
    """Open LINK, the link of a connection, and press its button, as the merchant would."""
    if not link.startswith("http://"):
        msg = f"{link!r} is no link of this stand-in: it begins with http://, and `codat-commerce connect` prints it."
        raise click.ClickException(msg)
    try:
        with urllib.request.urlopen(urllib.request.Request(link, b"", method="POST")) as response:  # noqa: S310
            title = re.search("<h1>(.*?)</h1>", response.read().decode())
    except (OSError, ValueError) as exc:
        msg = f"{link}: {exc}"
        raise click.ClickException(msg) from None
    click.echo(html.unescape(title[1]) if title else "The page says nothing.")


if __name__ == "__main__":
    main()
