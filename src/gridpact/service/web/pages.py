"""The pages: the same views as the API's, put into words and pictures on the server, readable without any script."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.datastructures import State as AppState
from litestar.exceptions import PermissionDeniedException
from litestar.params import QueryParameter
from litestar.response import Redirect

from gridpact import __version__
from gridpact.exchange import Phase
from gridpact.exchange.reasons import MEANING
from gridpact.exchange.state import Interval
from gridpact.service.web import drawings, monitoring, proofs, views, words
from gridpact.service.web.access import COOKIE, SEES_NETWORK, Role, Viewer
from gridpact.service.web.guard import only
from gridpact.service.web.site import Here, Site

HERE = "gridpact.service.web"
STYLES = (("gridpact.study.pages", "templates/frame.css"), (HERE, "static/live.css"))
"""The look of the reports, and what the live pages add to it."""
Asked = Request[Viewer, Any, AppState]
BILLS_SHOWN = 24
ORDERS_SHOWN = 16
HEADS_SHOWN = 20


@get("/", include_in_schema=False)
async def market(request: Asked, site: Here, interval: Annotated[int | None, QueryParameter()] = None) -> Response[str]:
    """The market: clock, phases, book, prices, trades of one interval."""
    state = site.state
    rows = views.intervals(state)
    chosen = state.intervals.get(_most_interesting(state.intervals) if interval is None else interval)
    detail = chosen and views.interval_detail(state, site.history, site.window.books, chosen.start)
    trades = views.trades(chosen, request.user) if chosen else ()
    return _page(
        request,
        site,
        "market",
        rows=rows,
        detail=detail,
        book=drawings.book_chart(detail.book, detail.prices) if detail else None,
        trades=trades,
        graph=drawings.trade_graph(_named(chosen, trades, request.user)) if chosen else None,
        follows=interval is None,
    )


@get("/feeder", include_in_schema=False)
async def feeder(request: Asked, site: Here) -> Response[str]:
    """The network in the last checked interval."""
    seen = views.feeder_view(site.feeder, site.checked(), request.user)
    single = request.user.role in SEES_NETWORK
    return _page(
        request,
        site,
        "feeder",
        seen=seen,
        single=single,
        map=drawings.feeder_map(site.feeder, seen) if seen and seen.buses else None,
    )


@get("/ledger", include_in_schema=False)
async def ledger(request: Asked, site: Here) -> Response[str]:
    """The ledger, with what verifies it in the browser."""
    state, member = proofs.state_of(site), request.user.member
    newest = site.records.ledger.heads[: -HEADS_SHOWN - 1 : -1] if site.records else []
    own = proofs.own_positions(site, member) if member else []
    return _page(request, site, "ledger", state=state, own=own, heads=[proofs.as_head(each) for each in newest])


@get("/home", include_in_schema=False, guards=[only(Role.MEMBER)])
async def home(request: Asked, site: Here) -> Response[str]:
    """A member's own page."""
    member = request.user.member
    bills = views.bills(site.state, member)
    return _page(
        request,
        site,
        "home",
        summary=views.member_summary(site.state, site.history, member),
        orders=views.orders(site.state, member)[:ORDERS_SHOWN],
        bills=bills[:BILLS_SHOWN],
        charge=site.charge(member),
        chart=drawings.savings_chart(bills[::-1]),
    )


@get("/operator", include_in_schema=False, guards=[only(Role.OPERATOR)])
async def operator(request: Asked, site: Here) -> Response[str]:
    """Acceptance decisions, imbalance, refusals, alarms."""
    return _page(
        request,
        site,
        "operator",
        seen=views.operations(site.state, site.history),
        decisions=views.decisions(site.state, site.history, 40),
        watched=monitoring.monitoring(site.state, site.window.watch, site.waits, site.clock()),
        connected=site.connected.is_set(),
    )


@get("/sign-in", include_in_schema=False)
async def sign_in_form(request: Asked, site: Here) -> Response[str]:
    """Where a token is entered."""
    return _page(request, site, "sign-in", failed=False)


@post("/sign-in", include_in_schema=False, status_code=200)
async def sign_in(request: Asked, site: Here) -> Response[Any]:
    """Keep a token in a cookie, if it is known."""
    _refuse_foreign(request)
    form = await request.form()
    token = str(form.get("token", "")).strip()
    viewer = site.tokens.viewer(token)
    if viewer is None:
        return _page(request, site, "sign-in", failed=True, status_code=401)
    secure = request.url.scheme == "https"
    base = request.app.state.base
    kept = Cookie(COOKIE, value=token, httponly=True, samesite="strict", secure=secure, path=base or "/")
    return Redirect(base + _first_page(viewer), status_code=303, cookies=[kept])


@post("/sign-out", include_in_schema=False, status_code=303)
async def sign_out(request: Asked) -> Redirect:
    """Forget the token."""
    _refuse_foreign(request)
    base = request.app.state.base
    return Redirect(f"{base}/", status_code=303, cookies=[Cookie(COOKIE, value="", max_age=0, path=base or "/")])


@get("/static/live.css", include_in_schema=False, media_type="text/css; charset=utf-8")
async def style() -> str:
    """The style of all pages."""
    return "\n".join(_text(package, name) for package, name in STYLES)


@get("/static/live.js", include_in_schema=False, media_type="text/javascript; charset=utf-8")
async def script() -> str:
    """What keeps a page live."""
    return _text(HERE, "static/live.js")


@get("/static/verify.js", include_in_schema=False, media_type="text/javascript; charset=utf-8")
async def verifier() -> str:
    """What verifies the ledger."""
    return _text(HERE, "static/verify.js")


@get("/favicon.ico", include_in_schema=False, media_type="image/svg+xml")
async def icon() -> str:
    """The sign of the project."""
    return _text(HERE, "static/icon.svg")


ASSETS = [style, script, icon]
PAGES = [market, feeder, ledger, verifier, home, operator, sign_in_form, sign_in, sign_out, *ASSETS]


def error_page(request: Asked, site: Site, status_code: int, text: str, headers: Mapping[str, str]) -> Response[str]:
    """What a browser is shown instead of a page."""
    page = _page(request, site, "error", status_code=status_code, text=text, code=status_code)
    page.headers.update(headers)
    return page


def _page(request: Asked, site: Site, name: str, *, status_code: int = 200, **shown: Any) -> Response[str]:
    viewer = request.scope.get("user") or Viewer()
    text = template(name).render(
        page=name,
        base=request.app.state.base,
        viewer=viewer,
        clock=views.clock(site.state, site.clock()),
        say=words.Words(site.zone, site.currency),
        meaning=MEANING,
        version=__version__,
        **shown,
    )
    return Response(text, media_type=MediaType.HTML, status_code=status_code)


def _most_interesting(intervals: Mapping[int, Interval]) -> int:
    """The newest interval whose gate has closed, else the next one to close; −1 if there is none."""
    closed = [start for start, interval in intervals.items() if interval.phase in (Phase.CLEARED, Phase.ACCEPTED)]
    return max(closed) if closed else min(intervals, default=-1)


def _named(interval: Interval, trades: tuple[views.TradeRow, ...], viewer: Viewer) -> list[drawings.Link]:
    """The trades as links: names where the viewer sees them, else numbers by size, which mean nothing later."""
    by_size: dict[tuple[str, str], int] = {}
    for trade in interval.trades:
        for side, name in (("seller", trade.seller), ("buyer", trade.buyer)):
            by_size[side, name] = by_size.get((side, name), 0) + trade.accepted_wh
    label: dict[tuple[str, str], str] = {}
    for side in ("seller", "buyer"):
        ranked = sorted((key for key in by_size if key[0] == side), key=lambda key: (-by_size[key], key))
        label |= {key: f"{side} {number}" for number, key in enumerate(ranked, start=1)}

    def shown(side: str, name: str, seen: str) -> str:
        return ("you" if name == viewer.member else seen) if seen else label[side, name]

    return [
        drawings.Link(
            shown("seller", trade.seller, row.seller), shown("buyer", trade.buyer, row.buyer), trade.accepted_wh
        )
        for trade, row in zip(interval.trades, trades, strict=True)
        if trade.accepted_wh
    ]


def _first_page(viewer: Viewer) -> str:
    return {Role.MEMBER: "/home", Role.OPERATOR: "/operator", Role.DSO: "/feeder"}.get(viewer.role, "/")


def _refuse_foreign(request: Asked) -> None:
    """A form of somebody else's page does not sign anybody in or out."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
        raise PermissionDeniedException("sent by a page of another origin")


def template(name: str) -> Template:
    """A page's template."""
    return _templates().get_template(f"{name}.html.j2")


@cache
def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
