"""Several areas at one address: ``/`` lets choose, ``/areas/<name>/`` is the application of an area, ``/metrics`` counts all.

Each area keeps an application of its own, with its own tokens, cookies and limits: nothing of one is known to another, and
an area could as well be served by another process.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.datastructures import State as AppState
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send

from gridpact import __version__
from gridpact.service.web import words
from gridpact.service.web.access import Viewer
from gridpact.service.web.app import LOOPBACK, MOST_A_MINUTE, make_app, make_door
from gridpact.service.web.guard import add_headers
from gridpact.service.web.metrics import CONTENT_TYPE, metrics_text
from gridpact.service.web.pages import ASSETS, template
from gridpact.service.web.site import Site

ROOT = "/areas/"


class AreaRow(msgspec.Struct, frozen=True):
    """An area that is served here: its name, where it is, and how it does."""

    name: str
    address: str
    now: int
    mechanism: str
    members: int
    intervals: int


class Front:
    """An ASGI application over those of the areas.

    Attributes
    ----------
    areas
        The application of each area by name.
    """

    def __init__(
        self, sites: Mapping[str, Site], *, hosts: tuple[str, ...] = LOOPBACK, most_a_minute: int = MOST_A_MINUTE
    ) -> None:
        self.areas: dict[str, Litestar] = {
            name: make_app(site, base=ROOT + name, hosts=hosts, most_a_minute=most_a_minute)
            for name, site in sites.items()
        }
        self._front = Litestar(
            route_handlers=[choose, areas, all_metrics, *ASSETS],
            state=AppState({"site": None, "hosts": frozenset(hosts), "areas": self.areas}),
            middleware=make_door(most_a_minute),
            before_send=[add_headers],
            exception_handlers={HTTPException: _answer_error},
            openapi_config=None,
            signature_types=[Viewer],
            logging_config=None,
            debug=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on to the area whose path it has."""
        path = scope.get("path", "")
        if path.startswith(ROOT):
            name, slash, rest = path.removeprefix(ROOT).partition("/")
            if slash and name in self.areas:
                inside: Any = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}
                await self.areas[name](inside, receive, send)
                return
        await self._front(scope, receive, send)

    def close(self) -> None:
        """Let all listeners of all areas go."""
        for app in self.areas.values():
            app.state.site.window.feed.close()


def _rows(areas: Mapping[str, Litestar]) -> list[AreaRow]:
    sites = {name: app.state.site for name, app in sorted(areas.items())}
    return [
        AreaRow(
            name,
            f"{ROOT}{name}/",
            site.clock(),
            site.state.rules.mechanism,
            len(site.state.roster.members),
            len(site.state.intervals),
        )
        for name, site in sites.items()
    ]


@get("/", include_in_schema=False)
async def choose(state: AppState) -> Response[str]:
    """All areas, to choose from."""
    zones = {name: app.state.site.zone for name, app in state.areas.items()}
    say = {name: words.Words(zone, "") for name, zone in zones.items()}
    text = template("areas").render(rows=_rows(state.areas), say=say, version=__version__)
    return Response(text, media_type=MediaType.HTML)


@get("/api/v1/areas", include_in_schema=False)
async def areas(state: AppState) -> list[AreaRow]:
    """All areas that are served here."""
    return _rows(state.areas)


@get("/metrics", include_in_schema=False)
async def all_metrics(state: AppState) -> Response[str]:
    """Figures of all areas for Prometheus."""
    sites = [app.state.site for _, app in sorted(state.areas.items())]
    return Response(metrics_text(*sites), media_type=CONTENT_TYPE)


def _answer_error(_: Request[Any, Any, AppState], error: HTTPException) -> Response[Any]:
    content = {"status": error.status_code, "detail": error.detail}
    return Response(content, media_type=MediaType.JSON, status_code=error.status_code, headers=error.headers)
