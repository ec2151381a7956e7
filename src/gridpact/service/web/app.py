"""The web application of a market area: REST, server-sent events, metrics and pages, all of them read-only."""

from typing import Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.datastructures import State as AppState
from litestar.di import Provide
from litestar.exceptions import HTTPException, ServiceUnavailableException
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Middleware

from gridpact import __version__
from gridpact.service.web.access import Viewer
from gridpact.service.web.api import API
from gridpact.service.web.guard import Authentication, add_headers, refuse_unknown, whose_turn
from gridpact.service.web.metrics import CONTENT_TYPE, metrics_text
from gridpact.service.web.pages import PAGES, error_page
from gridpact.service.web.site import Here, Site

LOOPBACK = ("127.0.0.1", "localhost")
MOST_A_MINUTE = 1_200
"""Requests of one name, or of one address without a token that is known."""
OPENAPI = OpenAPIConfig(
    title="Gridpact",
    version=__version__,
    description="A market area, as everybody, a member, the DSO, the supplier and the operator may see it. Times are "
    "milliseconds since 1970 UTC, energies Wh, money micro-units of the currency, prices micro-units per kWh.",
    path="/api/v1",
    render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
    security=[{}, {"token": []}],
)


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def metrics(site: Here) -> Response[str]:
    """Figures for Prometheus."""
    return Response(metrics_text(site), media_type=CONTENT_TYPE)


def make_app(
    site: Site | None, *, base: str = "", hosts: tuple[str, ...] = LOOPBACK, most_a_minute: int = MOST_A_MINUTE
) -> Litestar:
    """The application.

    Parameters
    ----------
    site
        What it looks at; None only to describe it.
    base
        Path below which it is reached; whoever hands requests on takes it off.
    hosts
        Names under which it answers: a page of somebody else, whose name has been made to lead here, gets nothing.
    most_a_minute
        Requests of one name, or of one address without a token that is known.
    """
    return Litestar(
        route_handlers=[API, metrics, *PAGES],
        dependencies={"site": Provide(_site, sync_to_thread=False)},
        state=AppState({"site": site, "hosts": frozenset(hosts), "base": base}),
        middleware=make_door(most_a_minute),
        before_send=[add_headers],
        exception_handlers={HTTPException: _answer_error},
        openapi_config=OPENAPI,
        signature_types=[Viewer],
        logging_config=None,
        debug=False,
    )


def make_door(most_a_minute: int) -> list[Middleware]:
    """Who asks; so many requests a minute of one name, or of one address without a token that is known; then refusals."""
    limit = RateLimitConfig(rate_limit=("minute", most_a_minute), identifier_for_request=whose_turn)
    return [DefineMiddleware(Authentication), limit.middleware, refuse_unknown]


def _site(state: AppState) -> Site:
    site: Site = state.site
    if not site.window.is_current:
        known, length = site.history.steps, site.window.length
        detail = f"the pages read their history: {known:,} of {length:,} steps; trading goes on meanwhile"
        raise ServiceUnavailableException(detail, headers={"Retry-After": "5"})
    return site


def _answer_error(request: Request[Any, Any, AppState], error: HTTPException) -> Response[Any]:
    """JSON for a program, a page for a browser."""
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() != "content-length"}
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if wants_page:
        return error_page(request, request.app.state.site, error.status_code, error.detail, headers)
    content = {"status": error.status_code, "detail": error.detail}
    return Response(content, media_type=MediaType.JSON, status_code=error.status_code, headers=headers)
