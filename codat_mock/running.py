"""A stand-in that runs: in a thread of its own, on a real socket."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from aiohttp import web

from codat_mock.api import Api
from codat_mock.gate import Gate
from codat_mock.knobs import Knobs
from codat_mock.link import Link

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from codat_mock.world import World

HOST = "127.0.0.1"
PATIENCE = 0.001
"""How many seconds a request that is under way at the end may take, twice: only those that wait on purpose take any."""


def application(gate: Gate) -> web.Application:
    """Return the whole of the stand-in's application."""
    app = web.Application(middlewares=[gate.answer], client_max_size=2**20)
    Api(gate).add_to(app)
    Knobs(gate).add_to(app)
    Link(gate.world).add_to(app)
    return app


class Running:
    """A stand-in for as long as the `with` lasts: `url` tells where, `gate` has its knobs, `world` what it holds."""

    def __init__(self, world: World, api_key: str = "codat-mock-key", port: int = 0) -> None:
        """Prepare; port 0 is any free one."""
        self.world, self.gate = world, Gate(world, api_key)
        self.url = ""
        self._port = port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="codat-mock", daemon=True)

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        self._thread.start()
        self._ready.wait()
        if not self.url:
            msg = f"codat-mock can't listen on {HOST}:{self._port}: is the port in use?"
            raise OSError(msg)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(application(self.gate), access_log=None, shutdown_timeout=PATIENCE)
        try:
            await runner.setup()
            await web.TCPSite(runner, HOST, self._port).start()
            self.url = f"http://{HOST}:{runner.addresses[0][1]}"
        except OSError:
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
