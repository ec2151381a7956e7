"""What a market area stands in, taken from a community: rules and prices, the network, what is expected of members."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock

import msgspec
import numpy as np

from gridpact.community import Community, Member, Profiles
from gridpact.exchange import (
    Actor,
    Command,
    Exchange,
    OpenInterval,
    Phase,
    PlaceOrder,
    Prices,
    Role,
    Rules,
    Tick,
    open_area,
)
from gridpact.exchange.acceptance import Network
from gridpact.exchange.rules import DAY, HOUR
from gridpact.units import MICRO, FloatArray, to_wh

Where = tuple[str, str]
"""Bus and phase."""


def step_ms(community: Community) -> int:
    """Length of an interval."""
    return round(community.horizon.step.total_seconds() * 1000)


def start_ms(community: Community) -> int:
    """When its profiles begin, milliseconds since 1970 UTC."""
    return round((community.horizon.start - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def rules_of(community: Community, area: str, **others: object) -> Rules:
    """The rules of an area with the step and the charges of a community; ``others`` are fields of `Rules`."""
    tariff = community.tariff
    return Rules(
        area,
        step_ms=step_ms(community),
        network_charge=dict(tariff.network_charge),
        service_charge=tariff.service_charge,
        payer=tariff.payer,
        dead_band=round(tariff.dead_band * MICRO),
        penalty=tariff.penalty,
        **others,  # type: ignore[arg-type]
    )


def prices_of(community: Community) -> Callable[[int], Prices]:
    """The supplier's prices of the interval that begins at a time; after the last one of the tariff the first follows again."""
    tariff, origin, step = community.tariff, start_ms(community), step_ms(community)

    def of(start: int) -> Prices:
        at = (start - origin) // step % community.horizon.periods
        columns = (
            tariff.import_price,
            tariff.export_price,
            tariff.imbalance_buy,
            tariff.imbalance_sell,
            tariff.loss_price,
        )
        return Prices(*(int(column[at]) for column in columns))

    return of


def day_before(community: Community) -> Callable[[str, int], int]:
    """What a home of the community drew a day before an interval, without its battery, Wh; nothing of one that is not of it."""
    net_kw, step, origin = community.profiles.net_kw, step_ms(community), start_ms(community)
    row = {member: at for at, member in enumerate(community.member_ids)}

    def of(member: str, start: int) -> int:
        if member not in row:
            return 0
        at = (start - DAY - origin) // step % community.horizon.periods
        return int(to_wh(np.array(net_kw[row[member], at] * step / HOUR)))

    return of


@dataclass(slots=True)
class Places:
    """The network with whoever takes part: what `gridpact.service.duties.Desk` asks for.

    Attributes
    ----------
    community
        With the feeder, and the members that its file knows.
    joined
        Where members are connected that the file does not know.
    """

    community: Community
    joined: dict[str, Where] = field(default_factory=dict)
    _last: tuple[tuple[str, ...], Network, FloatArray] | None = None
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, members: tuple[str, ...]) -> tuple[Network, FloatArray]:
        """The network, and the mean reactive power that the community file knows of each member."""
        with self._lock:
            if self._last is None or self._last[0] != members:
                self._last = members, *self._built(members)
            return self._last[1:]

    def _built(self, members: tuple[str, ...]) -> tuple[Network, FloatArray]:
        row = {member.id: at for at, member in enumerate(self.community.members)}
        known, mean = self.community.members, self.community.profiles.q_kvar.mean(axis=1)
        people = tuple(
            known[row[name]] if name in row else Member(id=name, bus=self.joined[name][0], phase=self.joined[name][1])
            for name in members
        )
        nothing = np.broadcast_to(0.0, (len(people), self.community.horizon.periods))
        there = replace(
            self.community, members=people, profiles=Profiles(nothing, nothing, nothing), pair_premiums=None
        )
        return Network.of(there), np.array([mean[row[name]] if name in row else 0.0 for name in members])


def compile_ahead(rules: Rules, network: Network, q_kvar: FloatArray) -> None:
    """Let everything that has to be compiled be so before the clock runs: a gate that closes in vain, and a power flow."""
    people = (Actor("a", Role.MEMBER), Actor("b", Role.MEMBER))
    parties = (Actor("shop", Role.SUPPLIER), Actor("grid", Role.DSO), Actor("market", Role.EXCHANGE))
    plain = msgspec.structs.replace(rules, network_charge={"": 0})
    exchange = Exchange.from_steps([open_area(plain, (*people, *parties))], lambda _command, _key: True)
    start, prices = 10 * rules.step_ms + rules.gate_closure_ms, Prices(300_000, 80_000, 350_000, 50_000, 100_000)
    for author, body, at in (
        ("market", OpenInterval(start, prices), 0),
        ("a", PlaceOrder(start, is_buy=True, energy_wh=1_000, price=250_000), 1),
        ("b", PlaceOrder(start, is_buy=False, energy_wh=1_000, price=100_000), 2),
        ("market", Tick(), start - rules.gate_closure_ms),
    ):
        exchange.apply(exchange.decide(Command(rules.area, author, f"{at}", body), at))
    interval = exchange.state.intervals[start]
    assert interval.phase == Phase.CLEARED
    if network.members:
        network.solve(np.zeros((1, network.members)), q_kvar[None])
