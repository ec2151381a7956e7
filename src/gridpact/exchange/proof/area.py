"""What holds for a whole log: the members, their grid, the tariff, the intervals, the market."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from gridpact.community import Community, Member, Payer, Profiles, Tariff, TradeCharges
from gridpact.errors import InputError
from gridpact.exchange.proof.words import AreaBody, FeederTable, MembersTable, TariffTerms
from gridpact.grid import encode_feeder, read_feeder
from gridpact.horizon import Horizon
from gridpact.ledger import encode
from gridpact.units import IntArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
CHARGES = ("network_buy", "network_sell", "service_buy", "service_sell")
BY_INTERVAL = ("import_price", "export_price", "imbalance_buy", "imbalance_sell", "loss_price")


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return (time - EPOCH) // MILLISECOND


def to_text(time: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, eq=False)
class Area:
    """A market area as its opening states it.

    Attributes
    ----------
    body
        The public part.
    horizon
        The intervals.
    tariff
        Prices and charges.
    community
        Members on their feeder, without profiles; None in a public export, which seals where they are.
    charges
        What each member pays per traded kWh; None likewise.
    """

    body: AreaBody
    horizon: Horizon
    tariff: Tariff
    community: Community | None
    charges: TradeCharges | None

    @classmethod
    def read(cls, body: AreaBody, members: MembersTable | None, feeder: FeederTable | None) -> "Area":
        """Read an opening; raises `InputError` if it is no possible area."""
        start = EPOCH + body.start * MILLISECOND
        horizon = Horizon(start, body.step_ms * MILLISECOND, body.periods)
        tariff = _tariff(body.tariff, body.periods)
        if members is None or feeder is None:
            return cls(body, horizon, tariff, None, None)
        if len(members.bus) != len(body.members) or len(feeder.feeder) != 1:
            raise InputError("members or feeder are incomplete", accepted="a row a member, and one feeder")
        shape = len(body.members), body.periods
        nothing = np.broadcast_to(0.0, shape)
        people = zip(body.members, members.bus, members.phase, members.zone, strict=True)
        community = Community(
            name=body.mechanism,
            currency=body.currency,
            time_zone="UTC",
            horizon=horizon,
            members=tuple(Member(id=name, bus=bus, phase=phase, zone=zone) for name, bus, phase, zone in people),
            feeder=read_feeder(encode(feeder.feeder[0]), "feeder")[0],
            tariff=tariff,
            profiles=Profiles(nothing, nothing, nothing),
        )
        charges = TradeCharges(*(np.array(getattr(members, name), dtype=np.int64) for name in CHARGES))
        if not body.network.startswith("charges") and not _same(charges, community.charges):
            raise InputError("charges other than the tariff's", accepted="charges that follow from zone and tariff")
        return cls(body, horizon, tariff, community, charges)

    def position(self, interval: int) -> int | None:
        """Position of an interval in the horizon by its start in ms; None if it is not one of them."""
        at, rest = divmod(interval - self.body.start, self.body.step_ms)
        return at if rest == 0 and 0 <= at < self.body.periods else None

    def start_of(self, at: int) -> int:
        """Start of the interval at a position, in ms."""
        return self.body.start + at * self.body.step_ms


def opening(
    community: Community, charges: TradeCharges, mechanism: str, options: dict[str, Any], network: str
) -> tuple[AreaBody, dict[str, dict[str, list[Any]]]]:
    """The opening of an area: what everybody may read, and the tables that are sealed."""
    horizon, tariff = community.horizon, community.tariff
    terms = TariffTerms(
        **{name: _short(getattr(tariff, name)) for name in BY_INTERVAL},
        network_charge=dict(tariff.network_charge),
        service_charge=tariff.service_charge,
        payer=str(tariff.payer),
        dead_band=tariff.dead_band,
        penalty=tariff.penalty,
    )
    body = AreaBody(
        mechanism=mechanism,
        options=options,
        network=network,
        currency=community.currency,
        start=to_ms(horizon.start),
        step_ms=horizon.step // MILLISECOND,
        periods=horizon.periods,
        members=list(community.member_ids),
        tariff=terms,
    )
    members = {name: [getattr(member, name) for member in community.members] for name in ("bus", "phase", "zone")}
    members |= {name: getattr(charges, name).tolist() for name in CHARGES}
    feeder = {"feeder": [msgspec.json.decode(encode_feeder(community.feeder))]}
    return body, {"members": members, "feeder": feeder}


def _same(one: TradeCharges, other: TradeCharges) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in CHARGES)


def _short(prices: IntArray) -> int | list[int]:
    return int(prices[0]) if (prices == prices[0]).all() else prices.tolist()


def _tariff(terms: TariffTerms, periods: int) -> Tariff:
    if terms.payer not in set(Payer):
        raise InputError(f"payer {terms.payer!r}", place="tariff", accepted=", ".join(Payer))
    columns: dict[str, Any] = {}
    for name in BY_INTERVAL:
        given = np.asarray(getattr(terms, name), dtype=np.int64)
        if given.shape not in ((), (periods,)):
            raise InputError(f"{name} of {len(given)} intervals", place="tariff", accepted=f"{periods} or one number")
        columns[name] = np.broadcast_to(given, periods)
    for name in ("network_charge", "service_charge", "dead_band", "penalty"):
        columns[name] = getattr(terms, name)
    return Tariff(**columns, payer=Payer(terms.payer))
