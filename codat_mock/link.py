"""The page behind a connection's link, which the merchant opens to let Codat in. It needs no key."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from codat_mock.world import Company, Connection, World

PATH = "/link/"
"""What the paths begin with."""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1rem }}
  button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; background: #1a4fd6; color: #fff }}
</style>
<h1>{title}</h1>
{content}
</html>
"""


class Link:
    """The pages of all connections."""

    def __init__(self, world: World) -> None:
        """Serve a world."""
        self.world = world

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application."""
        connection = PATH + "company/{company}/connection/{connection}"
        app.add_routes(
            [
                web.get(connection, self.page),
                web.post(connection, self.authorize),
                web.get(PATH + "company/{company}", self.company_page),
            ]
        )

    async def page(self, request: web.Request) -> web.Response:
        """Ask the merchant."""
        company, connection = self._looked_up(request)
        if connection.status == "Linked":
            return self._page(f"{connection.platform.name} is connected", "<p>You may close this page.</p>")
        who = f"<p><b>{escape(company.name)}</b> shares its {escape(connection.platform.name)} data.</p>"
        button = '<form method="post"><button id="authorize">Authorise</button></form>'
        return self._page(f"Connect {connection.platform.name}", who + button)

    async def authorize(self, request: web.Request) -> web.Response:
        """Link the connection, and show the page again."""
        company, connection = self._looked_up(request)
        self.world.authorize(company.id, connection.id)
        raise web.HTTPSeeOther(request.path)

    async def company_page(self, request: web.Request) -> web.Response:
        """List the company's connections."""
        company = self.world.companies.get(request.match_info["company"])
        if company is None:
            raise web.HTTPNotFound
        items = "".join(
            f'<li><a href="{request.path}/connection/{c.id}">{escape(c.platform.name)}</a> ({c.status})</li>'
            for c in company.connections.values()
        )
        return self._page(company.name, f"<ul>{items}</ul>")

    def _looked_up(self, request: web.Request) -> tuple[Company, Connection]:
        company = self.world.companies.get(request.match_info["company"])
        connection = company.connections.get(request.match_info["connection"]) if company else None
        if company is None or connection is None:
            raise web.HTTPNotFound
        return company, connection

    @staticmethod
    def _page(title: str, content: str) -> web.Response:
        return web.Response(text=PAGE.format(title=escape(title), content=content), content_type="text/html")
