"""`codat-mock`: the stand-in as a command."""

from __future__ import annotations

import signal
import threading

import click

from codat_mock.running import Running
from codat_mock.world import World


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8642, show_default=True, help="0 for any free one.")
@click.option("--companies", type=click.IntRange(0), default=3, show_default=True, help="How many companies.")
@click.option("--connections", type=click.IntRange(0), default=2, show_default=True, help="Shops of each company.")
@click.option("--records", type=click.IntRange(0), default=30, show_default=True, help="Orders of each shop.")
@click.option("--latency", type=click.FloatRange(0), default=0.0, show_default=True, help="Seconds for each answer.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes other shops.")
@click.option("--api-key", default="codat-mock-key", show_default=True, help="The key that is accepted.")
def main(  # noqa: PLR0913, PLR0917 - one parameter for each option
    port: int, companies: int, connections: int, records: int, latency: float, seed: int, api_key: str
) -> None:
    """Serve a stand-in for Codat's API, with made-up shops, until interrupted. Its knobs are below /_mock/."""
    world = World(companies=companies, connections=connections, records=records, seed=seed)
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


if __name__ == "__main__":
    main()
