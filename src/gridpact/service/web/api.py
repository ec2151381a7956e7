"""REST: what a browser or a script may ask, read-only. The types of the answers are those of `views`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Router
from litestar.datastructures import State as AppState
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.params import HeaderParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from gridpact.exchange import MemberLimit
from gridpact.exchange.state import Interval
from gridpact.exchange.values import LARGEST
from gridpact.service.web import monitoring, tariffs, views
from gridpact.service.web.access import SEES_NETWORK, Role, Viewer
from gridpact.service.web.describing import Kind, Member, Millis, Start, reading
from gridpact.service.web.feed import Heard
from gridpact.service.web.guard import only, only_itself
from gridpact.service.web.proofs import PROOFS
from gridpact.service.web.site import Charge, Here, Site

CLOCK_EVERY_S = 1.0
Asked = Request[Viewer, Any, AppState]
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


@reading("/health", "Whether the area works")
async def health(site: Here) -> Health:
    """For whoever watches the service."""
    broker = site.connected.is_set()
    return Health("ok" if broker else "degraded", site.state.rules.area, site.history.steps, broker)


@reading("/clock", "The exchange's time")
async def clock(site: Here) -> views.Clock:
    """With the lengths that give an interval its course."""
    return views.clock(site.state, site.clock())


@reading("/intervals", "All intervals whose accounts are not final")
async def intervals(site: Here) -> list[views.IntervalRow]:
    """In order of their start."""
    return list(views.intervals(site.state))


@reading("/intervals/{start:int}", "One interval", may_fail=(404,))
async def interval(site: Here, start: Start) -> views.IntervalDetail:
    """Phase, prices, anonymous book, clearing, and where the network's own limits do not hold."""
    found = views.interval_detail(site.state, site.history, site.window.books, start)
    if found is None:
        raise NotFoundException("no such interval, or its accounts are final")
    return found


@reading("/intervals/{start:int}/trades", "The trades of an interval", may_fail=(404,))
async def trades(request: Asked, site: Here, start: Start) -> list[views.TradeRow]:
    """Anonymous; with names for DSO, supplier and operator, and for a member in its own trades."""
    return list(views.trades(_interval(site, start), request.user))


@reading(
    "/intervals/{start:int}/limits",
    "Limits of members' meters in an interval",
    only(Role.MEMBER, *SEES_NETWORK),
    may_fail=(404,),
)
async def limits(request: Asked, site: Here, start: Start) -> list[MemberLimit]:
    """All of them for DSO and operator, its own for a member."""
    return list(views.limits(_interval(site, start), request.user))


@reading("/tariff/{kind:str}", "Prices ahead, as evcc reads a custom tariff")
async def tariff(site: Here, kind: Kind) -> list[tariffs.Rate]:
    """Of the intervals that are going on or to come; in units of the currency per kWh."""
    return tariffs.rates(site.state, kind, site.clock())


@reading("/tariff/{kind:str}/rates", "Prices ahead, as evcc gives them and OpenEMS reads them")
async def tariff_rates(site: Here, kind: Kind) -> tariffs.TariffAnswer:
    """By quarters of an hour."""
    return tariffs.quarters(site.state, kind, site.clock())


@reading("/tariff/{kind:str}/series", "Prices ahead, as FlexMeasures is sent them", may_fail=(404,))
async def tariff_series(site: Here, kind: Kind) -> tariffs.Series:
    """The first ones that follow each other without a gap."""
    found = tariffs.series(site.state, kind, site.clock(), site.currency)
    if found is None:
        raise NotFoundException("no interval ahead has such a price")
    return found


@reading("/feeder", "The network in the last checked interval", may_fail=(404,))
async def feeder(request: Asked, site: Here) -> views.FeederView:
    """The extremes for everybody; every bus and branch for DSO and operator."""
    found = views.feeder_view(site.feeder, site.checked(), request.user)
    if found is None:
        raise NotFoundException("no interval has been checked since the service began")
    return found


@reading("/decisions", "Trades that were cut, and why", only(*SEES_NETWORK))
async def decisions(site: Here) -> list[views.DecisionRow]:
    """Of intervals that are not final, the newest first, at most 100."""
    return list(views.decisions(site.state, site.history))


@reading("/operations", "What the operator looks at", only(Role.OPERATOR))
async def operations(site: Here) -> views.Operations:
    """Totals with imbalance, refusals by reason, alarms."""
    return views.operations(site.state, site.history)


@reading("/monitor", "Who sets prices, who trades with whom, who is served how fast", only(Role.OPERATOR))
async def monitor(site: Here) -> monitoring.Monitoring:
    """Concentration, price spread, withheld volume and imbalance over a window; waits for answers; bounds of members."""
    return monitoring.monitoring(site.state, site.window.watch, site.waits, site.clock())


@reading("/members/{member:str}", "A member's reliability and totals", only_itself)
async def member_summary(site: Here, member: Member) -> views.MemberSummary:
    """Its own only."""
    return views.member_summary(site.state, site.history, member)


@reading("/members/{member:str}/orders", "A member's orders", only_itself)
async def orders(site: Here, member: Member) -> list[views.OrderRow]:
    """Its own only; of intervals that are not final, the newest interval first."""
    return list(views.orders(site.state, member))


@reading("/members/{member:str}/bills", "A member's bills", only_itself)
async def bills(site: Here, member: Member) -> list[views.BillRow]:
    """Its own only; of intervals that are settled and not final yet, the newest first."""
    return list(views.bills(site.state, member))


@reading("/members/{member:str}/battery", "What is in a member's battery", only_itself, may_fail=(404,))
async def battery(site: Here, member: Member) -> Charge:
    """Its own only; as the member has said last."""
    found = site.charge(member)
    if found is None:
        raise NotFoundException("the member has said nothing of a battery")
    return found


@reading("/members/{member:str}/statement", "A member's bookings in a period", only_itself)
async def statement(site: Here, member: Member, begin: Millis = 0, end: Millis = LARGEST) -> views.StatementView:
    """Its own only; by the time of booking, ``end`` excluded."""
    if end < begin:
        raise ValidationException("end is before begin")
    return views.statement(site.history, member, begin, end)


@reading("/events", "What happens, as it happens (server-sent events)", may_fail=(503,))
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
        tariff,
        tariff_rates,
        tariff_series,
        feeder,
        decisions,
        operations,
        monitor,
        member_summary,
        orders,
        bills,
        battery,
        statement,
        PROOFS,
        events,
    ],
)
