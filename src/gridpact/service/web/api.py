"""REST: what a browser or a script may ask, read-only. The types of the answers are those of `views`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get
from litestar.datastructures import State as AppState
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from gridpact.exchange import MemberLimit
from gridpact.exchange.state import Interval
from gridpact.exchange.values import LARGEST
from gridpact.service.web import views
from gridpact.service.web.access import SEES_NETWORK, Role, Viewer
from gridpact.service.web.feed import Heard
from gridpact.service.web.guard import only, only_itself
from gridpact.service.web.site import Charge, Here, Site

CLOCK_EVERY_S = 1.0
Asked = Request[Viewer, Any, AppState]
Start = Annotated[
    int, PathParameter(ge=0, le=LARGEST, description="Start of the interval, milliseconds since 1970 UTC.")
]
Member = Annotated[str, PathParameter(description="Id of the member.")]
Millis = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Milliseconds since 1970 UTC.")]
LastHeard = Annotated[
    int | None,
    HeaderParameter(name="Last-Event-ID", ge=0, le=LARGEST, description="Number of the last step heard."),
]


class Health(msgspec.Struct, frozen=True):
    """Whether the area works: ``degraded`` while the broker cannot be reached; nothing is lost then."""

    status: str
    area: str
    steps: int
    broker: bool


@get("/health", summary="Whether the area works")
async def health(site: Here) -> Health:
    """For whoever watches the service."""
    broker = site.connected.is_set()
    return Health("ok" if broker else "degraded", site.state.rules.area, site.history.steps, broker)


@get("/clock", summary="The exchange's time")
async def clock(site: Here) -> views.Clock:
    """With the lengths that give an interval its course."""
    return views.clock(site.state, site.clock())


@get("/intervals", summary="All intervals whose accounts are not final")
async def intervals(site: Here) -> list[views.IntervalRow]:
    """In order of their start."""
    return list(views.intervals(site.state))


@get("/intervals/{start:int}", summary="One interval")
async def interval(site: Here, start: Start) -> views.IntervalDetail:
    """Phase, prices, anonymous book, clearing, and where the network's own limits do not hold."""
    found = views.interval_detail(site.state, site.history, site.window.books, start)
    if found is None:
        raise NotFoundException("no such interval, or its accounts are final")
    return found


@get("/intervals/{start:int}/trades", summary="The trades of an interval")
async def trades(request: Asked, site: Here, start: Start) -> list[views.TradeRow]:
    """Anonymous; with names for DSO, supplier and operator, and for a member in its own trades."""
    return list(views.trades(_interval(site, start), request.user))


@get(
    "/intervals/{start:int}/limits",
    summary="Limits of members' meters in an interval",
    guards=[only(Role.MEMBER, *SEES_NETWORK)],
)
async def limits(request: Asked, site: Here, start: Start) -> list[MemberLimit]:
    """All of them for DSO and operator, its own for a member."""
    return list(views.limits(_interval(site, start), request.user))


@get("/feeder", summary="The network in the last checked interval")
async def feeder(request: Asked, site: Here) -> views.FeederView:
    """The extremes for everybody; every bus and branch for DSO and operator."""
    found = views.feeder_view(site.feeder, site.checked(), request.user)
    if found is None:
        raise NotFoundException("no interval has been checked since the service began")
    return found


@get("/decisions", summary="Trades that were cut, and why", guards=[only(*SEES_NETWORK)])
async def decisions(site: Here) -> list[views.DecisionRow]:
    """Of intervals that are not final, the newest first, at most 100."""
    return list(views.decisions(site.state, site.history))


@get("/operations", summary="What the operator looks at", guards=[only(Role.OPERATOR)])
async def operations(site: Here) -> views.Operations:
    """Totals with imbalance, refusals by reason, alarms."""
    return views.operations(site.state, site.history)


@get("/monitor", summary="Who sets prices, who trades with whom, who is served how fast", guards=[only(Role.OPERATOR)])
async def monitor(site: Here) -> views.Monitoring:
    """Concentration, price spread, withheld volume and imbalance over a window; waits for answers; bounds of members."""
    return views.monitoring(site.state, site.window.watch, site.waits, site.clock())


@get("/members/{member:str}", summary="A member's reliability and totals", guards=[only_itself])
async def member_summary(site: Here, member: Member) -> views.MemberSummary:
    """Its own only."""
    return views.member_summary(site.state, site.history, member)


@get("/members/{member:str}/orders", summary="A member's orders", guards=[only_itself])
async def orders(site: Here, member: Member) -> list[views.OrderRow]:
    """Its own only; of intervals that are not final, the newest interval first."""
    return list(views.orders(site.state, member))


@get("/members/{member:str}/bills", summary="A member's bills", guards=[only_itself])
async def bills(site: Here, member: Member) -> list[views.BillRow]:
    """Its own only; of intervals that are settled and not final yet, the newest first."""
    return list(views.bills(site.state, member))


@get("/members/{member:str}/battery", summary="What is in a member's battery", guards=[only_itself])
async def battery(site: Here, member: Member) -> Charge:
    """Its own only; where the service plays the home itself."""
    found = site.charge(member)
    if found is None:
        raise NotFoundException("no battery, or the service does not know it")
    return found


@get("/members/{member:str}/statement", summary="A member's bookings in a period", guards=[only_itself])
async def statement(site: Here, member: Member, begin: Millis = 0, end: Millis = LARGEST) -> views.StatementView:
    """Its own only; by the time of booking, ``end`` excluded."""
    if end < begin:
        raise ValidationException("end is before begin")
    return views.statement(site.history, member, begin, end)


@get("/events", summary="What happens, as it happens (server-sent events)")
async def events(site: Here, last_heard: LastHeard = None) -> ServerSentEvent:
    """``step``: the public part of a step, its number as id; ``clock``, once a second; ``reset``, if too much was missed.

    Whoever comes back sends the id that it heard last, as browsers do.
    """
    if site.window.feed.is_full:
        raise HTTPException("too many listen", status_code=503, headers={"retry-after": "30"})
    return ServerSentEvent(_stream(site, last_heard))


async def _stream(site: Site, after: int | None) -> AsyncIterator[ServerSentEventMessage]:
    """Steps as they become durable, and the time in between; ends when the feed lets the listener go."""
    if after is not None and not site.window.feed.remembers(after):
        yield _message("reset", views.clock(site.state, site.clock()), site.history.steps - 1)
        after = None
    listening = site.window.feed.listen(after)
    following = asyncio.ensure_future(anext(listening, None))
    try:
        while True:
            yield _message("clock", views.clock(site.state, site.clock()))
            done, _ = await asyncio.wait({following}, timeout=CLOCK_EVERY_S)
            while done:
                heard: Heard | None = following.result()
                if heard is None:
                    return
                yield _message("step", heard, heard.step)
                following = asyncio.ensure_future(anext(listening, None))
                done, _ = await asyncio.wait({following}, timeout=0)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await listening.aclose()  # type: ignore[attr-defined]


def _message(kind: str, data: msgspec.Struct, number: int | None = None) -> ServerSentEventMessage:
    text = msgspec.json.encode(data).decode()
    return ServerSentEventMessage(data=text, event=kind, id=None if number is None else str(number))


def _interval(site: Site, start: int) -> Interval:
    found = site.state.intervals.get(start)
    if found is None:
        raise NotFoundException("no such interval, or its accounts are final")
    return found


API = Router(
    "/api/v1",
    route_handlers=[
        health,
        clock,
        intervals,
        interval,
        trades,
        limits,
        feeder,
        decisions,
        operations,
        monitor,
        member_summary,
        orders,
        bills,
        battery,
        statement,
        events,
    ],
)
